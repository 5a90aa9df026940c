/*
 * PAX extended headers: "LENGTH KEY=VALUE\n" records (POSIX.1-2017 pax, "pax Extended
 * Header"), with the keys of GNU tar, star and libarchive that o2r needs. Keys that it
 * does not know are skipped, as POSIX demands.
 *
 * struct tar_pax gathers what the records of one entry say. Values point into the
 * records' bytes, which must stay until tar_pax_reset. Not thread-safe.
 */
#ifndef O2R_FS_TAR_PAX_H
#define O2R_FS_TAR_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pax_str {
	const char *p; /* NULL: not given */
	size_t n;
};

/* SCHILY.xattr.NAME and LIBARCHIVE.xattr.NAME; the latter still encoded. */
struct pax_xattr {
	struct pax_str name, value;
	bool encoded;
};

/* Keys with a number as value; also the bits of tar_pax.has. */
enum pax_number {
	PAX_UID,
	PAX_GID,
	PAX_SIZE,
	PAX_MAJOR,
	PAX_MINOR,
	PAX_STAR_REALSIZE,
	PAX_SPARSE_MAJOR,
	PAX_SPARSE_MINOR,
	PAX_SPARSE_SIZE,
	PAX_SPARSE_REALSIZE,
	PAX_SPARSE_NUMBLOCKS,
	PAX_NUMBER_COUNT,
	PAX_MTIME = PAX_NUMBER_COUNT,
};

struct tar_pax {
	uint32_t has; /* 1 << enum pax_number */
	int64_t number[PAX_NUMBER_COUNT];
	int64_t mtime;
	uint32_t mtime_nsec;
	struct pax_str path, linkpath;
	struct pax_str acl_access, acl_default, acl_ace;
	struct pax_str sparse_name, sparse_map;
	uint64_t *pairs; /* GNU.sparse.offset and .numbytes in turn */
	size_t pair_count, pair_cap;
	struct pax_xattr *xattrs;
	size_t xattr_count, xattr_cap;
};

static inline bool pax_has(const struct tar_pax *pax, enum pax_number key)
{
	return pax->has >> key & 1;
}

/* Forget the values, keep the memory. */
void tar_pax_reset(struct tar_pax *pax);
void tar_pax_finish(struct tar_pax *pax);

/* Take over the records of p: later ones win over earlier ones, an empty value takes a
 * key back (but an empty xattr is an xattr). */
int tar_pax_apply(
	struct tar_pax *pax, const char *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;

/* Only whether they are records: for global headers, which no container engine applies.
 */
int pax_check(const char *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;

#endif
