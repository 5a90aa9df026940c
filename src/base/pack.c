#include "base/pack.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/le.h"

enum {
	FORMAT = 1,
	CHUNK = 256 << 10,
	KEY_MAX = 64,
	SHA256_SIZE = 32,
};

/* Where the header's fields stand (docs/cache.md). */
enum header_at {
	AT_MAGIC = 0,
	AT_FORMAT = 8,
	AT_KIND = 12,
	AT_VERSION = 16,
	AT_COUNT = 20,
	AT_FILE_LEN = 24,
	AT_KEY_ALGO = 32,
	AT_ZERO = 36,
	AT_KEY = 40,
	AT_SECTIONS = AT_KEY + KEY_MAX,
	SECTION_SIZE = 56,
	AT_SUM = AT_SECTIONS + PACK_SECTIONS_MAX * SECTION_SIZE,
	HEADER_SIZE = AT_SUM + SHA256_SIZE,
};

enum section_at {
	AT_TAG = 0,
	AT_SECTION_ZERO = 4,
	AT_OFF = 8,
	AT_LEN = 16,
	AT_DIGEST = 24,
};

static const char magic[8] = {'o', '2', 'r', ' ', 'p', 'a', 'c', 'k'};
static const unsigned char zeros[KEY_MAX];

static void sum_header(const unsigned char *h, unsigned char sum[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, h, AT_SUM);
	sha256_final(&s, sum);
}

int pack_begin(
	struct pack_writer *w, int fd, const struct pack_id *id, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat a file of the cache");
	if (!S_ISREG(st.st_mode) || st.st_size)
		return err_set(err, ERR_FAIL, EINVAL,
			"a pack is written to an empty regular file");
	*w = (struct pack_writer){.fd = fd, .id = *id, .end = HEADER_SIZE};
	return 0;
}

static void close_section(struct pack_writer *w)
{
	if (w->open && !w->raw)
		sha256_final(&w->sha256, w->sections[w->count - 1].sha256);
	w->open = false;
}

int pack_section_begin(struct pack_writer *w, uint32_t tag, bool raw, struct o2r_err *err)
{
	close_section(w);
	for (unsigned i = 0; i < w->count; i++)
		assert(w->sections[i].tag != tag);
	if (w->count == PACK_SECTIONS_MAX)
		return err_set(err, ERR_FAIL, E2BIG, "a pack has at most %d sections",
			PACK_SECTIONS_MAX);
	w->sections[w->count++] = (struct pack_section){.tag = tag, .off = w->end};
	w->open = true;
	w->raw = raw;
	sha256_init(&w->sha256);
	return 0;
}

int pack_append(struct pack_writer *w, const void *p, size_t n, struct o2r_err *err)
{
	assert(w->open);
	if (!n)
		return 0;

	int r = pwrite_full(w->fd, p, n, w->end);

	if (r < 0)
		return err_errno(err, -r, "cannot write to a file of the cache");
	if (!w->raw)
		sha256_update(&w->sha256, p, n);
	w->end += n;
	w->sections[w->count - 1].len += n;
	return 0;
}

int pack_section(
	struct pack_writer *w, uint32_t tag, const void *p, size_t n, struct o2r_err *err)
{
	int r = pack_section_begin(w, tag, false, err);

	if (r == 0)
		r = pack_append(w, p, n, err);
	close_section(w);
	return r;
}

int pack_end(struct pack_writer *w, struct o2r_err *err)
{
	unsigned char h[HEADER_SIZE] = {0};

	close_section(w);
	memcpy(h + AT_MAGIC, magic, sizeof(magic));
	put_le32(h + AT_FORMAT, FORMAT);
	put_le32(h + AT_KIND, w->id.kind);
	put_le32(h + AT_VERSION, w->id.version);
	put_le32(h + AT_COUNT, w->count);
	put_le64(h + AT_FILE_LEN, w->end);
	put_le32(h + AT_KEY_ALGO, w->id.key.algo);
	memcpy(h + AT_KEY, w->id.key.bytes, digest_size(w->id.key.algo));
	for (unsigned i = 0; i < w->count; i++) {
		const struct pack_section *s = &w->sections[i];
		unsigned char *p = h + AT_SECTIONS + (size_t)i * SECTION_SIZE;

		put_le32(p + AT_TAG, s->tag);
		put_le64(p + AT_OFF, s->off);
		put_le64(p + AT_LEN, s->len);
		memcpy(p + AT_DIGEST, s->sha256, SHA256_SIZE);
	}
	sum_header(h, h + AT_SUM);

	int r = pwrite_full(w->fd, h, sizeof(h), 0);

	return r < 0 ? err_errno(err, -r, "cannot write to a file of the cache") : 0;
}

