/*
 * Packs for tests: a pack's bytes in memory, looked at and changed without the code under
 * test, with all digests made right again when that is wanted. docs/cache.md has the
 * format.
 */
#ifndef O2R_TESTS_PACK_FILE_H
#define O2R_TESTS_PACK_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/le.h"
#include "base/sha256.h"

enum {
	PF_COUNT = 20,
	PF_FILE_LEN = 24,
	PF_SECTIONS = 104,
	PF_SECTION = 56,
	PF_SLOTS = 16,
	PF_SUM = PF_SECTIONS + PF_SLOTS * PF_SECTION,
	PF_HEADER = PF_SUM + 32,
	/* in a section's slot */
	PF_OFF = 8,
	PF_LEN = 16,
	PF_SHA256 = 24,
};

static inline void pf_must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "test setup failed\n");
		abort();
	}
}

/* An empty file that is fit for a pack. */
static inline int pf_empty(void)
{
	int fd = memfd_create("pack", MFD_CLOEXEC);

	pf_must(fd >= 0 && fchmod(fd, 0600) == 0);
	return fd;
}

static inline int pf_file(const struct buf *b)
{
	int fd = pf_empty();

	pf_must(pwrite_full(fd, b->data, b->len, 0) == 0);
	return fd;
}

static inline void pf_read(int fd, struct buf *b)
{
	struct stat st;

	b->max = SIZE_MAX / 8;
	pf_must(fstat(fd, &st) == 0 && buf_reserve(b, (size_t)st.st_size) == 0);
	pf_must(pread_full(fd, b->data, (size_t)st.st_size, 0) == 0);
	b->len = (size_t)st.st_size;
}

static inline void pf_copy(struct buf *to, const struct buf *from)
{
	to->max = SIZE_MAX / 8;
	to->len = 0;
	pf_must(buf_append(to, from->data, from->len) == 0);
}

static inline unsigned char *pf_at(const struct buf *b, size_t off)
{
	return (unsigned char *)b->data + off;
}

static inline unsigned char *pf_slot(const struct buf *b, unsigned i)
{
	return pf_at(b, PF_SECTIONS + (size_t)i * PF_SECTION);
}

static inline void pf_sha256(const void *p, size_t n, unsigned char out[32])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, p, n);
	sha256_final(&s, out);
}

static inline void pf_reseal_header(struct buf *b)
{
	pf_sha256(b->data, PF_SUM, pf_at(b, PF_SUM));
}

/* The slot of the section with this tag ("NAME"). */
static inline unsigned char *pf_find(const struct buf *b, const char *tag)
{
	for (unsigned i = 0; i < PF_SLOTS; i++)
		if (memcmp(pf_slot(b, i), tag, 4) == 0)
			return pf_slot(b, i);
	pf_must(false);
	return NULL;
}

static inline unsigned char *pf_section(const struct buf *b, const char *tag, size_t *n)
{
	const unsigned char *slot = pf_find(b, tag);

	*n = (size_t)get_le64(slot + PF_LEN);
	return pf_at(b, (size_t)get_le64(slot + PF_OFF));
}

/* All digests right again; a section without one stays so. */
static inline void pf_reseal(struct buf *b)
{
	static const unsigned char zeros[32];

	for (unsigned i = 0; i < get_le32(pf_at(b, PF_COUNT)); i++) {
		unsigned char *s = pf_slot(b, i);

		if (memcmp(s + PF_SHA256, zeros, 32) != 0)
			pf_sha256(pf_at(b, (size_t)get_le64(s + PF_OFF)),
				(size_t)get_le64(s + PF_LEN), s + PF_SHA256);
	}
	pf_reseal_header(b);
}

/* Other bytes for a section; what stands behind it moves. Not resealed. */
static inline void pf_replace(struct buf *b, const char *tag, const void *p, size_t n)
{
	AUTO_BUF struct buf old = {0};
	unsigned char *slot = pf_find(b, tag);
	size_t off = (size_t)get_le64(slot + PF_OFF);
	size_t len = (size_t)get_le64(slot + PF_LEN), at = off + n;

	pf_copy(&old, b);
	put_le64(slot + PF_LEN, n);
	for (slot += PF_SECTION; slot < pf_at(b, PF_SUM) && get_le32(slot);
		slot += PF_SECTION) {
		put_le64(slot + PF_OFF, at);
		at += (size_t)get_le64(slot + PF_LEN);
	}
	put_le64(pf_at(b, PF_FILE_LEN), at);
	b->len = off;
	pf_must(buf_append(b, p, n) == 0);
	pf_must(buf_append(b, old.data + off + len, old.len - off - len) == 0);
}

/* Values that a field of w bytes may not survive; i from 0 until false. */
static inline bool pf_interesting(unsigned i, unsigned w, uint64_t is, uint64_t *out)
{
	static const uint64_t fixed[] = {0, 1, 2, 7, 8, 16, 64, 255, 256, 4096, 32768,
		65535, 65536, 1 << 20, INT32_MAX, 1ULL << 31, UINT32_MAX, 1ULL << 32,
		1ULL << 40, INT64_MAX, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX};
	enum { FIXED = sizeof(fixed) / sizeof(fixed[0]), BITS = 64 };

	if (i < FIXED)
		*out = fixed[i];
	else if (i < FIXED + 2)
		*out = i == FIXED ? is + 1 : is - 1;
	else if (i < FIXED + 2 + BITS)
		*out = is ^ 1ULL << (i - FIXED - 2);
	else
		return false;
	if (w < 8)
		*out &= (1ULL << 8 * w) - 1;
	return true;
}

static inline uint64_t pf_get(const unsigned char *p, unsigned w)
{
	return w == 1 ? *p : w == 2 ? get_le16(p) : w == 4 ? get_le32(p) : get_le64(p);
}

static inline void pf_put(unsigned char *p, unsigned w, uint64_t v)
{
	switch (w) {
	case 1:
		*p = (unsigned char)v;
		break;
	case 2:
		put_le16(p, (uint16_t)v);
		break;
	case 4:
		put_le32(p, (uint32_t)v);
		break;
	default:
		put_le64(p, v);
	}
}

#endif
