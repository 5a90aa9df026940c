/* Packs: what was written comes back; what is not exactly that is refused. */
#include <errno.h>
#include <fcntl.h>

#include "base/pack.h"
#include "pack_file.h"
#include "unit.h"

enum {
	TAG_A = 'A' | 'A' << 8 | 'A' << 16 | 'A' << 24,
	TAG_B = 'B' | 'B' << 8 | 'B' << 16 | 'B' << 24,
	TAG_RAW = 'R' | 'R' << 8 | 'R' << 16 | 'R' << 24,
	TAG_EMPTY = 'E' | 'E' << 8 | 'E' << 16 | 'E' << 24,
};

static const struct pack_id id = {
	.kind = 7, .version = 3, .key = {.algo = DIGEST_SHA256, .bytes = "a key"}};
static const char a[] = "the first section", b[] = "and the second", raw[] = "raw bytes";

/* The bytes of a pack with the three sections above and an empty one. */
static void make(struct buf *out, const struct pack_id *what)
{
	int fd = pf_empty();
	struct pack_writer w;

	CHECK_EQ(pack_begin(&w, fd, what, NULL), 0);
	CHECK_EQ(pack_section(&w, TAG_A, a, sizeof(a), NULL), 0);
	CHECK_EQ(pack_section_begin(&w, TAG_RAW, true, NULL), 0);
	CHECK_EQ(pack_append(&w, raw, 3, NULL), 0);
	CHECK_EQ(pack_append(&w, raw + 3, sizeof(raw) - 3, NULL), 0);
	CHECK_EQ(pack_section_begin(&w, TAG_B, false, NULL), 0);
	CHECK_EQ(pack_append(&w, b, 1, NULL), 0);
	CHECK_EQ(pack_append(&w, b + 1, sizeof(b) - 1, NULL), 0);
	CHECK_EQ(pack_section(&w, TAG_EMPTY, NULL, 0, NULL), 0);
	CHECK_EQ(pack_end(&w, NULL), 0);
	pf_read(fd, out);
	close(fd);
}

/* Everything in it, as whoever reads such packs would: 0, or what was wrong. */
static int use(int fd, const struct pack_id *want, struct o2r_err *err)
{
	char got_a[sizeof(a)], got_b[sizeof(b)], got_raw[sizeof(raw)];
	struct pack_part parts[] = {{TAG_A, got_a, sizeof(a)}, {TAG_B, got_b, sizeof(b)},
		{TAG_EMPTY, NULL, 0}};
	struct pack_reader r;
	uint64_t off = 0, len = 0;
	int failed = pack_open(&r, fd, want, err);

	if (failed == 0)
		failed = pack_load(&r, parts, 3, err);
	if (failed == 0)
		failed = pack_raw(&r, TAG_RAW, &off, &len, err);
	if (failed < 0)
		return failed;
	CHECK_MEM(got_a, a, sizeof(a));
	CHECK_MEM(got_b, b, sizeof(b));
	if (len != sizeof(raw))
		return err_corrupt(err, "the raw section has another length");
	CHECK_EQ(pread_full(fd, got_raw, sizeof(raw), off), 0);
	return memcmp(got_raw, raw, sizeof(raw)) ? 1 : 0;
}

static int use_bytes(const struct buf *pack, const struct pack_id *want)
{
	struct o2r_err err = {0};
	int fd = pf_file(pack), r = use(fd, want, &err);

	if (r < 0) {
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(err.text[0]);
	}
	close(fd);
	return r;
}

