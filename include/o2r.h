/*
 * o2r: container images as root filesystems.
 *
 * Open an image by reference, look at its merged file tree, write the tree as an ext4
 * image. Everything is behind opaque handles. Handles of different images are independent
 * and may be used from different threads; one image handle may be read from several
 * threads once o2r_image_load has returned (or the first call that loads implicitly).
 * There is no global state.
 *
 * Functions return 0 (or what they document) on success and a negative errno on failure,
 * and then fill *error when it is not NULL. Strings returned belong to the handle unless
 * said otherwise. Times are seconds and nanoseconds since 1970, sizes are bytes.
 */
#ifndef O2R_H
#define O2R_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

#define O2R_API __attribute__((visibility("default")))

/* Version of the library as "MAJOR.MINOR.PATCH"; static. */
O2R_API const char *o2r_version(void);

/* ---- errors -------------------------------------------------------------------------
 */

/* Classes of failure; the values are the exit codes of the o2r command. */
enum o2r_class {
	O2R_CLASS_NONE = 0,
	O2R_CLASS_FAIL = 1,
	O2R_CLASS_USAGE = 2,
	O2R_CLASS_NOT_FOUND = 3,
	O2R_CLASS_ACCESS = 4,
	O2R_CLASS_PLATFORM = 5,
	O2R_CLASS_CORRUPT = 6,
	O2R_CLASS_SPACE = 7,
	O2R_CLASS_INTERRUPTED = 130,
};

struct o2r_error {
	int code; /* negative errno, 0 when there is no error */
	enum o2r_class error_class;
	char text[1000]; /* one line, no newline */
};

/* ---- options ------------------------------------------------------------------------
 */

enum o2r_log_level {
	O2R_LOG_ERROR,
	O2R_LOG_WARN,
	O2R_LOG_INFO,
	O2R_LOG_DEBUG,
	O2R_LOG_TRACE,
};

struct o2r_progress {
	const char *stage;    /* "index", "write" or "compare"; static */
	uint64_t done, total; /* bytes; total is 0 while unknown */
	unsigned layers_done, layers;
};

/* What happens to a layer's blob (or another one) that comes from a registry. */
enum o2r_fetch_state {
	O2R_FETCH_WAITING,
	O2R_FETCH_RUNNING,  /* done grows */
	O2R_FETCH_RETRYING, /* the connection broke, or the registry asked to wait */
	O2R_FETCH_EXISTS,   /* it is in the store already */
	O2R_FETCH_DONE,     /* whole, and verified */
};

struct o2r_fetch_progress {
	const char *digest;
	unsigned layer, layers; /* its number, from 0, and how many there are */
	enum o2r_fetch_state state;
	uint64_t done, total; /* bytes; done includes what an earlier run fetched */
};

struct o2r_options;

/* NULL when out of memory. Callbacks get `arg`; they may be called from any thread, but
 * never two at a time for one image, and must not call back into the library. */
O2R_API struct o2r_options *o2r_options_create(void);
O2R_API void o2r_options_destroy(struct o2r_options *o);
/* "os/arch[/variant]"; NULL: the host's. Judged when an image is opened. */
O2R_API int o2r_options_set_platform(struct o2r_options *o, const char *platform);
/* 0: one for each processor. At most 64: -EINVAL otherwise. */
O2R_API int o2r_options_set_threads(struct o2r_options *o, unsigned threads);
O2R_API void o2r_options_set_log(struct o2r_options *o,
	void (*log)(void *arg, enum o2r_log_level level, const char *message),
	enum o2r_log_level level, void *arg);
O2R_API void o2r_options_set_progress(struct o2r_options *o,
	void (*progress)(void *arg, const struct o2r_progress *p), void *arg);
O2R_API void o2r_options_set_fetch_progress(struct o2r_options *o,
	void (*progress)(void *arg, const struct o2r_fetch_progress *p), void *arg);