/* A file that others could have written is no pack of ours, whatever it holds. */
static int check_file(int fd, uint64_t *size, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat a file of the cache");
	if (!S_ISREG(st.st_mode))
		return err_corrupt(err, "it is not a regular file");
	if (st.st_uid != geteuid())
		return err_corrupt(err, "it belongs to another user (%lu)",
			(unsigned long)st.st_uid);
	if (st.st_mode & 022)
		return err_corrupt(err, "others may write to it (mode %04o)",
			(unsigned)st.st_mode & 07777);
	*size = (uint64_t)st.st_size;
	return 0;
}

static int check_id(
	const unsigned char *h, const struct pack_id *want, struct o2r_err *err)
{
	size_t key = digest_size(want->key.algo);

	if (get_le32(h + AT_KIND) != want->kind)
		return err_corrupt(err, "it is of another kind");
	if (get_le32(h + AT_VERSION) != want->version)
		return err_set(err, ERR_CORRUPT, ESTALE, "it has version %u, not %u",
			get_le32(h + AT_VERSION), want->version);
	if (get_le32(h + AT_KEY_ALGO) != want->key.algo ||
		memcmp(h + AT_KEY, want->key.bytes, key) != 0 ||
		memcmp(h + AT_KEY + key, zeros, KEY_MAX - key) != 0)
		return err_corrupt(err, "it belongs to another digest");
	return 0;
}

/* Sections follow one another without gaps: whatever stands in the file is in one. */
static int read_sections(
	struct pack_reader *r, const unsigned char *h, uint64_t size, struct o2r_err *err)
{
	uint64_t end = HEADER_SIZE;

	r->count = get_le32(h + AT_COUNT);
	if (r->count > PACK_SECTIONS_MAX)
		return err_corrupt(err, "its header counts %u sections", r->count);
	for (unsigned i = 0; i < PACK_SECTIONS_MAX; i++) {
		const unsigned char *p = h + AT_SECTIONS + (size_t)i * SECTION_SIZE;
		struct pack_section *s = &r->sections[i];

		if (i >= r->count) {
			if (memcmp(p, zeros, SECTION_SIZE) != 0)
				return err_corrupt(err, "its header is malformed");
			continue;
		}
		*s = (struct pack_section){.tag = get_le32(p + AT_TAG),
			.off = get_le64(p + AT_OFF),
			.len = get_le64(p + AT_LEN)};
		memcpy(s->sha256, p + AT_DIGEST, SHA256_SIZE);
		if (get_le32(p + AT_SECTION_ZERO) || s->off != end ||
			!add_u64(s->off, s->len, &end) || end > size)
			return err_corrupt(err, "section %u of it is malformed", i);
		for (unsigned k = 0; k < i; k++)
			if (r->sections[k].tag == s->tag)
				return err_corrupt(err, "section %u is there twice", k);
	}
	if (end != size || get_le64(h + AT_FILE_LEN) != size)
		return err_corrupt(err, "it has %llu bytes, not %llu",
			(unsigned long long)size, (unsigned long long)end);
	return 0;
}

static int read_header(
	struct pack_reader *r, const struct pack_id *want, struct o2r_err *err)
{
	unsigned char h[HEADER_SIZE], sum[SHA256_SIZE];
	uint64_t size = 0;
	int failed = check_file(r->fd, &size, err);

	if (failed < 0)
		return failed;
	if (size < HEADER_SIZE)
		return err_corrupt(err, "it is cut short");
	failed = pread_full(r->fd, h, sizeof(h), 0);
	if (failed < 0)
		return err_errno(err, -failed, "cannot read it");
	if (memcmp(h + AT_MAGIC, magic, sizeof(magic)) != 0)
		return err_corrupt(err, "it is no pack");
	if (get_le32(h + AT_FORMAT) != FORMAT)
		return err_set(err, ERR_CORRUPT, ESTALE, "it is of format %u, not %d",
			get_le32(h + AT_FORMAT), FORMAT);
	sum_header(h, sum);
	if (memcmp(sum, h + AT_SUM, SHA256_SIZE) != 0 || get_le32(h + AT_ZERO))
		return err_corrupt(err, "its header is damaged");
	failed = check_id(h, want, err);
	return failed < 0 ? failed : read_sections(r, h, size, err);
}

int pack_open(
	struct pack_reader *r, int fd, const struct pack_id *want, struct o2r_err *err)
{
	*r = (struct pack_reader){.fd = fd};
	return read_header(r, want, err);
}

static bool is_raw(const struct pack_section *s)
{
	return memcmp(s->sha256, zeros, SHA256_SIZE) == 0;
}

