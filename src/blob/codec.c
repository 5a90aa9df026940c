#include "blob/codec.h"

#include <stdint.h>

#include "base/le.h"

enum codec codec_detect(const void *p, size_t n)
{
	const unsigned char *c = p;

	if (n >= 2 && c[0] == 0x1f && c[1] == 0x8b)
		return CODEC_GZIP;
	/* RFC 8878, 3.1.1 and 3.1.2: a frame, or one of 16 kinds of skippable frames */
	if (n >= 4 && (get_le32(c) == 0xfd2fb528 || get_le32(c) >> 4 == 0x184d2a5))
		return CODEC_ZSTD;
	return CODEC_PLAIN;
}

const char *codec_name(enum codec c)
{
	switch (c) {
	case CODEC_PLAIN:
		return "plain";
	case CODEC_GZIP:
		return "gzip";
	case CODEC_ZSTD:
		return "zstd";
	}
	return "unknown";
}