/* When *cancel becomes non-zero (from a signal handler or another thread) the running
 * operation fails with O2R_CLASS_INTERRUPTED. The int must outlive the images. */
O2R_API void o2r_options_set_cancel(struct o2r_options *o, const volatile int *cancel);
/* One of: entries, path, pax-header, xattr-value, manifest, config, json-depth,
 * layer-bytes, zstd-window. -EINVAL for another name. */
O2R_API int o2r_options_set_limit(struct o2r_options *o, const char *name, uint64_t max);
/* Where indexes are kept between runs. NULL, as at first: $XDG_CACHE_HOME/o2r or
 * ~/.cache/o2r. A folder that cannot be used is a warning, not an error. */
O2R_API int o2r_options_set_cache(struct o2r_options *o, const char *dir);
/* Keep nothing, and use nothing that was kept. */
O2R_API void o2r_options_set_no_cache(struct o2r_options *o, bool on);
/* A folder that cannot be used is an error of o2r_image_open. */
O2R_API void o2r_options_set_cache_required(struct o2r_options *o, bool on);
/* Bytes of decoded layers held in memory for reading files at random; 0, as at first: 64
 * MiB. */
O2R_API void o2r_options_set_read_memory(struct o2r_options *o, uint64_t bytes);

/* Lay a directory, or an archive of any kind, on top of the image: one more layer, in
 * which .wh. names and the marks of overlayfs mean what they mean in layers. As often as
 * wanted, in this order. -ENOMEM */
O2R_API int o2r_options_add_layer(struct o2r_options *o, const char *path);
/* Add one file: to dest in the image, with mode (07777; -1: as the file has it) and
 * owner. Parents that are not there are made. -EINVAL for a dest that is no absolute
 * path. */
O2R_API int o2r_options_add_file(struct o2r_options *o, const char *path,
	const char *dest, long mode, uint32_t uid, uint32_t gid);

/* ---- registries (docs/registries.md): of images that come from one */

enum o2r_tls {
	O2R_TLS_AS_CONFIGURED, /* verified, unless registries.conf calls it insecure */
	O2R_TLS_VERIFY,        /* whatever registries.conf says */
	O2R_TLS_INSECURE,      /* https without verification, then http */
};
O2R_API void o2r_options_set_tls(struct o2r_options *o, enum o2r_tls tls);
/* Both NULL, as at first: from the credential files of podman and Docker. */
O2R_API int o2r_options_set_credentials(
	struct o2r_options *o, const char *username, const char *password);
/* The one credential file that is read. NULL, as at first: $REGISTRY_AUTH_FILE, else the
 * usual ones. */
O2R_API int o2r_options_set_authfile(struct o2r_options *o, const char *path);
/* A folder with certificates: *.crt of authorities, X.cert and X.key of the client. NULL,
 * as at first: certs.d/REGISTRY of the container tools. */
O2R_API int o2r_options_set_cert_dir(struct o2r_options *o, const char *dir);
/* Transfers at once; 0, as at first: 4. At most 32: -EINVAL otherwise. */
O2R_API int o2r_options_set_parallel(struct o2r_options *o, unsigned transfers);
/* Use the network for nothing: what is not in the cache folder is not there. */
O2R_API void o2r_options_set_offline(struct o2r_options *o, bool on);

/* ---- images -------------------------------------------------------------------------
 */

struct o2r_image;

/* Resolve a reference (oci:DIR[:TAG|@N], [docker://]NAME[:TAG][@DIGEST] in a registry, a
 * path whose kind is detected, or the mount point of a view of ours, which gives the
 * image that it shows). Reads and verifies index, manifest and config, no layer. options
 * may be NULL and is copied. */
O2R_API int o2r_image_open(const char *reference, const struct o2r_options *options,
	struct o2r_image **image, struct o2r_error *error);
O2R_API void o2r_image_close(struct o2r_image *image);

