/*
 * Finding paths in a frozen tree as a process would that had it as its root: symbolic
 * links are followed, and never lead out of it. Pure.
 */
#ifndef O2R_FS_TREE_PATH_H
#define O2R_FS_TREE_PATH_H

#include "base/buf.h"
#include "fs/tree.h"

enum {
	TREE_LINKS_MAX = 40, /* followed for one path, as Linux does */
};

enum tree_find_flag {
	TREE_FIND_FOLLOW = 1,   /* the last part too, when it is a symbolic link */
	TREE_FIND_NO_LINKS = 2, /* follow none, not those of parents either */
};

/* What a path leads to. */
struct tree_found {
	uint32_t ino;
	uint16_t layer; /* of the path without links */
};

/*
 * Any number of slashes, "." and ".." are understood; a slash at the end asks for a
 * directory (and follows a link to one). real (may be NULL) gets the path without links,
 * no slash in front. Errors have class NOT_FOUND.
 */
int tree_find(const struct tree *t, const char *path, unsigned flags, struct buf *real,
	struct tree_found *out, struct o2r_err *err) O2R_MUST_CHECK;

/* Puts a name behind the path of its directory, with a slash between them; the root's is
 * empty. 0 or a negative code of buf_append. */
int tree_path_add(struct buf *path, const struct tree_dirent *d) O2R_MUST_CHECK;

#endif
