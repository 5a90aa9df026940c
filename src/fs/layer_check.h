/*
 * What layer.h promises of an entry, checked for one that did not come through the tar
 * index. Pure; errors are of class CORRUPT and name no entry.
 */
#ifndef O2R_FS_LAYER_CHECK_H
#define O2R_FS_LAYER_CHECK_H

#include "base/err.h"
#include "base/limits.h"
#include "fs/layer.h"

struct layer_check {
	const struct limits *limits;
	uint64_t decoded_size; /* of the layer: all data lies in it */
};

/*
 * Both strings of e have a NUL at their length; there may be others. before: the entry
 * before it, which has been checked, NULL: none (neighbours in a layer share most of
 * their paths, and that part is not looked at again). *data: bytes of its data runs.
 */
int layer_check_entry(const struct layer_check *c, const struct entry *before,
	const struct entry *e, uint64_t *data, struct o2r_err *err) O2R_MUST_CHECK;

/* A set by itself; layer_check_entry looks only at whether e may have it. Names and
 * values have a NUL at their length. */
int layer_check_xattrs(const struct layer_check *c, const struct xattr_set *set,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
