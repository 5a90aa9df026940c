/* Members of archives by their names: at offsets, in memory, on disk, through links. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_case.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "sources/archive.h"
#include "unit.h"

enum {
	LARGE = ARCHIVE_SMALL + 1000,
};

static const struct ctx plain_ctx = {.threads = 1, .limits = LIMITS_DEFAULT};

static void close_archive(struct archive_file **a)
{
	archive_close(*a);
}
#define AUTO_ARCHIVE CLEANUP(close_archive)

static bool holds(const struct archive_file *a, const char *name, const char *content)
{
	CLEANUP(blob_close) struct blob b = {0};
	char got[200] = "";

	if (archive_blob(a, name, &b, NULL) < 0 || b.size >= sizeof(got) ||
		blob_pread(&b, got, (size_t)b.size, 0, NULL) < 0)
		return false;
	return strcmp(got, content) == 0 && archive_has(a, name);
}

static bool fails(const struct archive_file *a, const char *name, const char *says)
{
	struct o2r_err err = {0};
	struct blob b = {0};
	int r = archive_blob(a, name, &b, &err);

	if (r < 0 && err.cls == ERR_CORRUPT && strstr(err.text, says) &&
		!archive_has(a, name))
		return true;
	fprintf(stderr, "%s: %d, %s\n", name, r, err.text);
	return false;
}

static void fill(struct buf *tar)
{
	archive_case_add(tar, '5', "d/", "");
	archive_case_add(tar, '0', "./a", "first");
	archive_case_add(tar, '0', "d//b", "in d");
	archive_case_add(tar, '0', "empty", "");
	archive_case_add(tar, '0', "a", "the last counts");
	archive_case_add(tar, '0', "/abs", "x");
	archive_case_add(tar, '0', "../up", "x");
	archive_case_add(tar, '0', "d/../c", "cut");
	archive_case_add(tar, '0', ".", "x");
	archive_case_add(tar, '1', "hard", "./d/b");
	archive_case_add(tar, '2', "d/soft", "../a");
	archive_case_add(tar, '2', "chain", "d/soft");
	archive_case_add(tar, '2', "out", "../a");
	archive_case_add(tar, '2', "root", "/a");
	archive_case_add(tar, '1', "hardout", "/a");
	archive_case_add(tar, '2', "none", "nothing");
	archive_case_add(tar, '2', "self", "self");
	archive_case_add(tar, '2', "ring1", "ring2");
	archive_case_add(tar, '1', "ring2", "ring1");
	archive_case_add(tar, '6', "fifo", "");
	archive_case_end(tar);
}

static void check_members(int fd)
{
	AUTO_ARCHIVE struct archive_file *a = NULL;
	struct o2r_err err = {0};
	struct blob b = {0};

	CHECK_EQ(archive_open(fd, "x", NULL, &plain_ctx, &a, &err), 0);
	if (!a)
		return;
	CHECK(holds(a, "a", "the last counts") && holds(a, "./a", "the last counts"));
	CHECK(holds(a, "d/b", "in d") && holds(a, "d/./x/..//b", "in d"));
	CHECK(holds(a, "empty", "") && holds(a, "c", "cut") && holds(a, "hard", "in d"));
	CHECK(holds(a, "d/soft", "the last counts"));
	CHECK(holds(a, "chain", "the last counts"));
	static const char *const absent[] = {"abs", "/abs", "/a", "up", "../up", "..",
		".", "", "d", "fifo", "e", "d/b/c"};
	for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
		CHECK_EQ(archive_blob(a, absent[i], &b, &err), -ENOENT);
		CHECK(!archive_has(a, absent[i]));
	}
	CHECK(fails(a, "out", "out is a link to ../a, which is not in the archive"));
	CHECK(fails(a, "root", "which is not in the archive"));
	CHECK(fails(a, "hardout", "which is not in the archive"));
	CHECK(fails(a, "none", "which the archive does not have"));
	CHECK(fails(a, "self", "which leads on and on"));
	CHECK(fails(a, "ring1", "which leads on and on"));
}

static void members(void)
{
	AUTO_BUF struct buf tar = {0}, behind = {0};
	int fd;

	fill(&tar);
	check_members(archive_case_file(&tar));
	check_members(archive_case_pipe(&tar));
	/* from where the file stands */
	CHECK_EQ(buf_append(&behind, "twelve bytes", 12), 0);
	CHECK_EQ(buf_append(&behind, tar.data, tar.len), 0);
	fd = archive_case_file(&behind);
	CHECK_EQ(lseek(fd, 12, SEEK_SET), 12);
	check_members(fd);
}