/* As it was given. */
O2R_API const char *o2r_image_reference(const struct o2r_image *image);
/* The tag that the reference names, such as "latest"; NULL: none, or a digest. */
O2R_API const char *o2r_image_tag(const struct o2r_image *image);
O2R_API const char *o2r_image_manifest_digest(const struct o2r_image *image);
/* Media type of the manifest. */
O2R_API const char *o2r_image_media_type(const struct o2r_image *image);
O2R_API const char *o2r_image_config_digest(const struct o2r_image *image);
/* Exact bytes as stored, NUL-terminated; *size (may be NULL) without the NUL. */
O2R_API const char *o2r_image_manifest_json(const struct o2r_image *image, size_t *size);
O2R_API const char *o2r_image_config_json(const struct o2r_image *image, size_t *size);
/* "os/arch[/variant]" of the config. */
O2R_API const char *o2r_image_platform(const struct o2r_image *image);

/* From the config; lists are NULL-terminated and never NULL, strings NULL when absent. */
O2R_API const char *const *o2r_image_entrypoint(const struct o2r_image *image);
O2R_API const char *const *o2r_image_cmd(const struct o2r_image *image);
O2R_API const char *const *o2r_image_env(const struct o2r_image *image);
O2R_API const char *o2r_image_working_dir(const struct o2r_image *image);
O2R_API const char *o2r_image_user(const struct o2r_image *image);
/* RFC 3339, as it stands in the config. */
O2R_API const char *o2r_image_created(const struct o2r_image *image);

struct o2r_layer_info {
	const char *digest, *diff_id, *media_type;
	uint64_t size; /* of the blob */
	/* The rest is 0 before o2r_image_load. */
	uint64_t decoded_size;
	uint64_t entries;
	uint64_t data_bytes; /* of the files it brings, holes left out */
	uint64_t live_bytes; /* of data_bytes: what the merged tree still shows */
};

O2R_API unsigned o2r_image_layer_count(const struct o2r_image *image);
/* Layer 0 is the lowest. -ERANGE for an index that is not there. */
O2R_API int o2r_image_layer(
	const struct o2r_image *image, unsigned index, struct o2r_layer_info *info);

/* What the name or tag names in its registry: the digest of an index where there is one,
 * else that of the manifest. For other sources the manifest's. */
O2R_API const char *o2r_image_named_digest(const struct o2r_image *image);
/* Whether it comes from a registry, now or earlier by way of the cache folder. */
O2R_API bool o2r_image_is_remote(const struct o2r_image *image);
/* The cache folder that is used, an absolute path. NULL: none, or none yet. */
O2R_API const char *o2r_image_cache_dir(const struct o2r_image *image);
/* Have all blobs at hand, verified: fetch what is missing of an image from a registry.
 * For other sources every blob is opened. */
O2R_API int o2r_image_fetch(struct o2r_image *image, struct o2r_error *error);
/* Write the image as an OCI layout of its own: manifest, config and layers as they are,
 * all verified. dir is made; it must not exist, or be empty. name (may be NULL) becomes
 * org.opencontainers.image.ref.name: letters and digits with one of -._:@/+ between them.
 * A failure leaves nothing. */
O2R_API int o2r_image_save(struct o2r_image *image, const char *dir, const char *name,
	struct o2r_error *error);

/* Read, verify and index all layers and merge them; done implicitly by the calls below.
 */
O2R_API int o2r_image_load(struct o2r_image *image, struct o2r_error *error);

/* ---- the merged tree ----------------------------------------------------------------
 */

/* Inode numbers are stable for one image: the root is 1, 0 is no inode. The path may
 * begin with a slash or not; "." and ".." are understood, symbolic links are not
 * followed. */
O2R_API int o2r_lookup(struct o2r_image *image, const char *path, uint64_t *ino,
	struct o2r_error *error);
/* Find a path as a process whose root is the image would: symbolic links of its parents
 * are followed, and the last part's when `follow`; at most 40. *real (real may be NULL)
 * is the path without links, "." and "..", with no slash in front: free() it. */
