/*
 * Pool of distinct xattr sets, by number: most files of an image share a handful. Owns
 * copies of everything. One thread only.
 */
#ifndef O2R_FS_XATTR_POOL_H
#define O2R_FS_XATTR_POOL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "fs/layer.h"

struct xattr_pool {
	const struct xattr_set **sets; /* [1 .. count - 1] once used */
	size_t count, cap;
	uint32_t *slots;
	size_t slot_count;
	uint64_t hash_seed; /* values are chosen by the image's author */
	struct arena arena;
};

void xattr_pool_finish(struct xattr_pool *p);

/* The number of an equal set; 0 for NULL or an empty one. */
int xattr_pool_add(struct xattr_pool *p, const struct xattr_set *set, uint32_t *number,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Set `number` with more[0 .. count) added one by one (any order of names), those of the
 * same name replaced; one whose value is NULL is taken away. */
int xattr_pool_join(struct xattr_pool *p, uint32_t number, const struct xattr *more,
	size_t count, uint32_t *joined, struct o2r_err *err) O2R_MUST_CHECK;

/* Set `number` as it is after a chmod: the ACL's entries take the bits of mode. */
int xattr_pool_chmod(struct xattr_pool *p, uint32_t number, unsigned mode,
	uint32_t *changed, struct o2r_err *err) O2R_MUST_CHECK;

#endif
