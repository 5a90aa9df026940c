/*
 * Saved decoder states in the bytes of a pack: taken out, changed, and put back with
 * their digest right again. docs/cache.md has the format.
 */
#ifndef O2R_TESTS_BLOB_STATE_EDIT_H
#define O2R_TESTS_BLOB_STATE_EDIT_H

#include <zstd.h>

#include "pack_file.h"

enum {
	SE_RECORD = 64,
	SE_OFF = 16,
	SE_RAW = 24,
	SE_PACKED = 28,
	SE_SHA256 = 32,
	/* bytes at the front of a state that are numbers: framing, then the library's */
	SE_FRAMING = 36,
	SE_ISAL = 56,
	SE_ZLIB = 12,
};

static inline unsigned char *se_record(const struct buf *pack, size_t i)
{
	size_t n;
	unsigned char *p = pf_section(pack, "CKPT", &n);

	return i < n / SE_RECORD ? p + i * SE_RECORD : NULL;
}

static inline size_t se_count(const struct buf *pack)
{
	size_t n;

	pf_section(pack, "CKPT", &n);
	return n / SE_RECORD;
}

/* The compressed bytes of state i. */
static inline unsigned char *se_packed(const struct buf *pack, size_t i, size_t *n)
{
	const unsigned char *h = se_record(pack, i);
	unsigned char *states = pf_section(pack, "STAT", n);

	*n = get_le32(h + SE_PACKED);
	return states + get_le64(h + SE_OFF);
}

static inline void se_take(const struct buf *pack, size_t i, struct buf *raw)
{
	const unsigned char *h = se_record(pack, i);
	size_t n, size = get_le32(h + SE_RAW);
	const unsigned char *p = se_packed(pack, i, &n);

	raw->max = SIZE_MAX / 8;
	raw->len = 0;
	pf_must(buf_reserve(raw, size) == 0);
	pf_must(ZSTD_decompress(raw->data, size, p, n) == size);
	raw->len = size;
}

static inline void se_put(struct buf *pack, size_t i, const void *raw, size_t n)
{
	AUTO_BUF struct buf states = {.max = SIZE_MAX / 8};
	size_t room = ZSTD_compressBound(n), len, count = se_count(pack);
	unsigned char *packed = malloc(room);
	size_t size = ZSTD_compress(packed, room, raw, n, 1);

	pf_must(packed && !ZSTD_isError(size));
	for (size_t k = 0; k < count; k++) {
		unsigned char *h = se_record(pack, k);
		const unsigned char *p = se_packed(pack, k, &len);

		if (k == i) {
			p = packed;
			len = size;
			put_le32(h + SE_RAW, (uint32_t)n);
			put_le32(h + SE_PACKED, (uint32_t)size);
			pf_sha256(packed, size, h + SE_SHA256);
		}
		/* the old offset is not needed again */
		uint64_t off = states.len;

		pf_must(buf_append(&states, p, len) == 0);
		put_le64(h + SE_OFF, off);
	}
	free(packed);
	pf_replace(pack, "STAT", states.data, states.len);
	pf_reseal(pack);
}

#endif
