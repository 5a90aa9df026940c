/*
 * Trees for tests: entries are added by path, mktree_finish merges them as one layer.
 * Running out of memory or a bad entry ends the program. File data is a function of its
 * offset in the layer (mktree_data), so nothing need be kept.
 */
#ifndef O2R_TESTS_MKTREE_H
#define O2R_TESTS_MKTREE_H

#include "fs/layer.h"
#include "fs/tree.h"

struct mktree {
	struct layer layer;
	uint64_t off; /* of the next file's data */
};

/* The entry may be changed until the next one is added. mtime is 1000000000. */
struct entry *mktree_dir(struct mktree *m, const char *path);
struct entry *mktree_file(struct mktree *m, const char *path, uint64_t size);
struct entry *mktree_link(struct mktree *m, const char *path, const char *target);
struct entry *mktree_hardlink(struct mktree *m, const char *path, const char *target);
struct entry *mktree_node(struct mktree *m, const char *path, enum entry_kind kind,
	uint32_t major, uint32_t minor);

/* A file with count runs, {file_off, len} each; the rest is hole. */
struct entry *mktree_sparse(struct mktree *m, const char *path, uint64_t size,
	const uint64_t (*runs)[2], uint32_t count);

/* One more attribute; to be added in the order of their names. */
void mktree_xattr(struct mktree *m, struct entry *e, const char *name, const void *value,
	uint32_t len);

/* The tree; m is empty again. mktree_try returns NULL for what cannot be merged. */
struct tree *mktree_try(struct mktree *m, struct o2r_err *err);
struct tree *mktree_finish(struct mktree *m);

/* The layer's bytes [off, off + n). */
void mktree_data(uint64_t off, void *buf, size_t n);

#endif