/* A blob stays good without its archive, wherever it is. */
static void large_files(int fd)
{
	AUTO_FREE unsigned char *got = malloc(LARGE);
	struct archive_file *a = NULL;
	struct blob one = {0}, two = {0};

	CHECK_EQ(archive_open(fd, "x", NULL, &plain_ctx, &a, NULL), 0);
	if (!a || !got)
		return;
	CHECK_EQ(archive_blob(a, "one", &one, NULL), 0);
	CHECK_EQ(archive_blob(a, "two", &two, NULL), 0);
	archive_close(a);
	CHECK_EQ(one.size, LARGE);
	CHECK_EQ(blob_pread(&one, got, LARGE, 0, NULL), 0);
	CHECK(got[0] == '1' && got[LARGE - 1] == '1');
	CHECK_EQ(blob_pread(&two, got, LARGE, 0, NULL), 0);
	CHECK(got[0] == '2' && got[LARGE - 1] == '2');
	CHECK(blob_pread(&two, got, 1, LARGE, NULL) < 0);
	blob_close(&one);
	blob_close(&two);
}

/* As `gzip -c` would: in stored blocks. */
static void gzip_stored(struct buf *out, const struct buf *in);

static uint32_t crc(const unsigned char *p, size_t n)
{
	uint32_t c = ~0u;

	while (n--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
	}
	return ~c;
}

static void append_le(struct buf *out, uint32_t v, size_t n)
{
	for (; n--; v >>= 8)
		CHECK_EQ(buf_append(out, (char[]){(char)(v & 255)}, 1), 0);
}

static void gzip_stored(struct buf *out, const struct buf *in)
{
	CHECK_EQ(buf_append(out, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10), 0);
	for (size_t at = 0; at < in->len;) {
		size_t n = MIN(in->len - at, 65535);

		append_le(out, at + n == in->len, 1);
		append_le(out, (uint32_t)n, 2);
		append_le(out, ~(uint32_t)n & 0xffff, 2);
		CHECK_EQ(buf_append(out, in->data + at, n), 0);
		at += n;
	}
	append_le(out, crc((unsigned char *)in->data, in->len), 4);
	append_le(out, (uint32_t)in->len, 4);
}

static void large(void)
{
	AUTO_BUF struct buf tar = {0}, packed = {0};
	AUTO_FREE char *data = malloc(LARGE);

	memset(data, '1', LARGE);
	archive_case_data(&tar, "one", data, LARGE);
	memset(data, '2', LARGE);
	archive_case_data(&tar, "two", data, LARGE);
	archive_case_end(&tar);
	large_files(archive_case_file(&tar));
	gzip_stored(&packed, &tar);
	large_files(archive_case_file(&packed));
}

static bool open_fails(int fd, const struct ctx *ctx, const char *says)
{
	struct archive_file *a = NULL;
	struct o2r_err err = {0};
	int r = archive_open(fd, "the name", NULL, ctx, &a, &err);

	if (r < 0 && !a && strstr(err.text, "the name: ") && strstr(err.text, says))
		return true;
	fprintf(stderr, "%d: %s\n", r, err.text);
	archive_close(a);
	return false;
}

static void refused(void)
{
	AUTO_BUF struct buf tar = {0}, bad = {0}, packed = {0};
	AUTO_FREE char *data = calloc(1, LARGE);
	const volatile int stop = 1;
	struct ctx limited = plain_ctx, stopped = plain_ctx;

	limited.limits.layer_bytes = LARGE + 10;
	stopped.cancel = &stop;
	CHECK(open_fails(archive_case_file(&tar), &plain_ctx, "nothing in it to read"));
	CHECK_EQ(buf_append(&bad, "no tar", 6), 0);
	CHECK(open_fails(archive_case_file(&bad), &plain_ctx, "is no tar archive"));
	archive_case_data(&tar, "one", data, LARGE);
	archive_case_data(&tar, "two", data, LARGE);
	archive_case_end(&tar);
	CHECK(open_fails(archive_case_file(&tar), &stopped, "interrupted"));
	gzip_stored(&packed, &tar);
	CHECK(open_fails(archive_case_file(&packed), &limited, "--limit layer-bytes=N"));
	limited.limits.layer_bytes = LARGE - 1;
	CHECK(open_fails(archive_case_file(&tar), &limited, "--limit layer-bytes=N"));
	tar.len -= 1024 + 512 + LARGE % 512;
	CHECK(open_fails(archive_case_file(&tar), &plain_ctx, "cut short"));
	tar.len = 300;
	CHECK(open_fails(archive_case_file(&tar), &plain_ctx, "is no tar archive"));
}