O2R_API int o2r_resolve(struct o2r_image *image, const char *path, bool follow,
	uint64_t *ino, char **real, struct o2r_error *error);
/* The layer that a path (no link is followed) comes from: the last one that had an entry
 * for it, or that needed it as a directory. */
O2R_API int o2r_path_layer(struct o2r_image *image, const char *path, unsigned *layer,
	struct o2r_error *error);
/* Fills mode, ino, nlink, uid, gid, rdev, size, blocks, mtime (atime and ctime equal it).
 */
O2R_API int o2r_stat(
	struct o2r_image *image, uint64_t ino, struct stat *st, struct o2r_error *error);
/* The target of a symbolic link, NUL-terminated, owned by the image. */
O2R_API int o2r_readlink(struct o2r_image *image, uint64_t ino, const char **target,
	struct o2r_error *error);
/* Entry number `index` of a directory, in byte order of the names: 1 and *name (*len
 * bytes, not NUL-terminated), *child; 0 behind the last one. */
O2R_API int o2r_readdir(struct o2r_image *image, uint64_t dir, uint64_t index,
	const char **name, size_t *len, uint64_t *child, struct o2r_error *error);
/* The layer that entry number `index` of a directory comes from. -ERANGE behind the last
 * one. */
O2R_API int o2r_readdir_layer(struct o2r_image *image, uint64_t dir, uint64_t index,
	unsigned *layer, struct o2r_error *error);
/* Xattr number `index` of an inode, in byte order of the names: 1, or 0 behind the last.
 */
O2R_API int o2r_xattr(struct o2r_image *image, uint64_t ino, unsigned index,
	const char **name, const void **value, size_t *size, struct o2r_error *error);
/* Up to n bytes of a regular file from offset; returns the number read, 0 at its end.
 * Every byte has been checked against the layer's digest. */
O2R_API int64_t o2r_read(struct o2r_image *image, uint64_t ino, void *buf, size_t n,
	uint64_t offset, struct o2r_error *error);
/* The next bytes of a regular file that are data, from offset on: 1 and [*start, *end),
 * or 0 when only a hole is left. Nothing is read. */
O2R_API int o2r_next_data(struct o2r_image *image, uint64_t ino, uint64_t offset,
	uint64_t *start, uint64_t *end, struct o2r_error *error);
/* Put inode numbers into the order in which reading the files is fastest. */
O2R_API int o2r_sort_for_reading(
	struct o2r_image *image, uint64_t *inos, size_t count, struct o2r_error *error);

struct o2r_walk_entry {
	const char *path; /* NUL-terminated too */
	size_t path_len;
	uint64_t ino;
	struct stat st;
	/* The layer that the path comes from: the last one that named it. */
	unsigned layer;
};

typedef int (*o2r_walk_fn)(void *arg, const struct o2r_walk_entry *e);
/* Depth first, parents before children, names in byte order; the root's path is "". A
 * non-zero return of the callback ends the walk and is returned. */
O2R_API int o2r_walk(
	struct o2r_image *image, o2r_walk_fn fn, void *arg, struct o2r_error *error);
/* The same from `path` on (no link is followed), which may be anything. */
O2R_API int o2r_walk_path(struct o2r_image *image, const char *path, o2r_walk_fn fn,
	void *arg, struct o2r_error *error);

/* ---- differences ---------------------------------------------------------------------
 */

enum o2r_change {
	O2R_ADDED,
	O2R_REMOVED,
	O2R_CHANGED,
};

/* What is different of a path that both have. */
enum o2r_difference {
	O2R_DIFF_TYPE = 1 << 0, /* then nothing else is compared */
	O2R_DIFF_MODE = 1 << 1,
	O2R_DIFF_OWNER = 1 << 2,
	O2R_DIFF_MTIME = 1 << 3,
	O2R_DIFF_XATTRS = 1 << 4,
	O2R_DIFF_DATA = 1 << 5,   /* of a regular file */
	O2R_DIFF_TARGET = 1 << 6, /* of a symbolic link */
	O2R_DIFF_DEVICE = 1 << 7,
	O2R_DIFF_LINKS = 1 << 8, /* other paths are the same inode */
};

