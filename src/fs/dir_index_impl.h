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
	uint64_t mount; /* of a directory: what it is on */
	enum entry_kind kind;
	struct dir_marks marks;
	const struct xattr_set *xattrs;
};

/* What dir_indexer counts and cuts short. */
enum dir_warning {
	WARN_DIR_ATTR = WARN_DIR_ATTR_LEFT_OUT,
	WARN_DIR_MOUNT,
};

int dir_indexer_init(struct dir_indexer *x, const struct ctx *ctx, struct layer *layer,
	const char *name, struct o2r_err *err) O2R_MUST_CHECK;
void dir_indexer_finish(struct dir_indexer *x);

/* stat and attributes; f->in, parent, name, below are given. */
int dir_file_look(
	struct dir_indexer *x, struct dir_file *f, struct o2r_err *err) O2R_MUST_CHECK;
/* Is it a whiteout, in a directory with these marks? */
bool dir_file_is_whiteout(const struct dir_file *f, const struct dir_marks *parent);
/* Does what it shows stand below, in another layer? */
bool dir_file_needs_lower(const struct dir_file *f);
/* -EINVAL: a name that would be a whiteout in a layer, from a store that marks those
 * otherwise. */
int dir_name_check(
	const struct dir_layer *in, const char *name, struct o2r_err *err) O2R_MUST_CHECK;
/* Add its entry at path. data: whose content it has, f itself but for a metacopy. */
int dir_file_add(struct dir_indexer *x, const struct dir_file *f,
	const struct dir_file *data, const char *path,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Add an entry that is a mark by its name. */
int dir_mark_add(
	struct dir_indexer *x, const char *path, struct o2r_err *err) O2R_MUST_CHECK;
/* A device 0:0, whatever the store has: .wh.NAME would be too long for a long name. */
int dir_whiteout_add(
	struct dir_indexer *x, const char *path, struct o2r_err *err) O2R_MUST_CHECK;
/* "DIR/.wh..wh..opq". */
int dir_opaque_add(
	struct dir_indexer *x, const char *dir, struct o2r_err *err) O2R_MUST_CHECK;
/* The path of the entry that was added last; lasts as long as the layer. */
const char *dir_last_path(const struct dir_indexer *x);
/* Say that another filesystem is mounted at path, of which nothing is taken. */
void dir_warn_mount(struct dir_indexer *x, const char *path);

/* A failed call, by its errno, in words that say what to do. */
int dir_failed(int errnum, const char *what, struct o2r_err *err);
/* "LAYER/path: " in front of an error; returns r. */
int dir_wrap(const struct dir_layer *in, const char *path, int r, struct o2r_err *err);
/* -EBUSY unless the open directory is as it was. */
int dir_check_same(int fd, const struct stat *before, struct o2r_err *err) O2R_MUST_CHECK;

/* Whether the marks of this layer can be seen at all, by who we are. */
int dir_layer_check(const struct dir_layer *d, struct o2r_err *err) O2R_MUST_CHECK;

/* SHA-256 of all that the entries say. */
int dir_identity(const struct layer *l, struct digest *out) O2R_MUST_CHECK;

/* "DIR/name"; the part behind the slash only where DIR is empty. -ENAMETOOLONG as err. */
int dir_path_join(struct buf *out, const char *dir, const char *name, uint64_t max,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
