/* What is behind the opaque handles of o2r.h; private to the files that join the rooms.
 */
#ifndef O2R_HANDLE_H
#define O2R_HANDLE_H

#include <pthread.h>
#include <stdint.h>

#include "base/ctx.h"
#include "base/digest.h"
#include "base/file.h"
#include "blob/span_cache.h"
#include "blob/stream.h"
#include "ext4/ext4.h"
#include "fs/tree.h"
#include "o2r.h"
#include "sources/image.h"
#include "sources/registry/settings.h"

struct o2r_options {
	char *platform;
	unsigned threads; /* 0: one for each processor */
	void (*log)(void *arg, enum o2r_log_level level, const char *message);
	enum o2r_log_level level;
	void *log_arg;
	void (*progress)(void *arg, const struct o2r_progress *p);
	void *progress_arg;
	void (*fetch_progress)(void *arg, const struct o2r_fetch_progress *p);
	void *fetch_progress_arg;
	const volatile int *cancel;
	struct limits limits;
	char *cache_dir; /* NULL: the default one */
	bool no_cache, cache_required;
	uint64_t read_memory;              /* 0: the default */
	struct registry_settings registry; /* its strings are ours */
	struct image_extra *extras;        /* likewise */
	size_t extra_count, extra_cap;
};

/* One layer's text forms, made once so that callers get stable pointers. */
struct layer_text {
	struct digest_text digest, diff_id;
	uint64_t entries;
	uint64_t data_bytes, live_bytes;
};

struct o2r_image {
	struct o2r_options options;
	struct ctx ctx;
	pthread_mutex_t callback_lock; /* ctx.lock */
	pthread_mutex_t load_lock;     /* streams, tree: set once */
	pthread_mutex_t read_lock;     /* read_cache: set once */
	struct image *image;
	struct digest_text manifest_digest, config_digest, named_digest;
	char platform[100];
	char *tag; /* that the reference names, or NULL */
	struct layer_text *layers;
	struct stream **streams; /* one a layer, once loaded */
	/* Of the lowest layers of a view that was opened again: what it shows, in digests
	 * of blobs, or of diff_ids where there is no blob. */
	struct digest *expected;
	unsigned expected_count;
	struct tree *tree;   /* NULL before o2r_image_load */
	struct store *store; /* NULL: none is used (o2r_index.h) */
	bool store_tried;
	_Atomic bool cache_warned;
	struct span_cache *read_cache; /* NULL: nobody has read yet */
	struct tmpfile *copies;        /* one a layer: decoded copies being made */
};

struct o2r_ext4_options {
	struct ext4_options plan;
	bool uuid_set;
	bool force;
};

/* Copy the inner error out. Returns err->code. */
int o2r_fail(struct o2r_error *out, const struct o2r_err *err);

/* Put the image's reference in front of the text. Returns err->code. */
int o2r_wrap_reference(const struct o2r_image *image, struct o2r_err *err);

/* SHA-256 of what makes the image's bytes: diff_ids, root time, options (docs/ext4.md).
 */
int o2r_ext4_identity(struct o2r_image *image, struct ext4_options *o, bool uuid_set,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Sets the image's tag. */
int o2r_find_tag(struct o2r_image *image, struct o2r_err *err) O2R_MUST_CHECK;

/* How this image's sources are opened. */
struct image_options o2r_open_options(struct o2r_image *image);

/* The tree, loaded when it is not yet. */
int o2r_load_tree(struct o2r_image *image, struct o2r_err *err) O2R_MUST_CHECK;

/* The same, and inode ino of it. */
int o2r_get_inode(struct o2r_image *image, uint64_t ino, const struct tree_inode **out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The cache through which all reads of file data go, made when first asked for. It is the
 * image's; who uses it must be done before the image is closed. */
int o2r_read_cache(struct o2r_image *image, struct span_cache **out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* For o2r_image_close, before the streams go. */
void o2r_read_close(struct o2r_image *image);

/* Open the blobs of all layers: from now on they cannot be replaced. */
int o2r_open_blobs(struct o2r_image *image, struct o2r_err *err) O2R_MUST_CHECK;

#endif