struct o2r_diff_entry {
	enum o2r_change change;
	unsigned differences; /* O2R_CHANGED: of O2R_DIFF_* */
	const char *path;
	size_t path_len;
	const struct stat *before, *after; /* NULL when added, when removed */
};

typedef int (*o2r_diff_fn)(void *arg, const struct o2r_diff_entry *e);

/* Paths that differ between two images, depth first in byte order. Content is compared by
 * where it comes from first: the same place of layers with one diff_id is the same
 * content. Only files of one size from different places are read, each layer once and
 * forwards, and compared by their SHA-256; all of that before the first call of fn. A
 * non-zero return of the callback ends it and is returned. */
O2R_API int o2r_diff(struct o2r_image *a, struct o2r_image *b, o2r_diff_fn fn, void *arg,
	struct o2r_error *error);
/* What layer `index` changes: the tree of the layers below it against the one with it.
 * Those layers are indexed (or taken from their kept indexes) for this alone: the image
 * need not be loaded, and is not by this; layers above are not looked at. */
O2R_API int o2r_diff_layer(struct o2r_image *image, unsigned index, o2r_diff_fn fn,
	void *arg, struct o2r_error *error);

/* ---- the view -------------------------------------------------------------------------
 */

struct o2r_mount_options;
struct o2r_view;

O2R_API struct o2r_mount_options *o2r_mount_options_create(void);
O2R_API void o2r_mount_options_destroy(struct o2r_mount_options *o);
/* Options as mount takes them with -o, comma-separated; several calls add up. */
O2R_API int o2r_mount_options_add(struct o2r_mount_options *o, const char *options);

/* Load the image and mount it on dir through FUSE, read-only. Nothing is answered before
 * o2r_view_serve. The image outlives the view. options may be NULL. */
O2R_API int o2r_view_mount(struct o2r_image *image, const char *dir,
	const struct o2r_mount_options *options, struct o2r_view **view,
	struct o2r_error *error);
/* Answer requests until the view is unmounted (by anybody) or stopped. ready (may be
 * NULL) is called on this thread once the view answers; a non-zero return ends it. */
O2R_API int o2r_view_serve(struct o2r_view *view, int (*ready)(void *arg), void *arg,
	struct o2r_error *error);
/* Make o2r_view_serve return. From any thread or a signal handler. */
O2R_API void o2r_view_stop(struct o2r_view *view);
/* Unmount unless that has been done. */
O2R_API void o2r_view_destroy(struct o2r_view *view);

struct o2r_view_info {
	const char *mountpoint;
	const char *reference; /* absolute */
	const char *manifest_digest;
	const char *platform;
	int pid;
	bool serving;  /* the process is there */
	int64_t since; /* seconds since 1970 */
};

typedef int (*o2r_view_fn)(void *arg, const struct o2r_view_info *info);
/* The views of this user, oldest first. A non-zero return of fn ends it. */
O2R_API int o2r_views(o2r_view_fn fn, void *arg, struct o2r_error *error);
/* Unmount a view, also one whose server is gone. lazy: now, however busy. */
O2R_API int o2r_unmount(const char *dir, bool lazy, struct o2r_error *error);

/* ---- the cache folder -----------------------------------------------------------------
 */

struct o2r_cache_item {
	const char *kind;   /* "index", "decoded", "blob", "name", "partial", "archive",
			       "unfinished" */
	const char *digest; /* of the blob (of the decoded layer) that it belongs to; of a
			       name's text; of a file's end and identity; NULL when
			       unfinished: being made, or left by a run that died */
	uint64_t bytes;     /* on disk */
	int64_t used;       /* last use, seconds since 1970 */
	bool in_use;        /* by a process, now */
};

