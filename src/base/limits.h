/* Limits on outside input, passed down to every parser. All are inclusive maxima. */
#ifndef O2R_BASE_LIMITS_H
#define O2R_BASE_LIMITS_H

#include <stdint.h>

struct limits {
	uint64_t entries;    /* tar entries of all layers, and names of the merged tree */
	uint64_t path;       /* bytes of a path or link target in a layer */
	uint64_t pax_header; /* bytes of one PAX or GNU extension header */
	uint64_t xattr_value; /* bytes */
	uint64_t manifest;    /* bytes of an index or manifest */
	uint64_t config;      /* bytes of an image config */
	uint64_t json_depth;
	uint64_t layer_bytes; /* decoded bytes of one layer */
	uint64_t zstd_window; /* bytes */
};

#define LIMITS_DEFAULT                                                                   \
	{                                                                                \
		.entries = 16000000, .path = 64 << 10, .pax_header = 1 << 20,            \
		.xattr_value = 64 << 10, .manifest = 4 << 20, .config = 8 << 20,         \
		.json_depth = 64, .layer_bytes = 1ULL << 40, .zstd_window = 128 << 20,   \
	}

#endif