static char scratch[] = "/tmp/o2r-test-archive.XXXXXX";

static void close_store(struct store **s)
{
	store_close(*s);
}

static struct store *open_store(void)
{
	struct store *s = NULL;

	CHECK_EQ(store_open(scratch, true, &s, NULL), 0);
	if (!s)
		exit(1);
	return s;
}

/* The same file from its start. */
static int reopened(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Whether the log says that an archive was not decoded. */
static void hear(void *arg, enum log_level level, const char *msg)
{
	(void)level;
	if (strstr(msg, "decoded before"))
		++*(unsigned *)arg;
}

/* Opens, which decodes it unless it is kept; how often that was so till now. */
static unsigned open_again(int fd, struct store *s, const struct ctx *ctx)
{
	AUTO_ARCHIVE struct archive_file *a = NULL;
	CLEANUP(blob_close) struct blob one = {0};
	int dup = reopened(fd);
	char got[1] = "";

	CHECK_EQ(archive_open(dup, "x", s, ctx, &a, NULL), 0);
	if (!a)
		return 0;
	CHECK(holds(a, "a", "small") && holds(a, "link", "small") && holds(a, "d/e", ""));
	CHECK(holds(a, "d/hard", "small") && !archive_has(a, "f"));
	CHECK(fails(a, "out", "which is not in the archive"));
	CHECK_EQ(archive_blob(a, "one", &one, NULL), 0);
	CHECK_EQ(one.size, LARGE);
	CHECK(blob_pread(&one, got, 1, LARGE - 1, NULL) == 0 && got[0] == '1');
	return *(unsigned *)ctx->arg;
}

/* Returns the digest of its large file. */
static struct digest fill_kept(struct buf *packed)
{
	AUTO_BUF struct buf tar = {0};
	AUTO_FREE char *data = malloc(LARGE);
	struct digest d = {0};

	memset(data, '1', LARGE);
	CHECK_EQ(digest_of(DIGEST_SHA256, data, LARGE, &d, NULL), 0);
	archive_case_data(&tar, "one", data, LARGE);
	archive_case_add(&tar, '0', "./a", "small");
	archive_case_add(&tar, '0', "d//e", "");
	archive_case_add(&tar, '1', "d/hard", "a");
	archive_case_add(&tar, '2', "link", "./d/hard");
	archive_case_add(&tar, '2', "out", "../a");
	archive_case_end(&tar);
	gzip_stored(packed, &tar);
	return d;
}

/* Decoded once, however many runs read it; again when something is not as it was. */
static void kept(void)
{
	AUTO_BUF struct buf packed = {0};
	CLEANUP(close_store) struct store *s = open_store();
	unsigned heard = 0, before;
	struct ctx ctx = plain_ctx, small = plain_ctx;
	struct digest large;
	AUTO_FD int fd = -1;

	ctx.log = hear;
	ctx.arg = &heard;
	ctx.level = LOG_DEBUG;
	large = fill_kept(&packed);
	fd = archive_case_file(&packed);
	/* it is too young to be believed at first */
	for (int i = 0; i < 100 && open_again(fd, s, &ctx) == 0; i++)
		usleep(100000);
	CHECK_EQ(heard, 1);
	CHECK_EQ(open_again(fd, s, &ctx), 2);

	/* what it is too large for with other limits is an error as ever */
	small.limits.layer_bytes = LARGE - 1;
	CHECK(open_fails(reopened(fd), &small, "--limit layer-bytes=N"));

	/* another file, then the same with its large file pruned */
	CHECK_EQ(pwrite_full(fd, "\x03", 1, 9), 0);
	before = heard;
	CHECK_EQ(open_again(fd, s, &ctx), before);
	for (int i = 0; i < 100 && open_again(fd, s, &ctx) == before; i++)
		usleep(100000);
	CHECK_EQ(heard, before + 1);
	store_drop(s, STORE_BLOB, &large);
	CHECK_EQ(open_again(fd, s, &ctx), before + 1);
	CHECK_EQ(open_again(fd, s, &ctx), before + 2);
}

int main(void)
{
	char cmd[100];

	CHECK(mkdtemp(scratch) != NULL);
	members();
	large();
	refused();
	kept();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", scratch);
	CHECK_EQ(system(cmd), 0);
	TEST_END;
}
