/*
 * The extended attributes of a file in a directory layer: what they say of it (marks of
 * overlayfs and fuse-overlayfs, override_stat), and those that the image keeps, by the
 * rules of docs/layers.md (rule 9) and docs/directories.md. One thread.
 */
#ifndef O2R_FS_DIR_ATTRS_H
#define O2R_FS_DIR_ATTRS_H

#include <stdbool.h>

#include "base/ctx.h"
#include "blob/dir_layer.h"
#include "fs/dir_stat_text.h"
#include "fs/layer.h"
#include "fs/warn.h"

enum {
	DIR_ATTR_LIST_MAX = 64 << 10, /* the kernel's own limits */
	DIR_ATTR_VALUE_MAX = 64 << 10,
	DIR_ATTR_COUNT_MAX = 4096,
};

/* The kind of warning that is counted here. */
enum {
	WARN_DIR_ATTR_LEFT_OUT, /* ext4 cannot hold it */
};

/* Zero-initialise, then set the first four. */
struct dir_attrs {
	const struct dir_rules *rules;
	const struct ctx *ctx;
	struct warn *warn;
	struct arena *arena; /* where sets go */
	char *list, *value;
	struct xattr *items;
	size_t count, cap;
	const struct xattr_set *last; /* repeated sets are stored once in a row */
};

struct dir_marks {
	bool opaque;     /* overlay.opaque "y", fuseoverlayfs.opaque */
	bool xwhiteouts; /* overlay.opaque "x": files in it may be whiteouts */
	bool whiteout;   /* overlay.whiteout */
	bool redirect;   /* overlay.redirect; its value in redirect_path */
	bool metacopy;   /* overlay.metacopy */
	bool overridden; /* stat says: */
	struct stat_text stat;
	const char *redirect_path; /* in the arena */
};

/*
 * path: of the file, through /proc/self/fd, its last part not followed; kind and mode as
 * they are without marks. marks->stat is known before the ACLs are brought in line with
 * its mode. -EINVAL (class CORRUPT): a mark that cannot be understood.
 */
int dir_attrs_read(struct dir_attrs *a, const char *path, enum entry_kind kind,
	unsigned mode, struct dir_marks *marks, const struct xattr_set **set,
	struct o2r_err *err) O2R_MUST_CHECK;
void dir_attrs_finish(struct dir_attrs *a);

#endif