static void round_trip(void)
{
	AUTO_BUF struct buf pack = {0}, one = {0};
	struct pack_id long_key = id;
	struct pack_reader r;
	size_t len;
	uint64_t off, n;

	make(&pack, &id);
	CHECK_EQ(pack.len, PF_HEADER + sizeof(a) + sizeof(raw) + sizeof(b));
	CHECK_EQ(use_bytes(&pack, &id), 0);

	int fd = pf_file(&pack);

	CHECK_EQ(pack_open(&r, fd, &id, NULL), 0);
	CHECK_EQ(r.count, 4);
	CHECK_EQ(pack_len(&r, TAG_B, sizeof(b), &len, NULL), 0);
	CHECK_EQ(len, sizeof(b));
	CHECK_EQ(pack_len(&r, TAG_B, sizeof(b) - 1, &len, NULL), -EBADMSG);
	CHECK_EQ(pack_len(&r, 99, 1000, &len, NULL), -EBADMSG);
	CHECK_EQ(pack_len(&r, TAG_RAW, 1000, &len, NULL), -EBADMSG);
	CHECK_EQ(pack_raw(&r, TAG_A, &off, &n, NULL), -EBADMSG);
	CHECK_EQ(pack_read(&r, TAG_A, 1000, &one, NULL), 0);
	CHECK_EQ(one.len, sizeof(a));
	CHECK_MEM(one.data, a, sizeof(a));
	close(fd);

	long_key.key.algo = DIGEST_SHA512;
	memset(long_key.key.bytes, 0x5a, 64);
	pack.len = 0;
	make(&pack, &long_key);
	CHECK_EQ(use_bytes(&pack, &long_key), 0);
	long_key.key.bytes[63] ^= 1;
	CHECK_EQ(use_bytes(&pack, &long_key), -EBADMSG);
}

/* Sections over the size that is read at once, in pairs of unlike length. */
static void large(void)
{
	enum { MOST = 3 << 20 };
	static const size_t sizes[][2] = {
		{MOST, 1}, {1, MOST}, {256 << 10, 512 << 10}, {MOST, MOST - 77}};
	unsigned char *p = malloc(MOST), *q = malloc(MOST), *got = malloc(2 * MOST);

	pf_must(p && q && got);
	for (size_t i = 0; i < MOST; i++) {
		p[i] = (unsigned char)(i * 31 >> 3);
		q[i] = (unsigned char)(i * 17 >> 2);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t m = sizes[i][0], n = sizes[i][1];
		struct pack_part parts[] = {{1, got, m}, {2, got + MOST, n}};
		struct pack_writer w;
		struct pack_reader r;
		int fd = pf_empty();

		CHECK_EQ(pack_begin(&w, fd, &id, NULL), 0);
		CHECK_EQ(pack_section(&w, 1, p, m, NULL), 0);
		CHECK_EQ(pack_section(&w, 2, q, n, NULL), 0);
		CHECK_EQ(pack_end(&w, NULL), 0);
		CHECK_EQ(pack_open(&r, fd, &id, NULL), 0);
		CHECK_EQ(pack_load(&r, parts, 2, NULL), 0);
		CHECK_MEM(got, p, m);
		CHECK_MEM(got + MOST, q, n);
		close(fd);
	}
	free(p);
	free(q);
	free(got);
}

static void limits(void)
{
	static const char text[] = "taken";
	struct pack_writer w;
	struct o2r_err err = {0};
	int fd = pf_empty();

	CHECK_EQ(pack_begin(&w, fd, &id, NULL), 0);
	for (uint32_t i = 1; i <= PACK_SECTIONS_MAX; i++)
		CHECK_EQ(pack_section(&w, i, text, 1, NULL), 0);
	CHECK_EQ(pack_section(&w, 99, text, 1, &err), -E2BIG);
	CHECK_EQ(pack_end(&w, NULL), 0);

	struct pack_reader r;

	CHECK_EQ(pack_open(&r, fd, &id, NULL), 0);
	CHECK_EQ(r.count, PACK_SECTIONS_MAX);
	/* not over something that is there */
	CHECK_EQ(pack_begin(&w, fd, &id, &err), -EINVAL);
	close(fd);
}