static int find(const struct pack_reader *r, uint32_t tag, bool raw,
	const struct pack_section **out, struct o2r_err *err)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (r->sections[i].tag != tag)
			continue;
		if (is_raw(&r->sections[i]) != raw)
			return err_corrupt(
				err, "section %u has %s digest", i, raw ? "a" : "no");
		*out = &r->sections[i];
		return 0;
	}
	return err_corrupt(err, "a section is missing");
}

int pack_len(const struct pack_reader *r, uint32_t tag, uint64_t max, size_t *len,
	struct o2r_err *err)
{
	const struct pack_section *s = NULL;
	int failed = find(r, tag, false, &s, err);

	if (failed < 0)
		return failed;
	if (s->len > MIN(max, SIZE_MAX / 4))
		return err_corrupt(err, "a section has %llu bytes, more than %llu",
			(unsigned long long)s->len, (unsigned long long)max);
	*len = (size_t)s->len;
	return 0;
}

/* One section on its way into memory. */
struct loading {
	const struct pack_section *section;
	unsigned char *p;
	size_t done;
	struct sha256 sha256;
};

static int begin_loading(const struct pack_reader *r, const struct pack_part *part,
	struct loading *l, struct o2r_err *err)
{
	int failed = find(r, part->tag, false, &l->section, err);

	if (failed < 0)
		return failed;
	if (l->section->len != part->n)
		return err_corrupt(err, "a section has %llu bytes, not %zu",
			(unsigned long long)l->section->len, part->n);
	l->p = part->p;
	l->done = 0;
	sha256_init(&l->sha256);
	return 0;
}

/* Read up to n bytes more, which are hashed while they are in the processor's cache. */
static int read_more(
	const struct pack_reader *r, struct loading *l, size_t *n, struct o2r_err *err)
{
	*n = (size_t)MIN(l->section->len - l->done, CHUNK);

	int failed = pread_full(r->fd, l->p + l->done, *n, l->section->off + l->done);

	if (failed == -ENODATA)
		return err_corrupt(err, "it is cut short");
	return failed < 0 ? err_errno(err, -failed, "cannot read it") : 0;
}

static int end_loading(struct loading *l, struct o2r_err *err)
{
	unsigned char is[SHA256_SIZE];

	sha256_final(&l->sha256, is);
	if (memcmp(is, l->section->sha256, SHA256_SIZE) != 0)
		return err_corrupt(err, "a section does not match its digest");
	return 0;
}

static int load_one(const struct pack_reader *r, struct loading *l, struct o2r_err *err)
{
	while (l->done < l->section->len) {
		size_t n = 0;
		int failed = read_more(r, l, &n, err);

		if (failed < 0)
			return failed;
		sha256_update(&l->sha256, l->p + l->done, n);
		l->done += n;
	}
	return end_loading(l, err);
}

static int load_two(const struct pack_reader *r, struct loading *a, struct loading *b,
	struct o2r_err *err)
{
	while (a->done < a->section->len && b->done < b->section->len) {
		size_t na = 0, nb = 0;
		int failed = read_more(r, a, &na, err);

		if (failed == 0)
			failed = read_more(r, b, &nb, err);
		if (failed < 0)
			return failed;
		sha256_update2(
			&a->sha256, a->p + a->done, na, &b->sha256, b->p + b->done, nb);
		a->done += na;
		b->done += nb;
	}

	int failed = load_one(r, a, err);

	return failed < 0 ? failed : load_one(r, b, err);
}

int pack_load(const struct pack_reader *r, const struct pack_part *parts, unsigned count,
	struct o2r_err *err)
{
	struct loading a = {0}, b = {0};
	int failed = 0;

	for (unsigned i = 0; i < count && failed == 0; i += 2) {
		failed = begin_loading(r, &parts[i], &a, err);
		if (failed == 0 && i + 1 < count)
			failed = begin_loading(r, &parts[i + 1], &b, err);
		if (failed == 0)
			failed = i + 1 < count ? load_two(r, &a, &b, err)
					       : load_one(r, &a, err);
	}
	return failed;
}

int pack_read(const struct pack_reader *r, uint32_t tag, size_t max, struct buf *out,
	struct o2r_err *err)
{
	size_t n = 0;
	int failed = pack_len(r, tag, max, &n, err);

	if (failed < 0)
		return failed;
	out->max = max;
	if (buf_reserve(out, n) < 0)
		return err_nomem(err);

	struct pack_part part = {.tag = tag, .p = out->data + out->len, .n = n};

	failed = pack_load(r, &part, 1, err);
	if (failed < 0)
		return failed;
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}

int pack_raw(const struct pack_reader *r, uint32_t tag, uint64_t *off, uint64_t *len,
	struct o2r_err *err)
{
	const struct pack_section *s = NULL;
	int failed = find(r, tag, true, &s, err);

	if (failed < 0)
		return failed;
	*off = s->off;
	*len = s->len;
	return 0;
}
