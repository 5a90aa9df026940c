/* Walking two trees at once, private to this room. */
#ifndef O2R_FS_TREE_PAIRS_H
#define O2R_FS_TREE_PAIRS_H

#include "base/buf.h"
#include "fs/tree.h"

/* What a path is in each of them; 0: nothing. */
struct tree_pair {
	const char *path; /* NUL-terminated too */
	size_t path_len;
	uint32_t a, b;
};

typedef int (*tree_pair_fn)(void *arg, const struct tree_pair *p, struct o2r_err *err);

/* Every path of either, depth first, names in byte order. A non-zero return of fn ends it
 * and is returned. */
int tree_pairs(const struct tree *a, const struct tree *b, tree_pair_fn fn, void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