static void other_ids(void)
{
	AUTO_BUF struct buf pack = {0};
	struct pack_id other = id;

	make(&pack, &id);
	other.kind++;
	CHECK_EQ(use_bytes(&pack, &other), -EBADMSG);
	other = id;
	other.version++;
	CHECK_EQ(use_bytes(&pack, &other), -ESTALE);
	other = id;
	other.key.bytes[31] = 1;
	CHECK_EQ(use_bytes(&pack, &other), -EBADMSG);
	other = id;
	other.key.algo = DIGEST_SHA512;
	CHECK_EQ(use_bytes(&pack, &other), -EBADMSG);
}

/* No byte can be another one, but for those of raw sections, which their users check. */
static void every_byte(void)
{
	AUTO_BUF struct buf pack = {0};
	size_t n;

	make(&pack, &id);

	size_t from = (size_t)(pf_section(&pack, "RRRR", &n) - pf_at(&pack, 0));

	for (size_t i = 0; i < pack.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			pack.data[i] ^= (char)(1 << bit);

			int r = use_bytes(&pack, &id);

			if (i >= from && i < from + n ? r != 1 : r >= 0) {
				fprintf(stderr, "byte %zu, bit %u\n", i, bit);
				CHECK_EQ(r, -EBADMSG);
			}
			pack.data[i] ^= (char)(1 << bit);
		}
	}
	CHECK_EQ(use_bytes(&pack, &id), 0);
}

/* The same with the header's checksum right again: fields are refused for themselves. */
static void every_field(void)
{
	AUTO_BUF struct buf pack = {0};
	uint64_t v;

	make(&pack, &id);
	for (size_t at = 0; at < PF_SUM; at += 4) {
		for (unsigned w = 4; w <= 8 && at + w <= PF_SUM; w += 4) {
			unsigned char *p = pf_at(&pack, at);
			uint64_t is = pf_get(p, w);

			for (unsigned i = 0; pf_interesting(i, w, is, &v); i++) {
				if (v == is)
					continue;
				pf_put(p, w, v);
				pf_reseal_header(&pack);

				int r = use_bytes(&pack, &id);

				if (r >= 0) {
					fprintf(stderr, "field at %zu: %" PRIu64 "\n", at,
						v);
					CHECK_EQ(r, -EBADMSG);
				}
			}
			pf_put(p, w, is);
		}
	}
	pf_reseal_header(&pack);
	CHECK_EQ(use_bytes(&pack, &id), 0);
}

/* Sections that overlap, leave gaps, are there twice; right in everything else. */
static void other_tables(void)
{
	AUTO_BUF struct buf pack = {0}, bad = {0};
	size_t n;

	make(&pack, &id);
	pf_copy(&bad, &pack);
	memcpy(pf_slot(&bad, 3), "AAAA", 4);
	pf_reseal(&bad);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);

	/* two sections of the same place */
	pf_copy(&bad, &pack);
	memcpy(pf_slot(&bad, 2) + PF_OFF, pf_slot(&bad, 0) + PF_OFF, 48);
	pf_reseal(&bad);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);

	/* bytes behind the last one, counted and not */
	pf_copy(&bad, &pack);
	pf_must(buf_append(&bad, "x", 1) == 0);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);
	put_le64(pf_at(&bad, PF_FILE_LEN), bad.len);
	pf_reseal(&bad);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);

	/* a byte moves from one to the next: their digests go with them */
	pf_copy(&bad, &pack);
	put_le64(pf_slot(&bad, 0) + PF_LEN, sizeof(a) - 1);
	put_le64(pf_slot(&bad, 1) + PF_OFF, PF_HEADER + sizeof(a) - 1);
	put_le64(pf_slot(&bad, 1) + PF_LEN, sizeof(raw) + 1);
	pf_reseal(&bad);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);

	/* a section without its digest is none that has one, and the other way round */
	pf_copy(&bad, &pack);
	memset(pf_slot(&bad, 0) + PF_SHA256, 0, 32);
	pf_reseal(&bad);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);
	pf_copy(&bad, &pack);
	pf_sha256(
		pf_section(&bad, "RRRR", &n), sizeof(raw), pf_slot(&bad, 1) + PF_SHA256);
	pf_reseal(&bad);
	CHECK_EQ(use_bytes(&bad, &id), -EBADMSG);

	/* the tools of this test work */
	pf_copy(&bad, &pack);
	pf_replace(&bad, "RRRR", "longer than before", 18);
	pf_replace(&bad, "RRRR", raw, sizeof(raw));
	pf_reseal(&bad);
	CHECK_EQ(bad.len, pack.len);
	CHECK_EQ(use_bytes(&bad, &id), 0);
}

