/* What the parts of a path in a layer mean, private to this room. */
#ifndef O2R_FS_LAYER_PARTS_H
#define O2R_FS_LAYER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum part_kind {
	PART_NAME,
	PART_WHITEOUT, /* .wh.NAME */
	PART_OPAQUE,   /* .wh..wh..opq */
	PART_AUFS,     /* another name that begins with .wh..wh. */
	PART_INVALID,  /* ".wh.", ".wh..", ".wh..." */
};

enum {
	WH_LEN = 4,       /* strlen(".wh.") */
	PART_BYTES = 255, /* NAME_MAX of Linux */
};

static inline enum part_kind part_kind(const char *p, size_t n)
{
	if (n < WH_LEN || memcmp(p, ".wh.", WH_LEN) != 0)
		return PART_NAME;
	if (n == 12 && memcmp(p, ".wh..wh..opq", 12) == 0)
		return PART_OPAQUE;
	if (n >= 8 && memcmp(p, ".wh..wh.", 8) == 0)
		return PART_AUFS;
	if (n <= 6 && memcmp(p + WH_LEN, "..", n - WH_LEN) == 0)
		return PART_INVALID;
	return PART_WHITEOUT;
}

/* Take the next part off a path; false at its end. Empty parts are skipped. */
static inline bool next_part(
	const char **path, size_t *left, const char **part, size_t *len)
{
	while (*left && **path == '/') {
		(*path)++;
		(*left)--;
	}
	if (!*left)
		return false;

	const char *slash = memchr(*path, '/', *left);

	*part = *path;
	*len = slash ? (size_t)(slash - *path) : *left;
	*path += *len;
	*left -= *len;
	return true;
}

#endif
