/*
 * The extended attributes of a tar entry: those of its PAX records that an image keeps
 * (docs/layers.md, rule 9), with ACLs checked and brought in line with the mode, as one
 * sorted set. One thread.
 */
#ifndef O2R_FS_TAR_XATTR_H
#define O2R_FS_TAR_XATTR_H

#include "base/arena.h"
#include "base/limits.h"
#include "fs/tar_member.h"
#include "fs/warn.h"

/* Kinds of warnings about attributes that are left out, for warn.h. */
enum tar_xattr_warning {
	WARN_XATTR_PREFIX,
	WARN_XATTR_USER,
	WARN_ACL_DEFAULT,
	WARN_ACL_SYMLINK,
	WARN_ACL_NFS4,
	WARN_ACL_NAME,
	WARN_XATTR_KINDS,
};

struct xattr_item;

/* Zero-initialise, then set the first four. */
struct tar_xattrs {
	const struct limits *limits;
	struct warn *warn;
	struct arena *arena; /* where the sets go */
	struct xattr_item *items;
	size_t count, cap;
	unsigned char *scratch; /* decoded names and values of one entry */
	size_t scratch_len, scratch_cap;
	const struct xattr_set *last; /* repeated sets are stored once in a row */
};

void tar_xattrs_free(struct tar_xattrs *x);

/* *out is NULL when nothing is left; path (normalised) is for warnings. */
int tar_xattrs_build(struct tar_xattrs *x, const struct tar_member *m, const char *path,
	size_t path_len, const struct xattr_set **out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