typedef int (*o2r_cache_fn)(void *arg, const struct o2r_cache_item *item);
/* dir NULL: the default one. Least recently used first. A folder that is not there is
 * empty. A non-zero return of fn ends it and is returned. */
O2R_API int o2r_cache_list(
	const char *dir, o2r_cache_fn fn, void *arg, struct o2r_error *error);
/* Remove what was not used for longest until at most max_bytes are left, nothing that is
 * in use; and what runs that died left unfinished. fn (may be NULL) hears of what is
 * removed. */
O2R_API int o2r_cache_prune(const char *dir, uint64_t max_bytes, o2r_cache_fn fn,
	void *arg, struct o2r_error *error);

/* ---- ext4 ---------------------------------------------------------------------------
 */

struct o2r_ext4_options;

O2R_API struct o2r_ext4_options *o2r_ext4_options_create(void);
O2R_API void o2r_ext4_options_destroy(struct o2r_ext4_options *o);
/* "min", or a size with an optional suffix K, M, G, T (powers of 1024). Default: 25 % and
 * at least 64 MiB free. -EINVAL when it cannot be parsed. */
O2R_API int o2r_ext4_options_set_size(struct o2r_ext4_options *o, const char *size);
/* Free space on top of the exact size: a size as above or "N%". */
O2R_API int o2r_ext4_options_set_free(struct o2r_ext4_options *o, const char *size);
/* Number of inodes left free. */
O2R_API int o2r_ext4_options_set_inodes(struct o2r_ext4_options *o, uint64_t free_inodes);
/* At most 16 bytes: -EINVAL otherwise. */
O2R_API int o2r_ext4_options_set_label(struct o2r_ext4_options *o, const char *label);
/* A UUID, or "random": one drawn now, the same for every image made with these options;
 * default: derived from the content and the options. -EINVAL for anything else. */
O2R_API int o2r_ext4_options_set_uuid(struct o2r_ext4_options *o, const char *uuid);
/* Superblock times, and the upper bound of mtimes (SOURCE_DATE_EPOCH). */
O2R_API void o2r_ext4_options_set_epoch(struct o2r_ext4_options *o, int64_t seconds);
/* Directories without a hash index. */
O2R_API void o2r_ext4_options_set_linear_dirs(struct o2r_ext4_options *o, bool on);
/* Replace an existing file; write to a block device in place. */
O2R_API void o2r_ext4_options_set_force(struct o2r_ext4_options *o, bool on);

struct o2r_ext4_info {
	uint64_t image_bytes, min_bytes;
	uint64_t blocks, free_blocks;
	uint64_t inodes, used_inodes;
	uint64_t groups, data_blocks, dir_blocks, extent_blocks, xattr_blocks;
	uint64_t metadata_bytes;
	uint32_t block_size;
	char uuid[37];
};

/* What o2r_ext4_write would write, to the byte; writes nothing. info may be NULL; print
 * (may be NULL) gets the plan line by line, a non-zero return of it ends that and is
 * returned. */
O2R_API int o2r_ext4_plan(struct o2r_image *image, const struct o2r_ext4_options *options,
	struct o2r_ext4_info *info, int (*print)(void *arg, const char *line), void *arg,
	struct o2r_error *error);
/* Write the image. A regular file appears under its name only when whole, a symbolic link
 * of that name is replaced (force), not followed; a block device is written in place
 * (force), into a pipe or character device as o2r_ext4_write_fd does. info may be NULL.
 */
O2R_API int o2r_ext4_write(struct o2r_image *image,
	const struct o2r_ext4_options *options, const char *path,
	struct o2r_ext4_info *info, struct o2r_error *error);
/* Write the image in file order to a descriptor that cannot seek (a pipe); not closed. */
O2R_API int o2r_ext4_write_fd(struct o2r_image *image,
	const struct o2r_ext4_options *options, int fd, struct o2r_ext4_info *info,
	struct o2r_error *error);

#ifdef __cplusplus
}
#endif

#endif
