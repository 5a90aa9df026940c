/* How a layer's bytes are encoded at rest; told by magic bytes, not by names. */
#ifndef O2R_BLOB_CODEC_H
#define O2R_BLOB_CODEC_H

#include <stddef.h>

enum codec {
	CODEC_PLAIN,
	CODEC_GZIP, /* RFC 1952, any number of members */
	CODEC_ZSTD, /* RFC 8878, any number of frames, skippable ones too */
};

/* From the first bytes of a blob (4 are enough; fewer mean a shorter blob). */
enum codec codec_detect(const void *p, size_t n);
const char *codec_name(enum codec c); /* "plain", "gzip", "zstd" */

#endif