static void cut_short(void)
{
	AUTO_BUF struct buf pack = {0};

	make(&pack, &id);
	for (size_t whole = pack.len; pack.len; pack.len--)
		if (pack.len < whole)
			CHECK_EQ(use_bytes(&pack, &id), -EBADMSG);
	CHECK_EQ(use_bytes(&pack, &id), -EBADMSG);
}

static void unfinished(void)
{
	int fd = pf_empty();
	struct pack_writer w;
	struct o2r_err err = {0};

	CHECK_EQ(pack_begin(&w, fd, &id, NULL), 0);
	CHECK_EQ(use(fd, &id, &err), -EBADMSG);
	CHECK_EQ(pack_section(&w, TAG_A, a, sizeof(a), NULL), 0);
	CHECK_EQ(pack_section_begin(&w, TAG_RAW, true, NULL), 0);
	CHECK_EQ(pack_append(&w, raw, sizeof(raw), NULL), 0);
	CHECK_EQ(pack_section(&w, TAG_B, b, sizeof(b), NULL), 0);
	CHECK_EQ(pack_section(&w, TAG_EMPTY, NULL, 0, NULL), 0);
	CHECK_EQ(use(fd, &id, &err), -EBADMSG);
	CHECK_EQ(pack_end(&w, NULL), 0);
	CHECK_EQ(use(fd, &id, &err), 0);
	close(fd);
}

/* What others could have written is refused before a byte of it is read. */
static void other_files(void)
{
	static const mode_t open_modes[] = {0620, 0602, 0666, 0777};
	AUTO_BUF struct buf pack = {0};
	struct o2r_err err = {0};
	int fd, pipes[2];

	make(&pack, &id);
	fd = pf_file(&pack);
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		CHECK_EQ(fchmod(fd, open_modes[i]), 0);
		CHECK_EQ(use(fd, &id, &err), -EBADMSG);
		CHECK(strstr(err.text, "others may write"));
	}
	CHECK_EQ(fchmod(fd, 0444), 0);
	CHECK_EQ(use(fd, &id, &err), 0);
	if (geteuid() == 0) {
		CHECK_EQ(fchown(fd, 1, (gid_t)-1), 0);
		CHECK_EQ(use(fd, &id, &err), -EBADMSG);
		CHECK(strstr(err.text, "another user"));
	}
	close(fd);

	fd = open("/", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(use(fd, &id, &err), -EBADMSG);
	close(fd);
	CHECK_EQ(pipe(pipes), 0);
	CHECK_EQ(use(pipes[0], &id, &err), -EBADMSG);
	close(pipes[0]);
	close(pipes[1]);

	/* a symbolic link itself, as an opener that does not follow it may get it */
	char name[] = "/tmp/o2r-test-pack.XXXXXX";

	CHECK(mkdtemp(name));
	fd = open(name, O_RDONLY | O_DIRECTORY);
	CHECK_EQ(symlinkat("/dev/null", fd, "link"), 0);

	int link = openat(fd, "link", O_PATH | O_NOFOLLOW);

	CHECK(link >= 0);
	CHECK_EQ(use(link, &id, &err), -EBADMSG);
	close(link);
	CHECK_EQ(unlinkat(fd, "link", 0), 0);
	close(fd);
	CHECK_EQ(rmdir(name), 0);
}

int main(void)
{
	round_trip();
	large();
	limits();
	other_ids();
	every_byte();
	every_field();
	other_tables();
	cut_short();
	unfinished();
	other_files();
	TEST_END;
}
