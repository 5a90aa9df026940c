/* What indexing a directory is made of, for dir_index.c and dir_overlay.c. */
#ifndef O2R_FS_DIR_INDEX_IMPL_H
#define O2R_FS_DIR_INDEX_IMPL_H

#include <sys/stat.h>

#include "base/buf.h"
#include "fs/dir_attrs.h"
#include "fs/dir_index.h"
#include "fs/dir_links.h"

struct dir_indexer {
	const struct ctx *ctx;
	struct layer *layer;
	struct files *files;
	struct dir_links links;
	struct dir_attrs attrs;
	struct warn warn;
};

/* A file that has been looked at, and how it is reached. */
struct dir_file {
	const struct dir_layer *in;
	unsigned root;     /* of `in`, in files */
	int parent;        /* descriptor of its directory */
	const char *name;  /* in it; "" is the directory itself */
	const char *below; /* its path in `in` */
	struct stat st;
	enum entry_kind kind;
	struct dir_marks marks;
	const struct xattr_set *xattrs;
};

int dir_indexer_init(struct dir_indexer *x, const struct ctx *ctx, struct layer *layer,
	const char *name, struct o2r_err *err) O2R_MUST_CHECK;
void dir_indexer_finish(struct dir_indexer *x);

/* stat and attributes; f->in, parent, name, below are given. */
int dir_file_look(
	struct dir_indexer *x, struct dir_file *f, struct o2r_err *err) O2R_MUST_CHECK;
/* Is it a whiteout, in a directory with these marks? */
bool dir_file_is_whiteout(const struct dir_file *f, const struct dir_marks *parent);
/* Add its entry at path. data: whose content it has, f itself but for a metacopy. */
int dir_file_add(struct dir_indexer *x, const struct dir_file *f,
	const struct dir_file *data, const char *path,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Add an entry that stands for no file: a whiteout. */
int dir_mark_add(
	struct dir_indexer *x, const char *path, struct o2r_err *err) O2R_MUST_CHECK;

/* Whether the marks of this layer can be seen at all, by who we are. */
int dir_layer_check(const struct dir_layer *d, struct o2r_err *err) O2R_MUST_CHECK;

/* SHA-256 of all that the entries say. */
int dir_identity(const struct layer *l, struct digest *out) O2R_MUST_CHECK;

/* "DIR/name"; the part behind the slash only where DIR is empty. -ENAMETOOLONG as err. */
int dir_path_join(struct buf *out, const char *dir, const char *name, uint64_t max,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
