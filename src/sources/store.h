/*
 * Store: the cache folder (docs/cache.md). Content-addressed files of a few kinds, made
 * under a temporary name and renamed when whole, so that any number of processes may use
 * and fill it at once; who uses a file holds a shared lock on it, and pruning leaves
 * locked files alone.
 *
 *     DIR/CACHEDIR.TAG
 *     DIR/index/sha256/HEX     what is known about a layer blob (packs)
 *     DIR/index/sha256/HEX.seen  which files on disk were verified to be that blob
 *     DIR/decoded/sha256/HEX   decoded copies of layers without random access
 *     DIR/blobs/sha256/HEX     blobs fetched from elsewhere
 *     DIR/blobs/sha256/HEX.used  its mtime is when the blob was last used
 *     DIR/names/sha256/HEX     what a name of a registry meant; HEX: SHA-256 of the name
 *     DIR/partial/sha256/HEX   blobs of which a part was fetched (store_partial.h)
 *     DIR/partial/sha256/HEX.ranges  which part
 *     DIR/archives/sha256/HEX  what a packed archive holds; HEX: archive_kept.c
 *     DIR/tmp/                 files being made
 *
 * The folder is private to its owner (0700): one that belongs to somebody else, that
 * others may write, or that was not made for this (it has files, but not our tag) is not
 * used. Nothing here is precious: every file can be made again, and any of them may be
 * removed by anybody at any moment. The mtime of a file is when it was last used (of a
 * blob: that of HEX.used, for its own times tell whether it is the file that was seen).
 *
 * Functions may be called from any thread; a store handle is immutable after opening.
 */
#ifndef O2R_SOURCES_STORE_H
#define O2R_SOURCES_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/file.h"

enum store_kind {
	STORE_INDEX,
	STORE_DECODED,
	STORE_BLOB,
	STORE_NAME,
	STORE_PARTIAL,
	STORE_ARCHIVE,
	STORE_UNFINISHED, /* a file in tmp/: only in lists */
};

struct store;

/* dir NULL: $XDG_CACHE_HOME/o2r, or ~/.cache/o2r. Made when it is not there and `make`,
 * otherwise that is -ENOENT. */
int store_open(const char *dir, bool make, struct store **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void store_close(struct store *s);
const char *store_dir(const struct store *s); /* absolute */

/*
 * Open a kept file for reading, without following links, with a shared lock (which lasts
 * as long as the descriptor and its duplicates), its use noted. Returns the descriptor,
 * or -ENOENT when it is not kept.
 */
int store_get(struct store *s, enum store_kind kind, const struct digest *d,
	struct o2r_err *err) O2R_MUST_CHECK;
bool store_has(struct store *s, enum store_kind kind, const struct digest *d);
/* Remove what turned out to be of no use. */
void store_drop(struct store *s, enum store_kind kind, const struct digest *d);
/* The same of a blob if fd still is the file of that name: whether it was. */
bool store_drop_blob(struct store *s, const struct digest *d, int fd);

/* A file being made; tmpfile_finish (file.h) discards it. */
int store_begin(struct store *s, struct tmpfile *t, struct o2r_err *err) O2R_MUST_CHECK;
/* Give it its name, over one that is there; t->fd stays open, with a shared lock, and is
 * the caller's (readable and writable: nobody may write any more). */
int store_publish(struct store *s, struct tmpfile *t, enum store_kind kind,
	const struct digest *d, struct o2r_err *err) O2R_MUST_CHECK;

/* Keep a small document under the digest that the caller verified. Readers verify it
 * again, and drop it when it is damaged. */
int store_put(struct store *s, enum store_kind kind, const struct digest *d,
	const void *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;

/* Note what a name ("docker.io/library/nginx:latest") means now, and find what it meant:
 * -ENOENT when that is not known. *media_type is malloc'd, NULL when there is none. */
int store_note_name(struct store *s, const char *name, const struct digest *d,
	const char *media_type, struct o2r_err *err) O2R_MUST_CHECK;
int store_find_name(struct store *s, const char *name, struct digest *d,
	char **media_type, struct o2r_err *err) O2R_MUST_CHECK;

/*
 * Whether a file on disk was verified to hold the blob: by device, inode, size, mtime and
 * ctime as fstat tells them. A change that the clock of the filesystem is too coarse to
 * show is allowed for: a file whose ctime is younger than the time before its
 * verification began (less a moment) is not noted.
 */
bool store_seen(struct store *s, const struct digest *blob, const struct stat *st);
/* st: of the file before it was verified; began: CLOCK_REALTIME of that moment, NULL for
 * a file of the store by whoever made and verified it, when nobody else could write. */
void store_note_seen(struct store *s, const struct digest *blob, const struct stat *st,
	const struct timespec *began);
/* No file counts as seen any more: something that was is not the blob. */
void store_forget_seen(struct store *s, const struct digest *blob);

struct store_item {
	enum store_kind kind;
	struct digest digest; /* DIGEST_NONE: unfinished */
	uint64_t bytes;       /* on disk, with what belongs to it */
	int64_t used;         /* seconds since 1970 */
	bool in_use;          /* locked by somebody */
};

/* Each kept file, least recently used first. A non-zero return of fn ends it. */
int store_list(struct store *s, int (*fn)(void *arg, const struct store_item *item),
	void *arg, struct o2r_err *err) O2R_MUST_CHECK;
/*
 * Remove files, least recently used first, until at most max_bytes are kept; those in use
 * stay. What interrupted runs left in tmp/ goes in any case. fn (may be NULL) hears of
 * each file that was removed.
 */
int store_prune(struct store *s, uint64_t max_bytes,
	int (*fn)(void *arg, const struct store_item *item), void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
