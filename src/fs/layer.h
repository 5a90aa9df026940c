/*
 * Layer: a plain list of what one layer's headers say, in their order, normalised but not
 * interpreted: whiteouts, opaque marks and hard links are still entries here (merge.h is
 * the only place that knows what they mean).
 *
 * All strings and sets live in the layer's arena. Filled by one thread, then read-only.
 */
#ifndef O2R_FS_LAYER_H
#define O2R_FS_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum entry_kind {
	ENTRY_FILE,
	ENTRY_DIR,
	ENTRY_SYMLINK,
	ENTRY_HARDLINK,
	ENTRY_CHR,
	ENTRY_BLK,
	ENTRY_FIFO,
	ENTRY_SOCK,
};

/* One extended attribute; name is NUL-terminated and holds no NUL, value any bytes. */
struct xattr {
	const char *name;
	const unsigned char *value;
	uint32_t name_len;
	uint32_t value_len;
};

/* Sorted by name (byte order), names distinct. */
struct xattr_set {
	uint32_t count;
	struct xattr list[];
};

/* A piece of file data: file bytes [file_off, file_off + len) are the layer's decoded
 * bytes from src_off. What no run covers is a hole (reads as zeros). */
struct data_run {
	uint64_t file_off;
	uint64_t len;
	uint64_t src_off;
};

/* Sorted by file_off, not overlapping, within the file's size; src_off ascending. */
struct data_map {
	uint32_t count;
	struct data_run runs[];
};

/*
 * path: parts joined by '/', no leading or trailing slash, no empty, "." or ".." parts;
 * "" is the root. link: the target of a symlink as it stands (1 byte or more, no NUL),
 * or of a hard link, normalised like a path. Both NUL-terminated as well.
 */
struct entry {
	const char *path;
	const char *link;               /* NULL unless SYMLINK or HARDLINK */
	const struct xattr_set *xattrs; /* NULL: none */
	const struct data_map *map;     /* NULL: one run, data_off, the whole size */
	uint64_t size;                  /* FILE: bytes; 0 otherwise */
	uint64_t data_off;   /* FILE without map; header offset for other kinds */
	int64_t mtime;       /* seconds since 1970, may be negative */
	uint32_t mtime_nsec; /* 0 .. 999999999 */
	uint32_t uid, gid;
	uint32_t major, minor; /* CHR, BLK */
	uint32_t path_len, link_len;
	uint16_t mode; /* 07777 */
	uint8_t kind;  /* enum entry_kind */
};

struct layer {
	struct entry *entries;
	size_t count, cap;
	struct arena arena;
	uint64_t data_bytes; /* sum of the lengths of all data runs */
};

void layer_finish(struct layer *l);

#endif
