/* Blobs in files, ranges of files, and memory; codecs by magic bytes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob/blob.h"
#include "blob/codec.h"
#include "unit.h"

static char dir[] = "/tmp/o2r-blob.XXXXXX";

static int path_fd(void)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void write_file(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void expect_text(struct blob *b, uint64_t off, size_t n, const char *want)
{
	char got[64] = {0};
	struct o2r_err err = {0};

	CHECK_EQ(blob_pread(b, got, n, off, &err), 0);
	CHECK_STR(got, want);
}

static void expect_past_end(struct blob *b, uint64_t off, size_t n)
{
	char got[64];
	struct o2r_err err = {0};

	CHECK(blob_pread(b, got, n, off, &err) < 0);
	CHECK_EQ(err.cls, ERR_CORRUPT);
}

static void files(int dirfd)
{
	struct blob b = {0};
	struct o2r_err err = {0};

	write_file(dirfd, "f", "0123456789");
	CHECK_EQ(blob_open_file(&b, dirfd, "f", &err), 0);
	CHECK_EQ(b.size, 10);
	expect_text(&b, 0, 10, "0123456789");
	expect_text(&b, 9, 1, "9");
	expect_text(&b, 10, 0, "");
	expect_past_end(&b, 10, 1);
	expect_past_end(&b, 9, 2);
	expect_past_end(&b, UINT64_MAX, 2);
	/* cut short while in use */
	write_file(dirfd, "f", "0123");
	expect_text(&b, 0, 4, "0123");
	expect_past_end(&b, 2, 4);
	blob_close(&b);
	blob_close(&b);
	CHECK(!b.ops);

	CHECK(blob_open_file(&b, dirfd, "none", &err) < 0);
	CHECK_EQ(err.cls, ERR_NOT_FOUND);
	CHECK(blob_open_file(&b, dirfd, ".", &err) < 0);
	CHECK(strstr(err.text, "not a regular file") != NULL);
	CHECK_EQ(mkfifoat(dirfd, "fifo", 0600), 0);
	CHECK(blob_open_file(&b, dirfd, "fifo", &err) < 0);
	CHECK(strstr(err.text, "not a regular file") != NULL);
	CHECK_EQ(symlinkat("f", dirfd, "link"), 0);
	CHECK_EQ(blob_open_file(&b, dirfd, "link", &err), 0);
	blob_close(&b);
}

static void make_fifo(int dirfd)
{
	CHECK_EQ(unlinkat(dirfd, "late", 0), 0);
	CHECK_EQ(mkfifoat(dirfd, "late", 0600), 0);
}

static void make_another(int dirfd)
{
	write_file(dirfd, "new", "abcdefghij");
	CHECK_EQ(renameat(dirfd, "new", dirfd, "late"), 0);
}

static void make_longer(int dirfd)
{
	write_file(dirfd, "late", "0123456789a");
}

static void make_none(int dirfd)
{
	CHECK_EQ(unlinkat(dirfd, "late", 0), 0);
}

/* What stands under the name when the first read opens it. */
static void opened_late(int dirfd)
{
	void (*const changes[])(int dirfd) = {
		make_fifo, make_another, make_longer, make_none};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		for (int ready = 0; ready < 2; ready++) {
			struct blob b = {0};
			struct o2r_err err = {0};
			struct stat st, now;
			char got[16] = {0};

			(void)unlinkat(dirfd, "late", 0);
			write_file(dirfd, "late", "0123456789");
			CHECK_EQ(blob_open_file(&b, dirfd, "late", &err), 0);
			CHECK_EQ(blob_identity(&b, &st), 0);
			CHECK_EQ(fstatat(dirfd, "late", &now, 0), 0);
			CHECK(st.st_ino == now.st_ino && st.st_size == 10);
			if (ready)
				CHECK_EQ(blob_ready(&b, &err), 0);
			changes[i](dirfd);
			CHECK_EQ(blob_pread(&b, got, 10, 0, &err) == 0, ready);
			if (!ready)
				CHECK(err.cls == ERR_CORRUPT || err.cls == ERR_NOT_FOUND);
			blob_close(&b);
		}
	}
}

static void *read_one(void *arg)
{
	char got[4] = {0};

	return blob_pread(arg, got, 3, 4, NULL) == 0 && strcmp(got, "456") == 0 ? NULL
										: arg;
}

/* Many threads whose read is the first one. */
static void opened_at_once(int dirfd)
{
	write_file(dirfd, "once", "0123456789");
	for (int round = 0; round < 50; round++) {
		struct blob b = {0};
		pthread_t t[4];
		void *failed;

		CHECK_EQ(blob_open_file(&b, dirfd, "once", NULL), 0);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, read_one, &b), 0);
		for (int i = 0; i < 4; i++) {
			pthread_join(t[i], &failed);
			CHECK(!failed);
		}
		blob_close(&b);
	}
}

static const struct {
	uint64_t offset, size;
	const char *text; /* NULL: refused */
} ranges[] = {
	{0, 10, "0123456789"},
	{3, 4, "3456"},
	{10, 0, ""},
	{3, 8, NULL},
	{11, 0, NULL},
	{UINT64_MAX, 2, NULL},
};

static void file_ranges(int dirfd)
{
	write_file(dirfd, "r", "0123456789");
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct blob b = {0};
		struct o2r_err err = {0};
		int fd = openat(dirfd, "r", O_RDONLY | O_CLOEXEC);
		int r = blob_open_fd(&b, fd, ranges[i].offset, ranges[i].size, &err);

		CHECK_EQ(r < 0, !ranges[i].text);
		if (r == 0) {
			expect_text(&b, 0, (size_t)b.size, ranges[i].text);
			expect_past_end(&b, b.size, 1);
		} else {
			CHECK_EQ(err.cls, ERR_CORRUPT);
		}
		blob_close(&b);
		/* owned by the blob in either case */
		CHECK(fcntl(fd, F_GETFD) < 0);
	}
}

static void memory(void)
{
	char text[] = "abcdef";
	struct blob mine = {0}, copy = {0}, empty = {0};

	CHECK_EQ(blob_open_memory(&mine, text, 6, 0, NULL), 0);
	CHECK_EQ(blob_open_memory(&copy, text, 6, 1, NULL), 0);
	CHECK_EQ(blob_open_memory(&empty, NULL, 0, 1, NULL), 0);
	text[0] = 'X';
	expect_text(&mine, 0, 6, "Xbcdef");
	expect_text(&copy, 0, 6, "abcdef");
	expect_text(&empty, 0, 0, "");
	expect_past_end(&empty, 0, 1);
	expect_past_end(&copy, 3, 4);
	blob_close(&mine);
	blob_close(&copy);
	blob_close(&empty);
}

/* A blob on its way: 6 bytes are here, and all of it will turn out wrong. */
static int half_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	memcpy(buf, (const char *)arg + off, n);
	return 0;
}

static int half_arrived(void *arg, uint64_t end, struct o2r_err *err)
{
	(void)arg;
	return end <= 6 ? 0 : err_set(err, ERR_FAIL, ECONNRESET, "broke");
}

static int half_ready(void *arg, struct o2r_err *err)
{
	(void)arg;
	return err_corrupt(err, "wrong");
}

static bool half_checks(void *arg)
{
	(void)arg;
	return true;
}

static void half_destroy(void *arg)
{
	(void)arg;
}

/* Nobody gets at bytes that are not verified, but who asks for just that. */
static void on_its_way(void)
{
	static const struct blob_ops ops = {.pread = half_pread,
		.ready = half_ready,
		.arrived = half_arrived,
		.checks = half_checks,
		.destroy = half_destroy};
	char text[] = "abcdef", got[7] = "";
	struct blob b = {.ops = &ops, .arg = text, .size = 10};
	struct o2r_err err = {0};

	CHECK(blob_checks(&b));
	CHECK_EQ(blob_pread_early(&b, got, 6, 0, &err), 0);
	CHECK_STR(got, "abcdef");
	CHECK_EQ(blob_pread_early(&b, got, 2, 5, &err), -ECONNRESET);
	CHECK_STR(err.text, "broke");
	CHECK_EQ(blob_pread(&b, got, 6, 0, &err), -EBADMSG);
	CHECK_STR(err.text, "wrong");
	CHECK(blob_pread_early(&b, got, 2, 9, &err) < 0);
	blob_close(&b);
	/* at rest the two are one */
	CHECK_EQ(blob_open_memory(&b, text, 6, 0, NULL), 0);
	CHECK_EQ(blob_pread_early(&b, got, 6, 0, &err), 0);
	CHECK_EQ(blob_preadv_cached(&b, &(struct iovec){got, 6}, 1, 0), 0);
	blob_close(&b);
}

static const struct {
	const char *bytes;
	size_t n;
	enum codec codec;
} magics[] = {
	{"", 0, CODEC_PLAIN},
	{"\x1f", 1, CODEC_PLAIN},
	{"\x1f\x8b", 2, CODEC_GZIP},
	{"\x1f\x8b\x08\x00", 4, CODEC_GZIP},
	{"\x28\xb5\x2f\xfd", 4, CODEC_ZSTD},
	{"\x28\xb5\x2f", 3, CODEC_PLAIN},
	{"\x50\x2a\x4d\x18", 4, CODEC_ZSTD},
	{"\x5f\x2a\x4d\x18", 4, CODEC_ZSTD},
	{"\x60\x2a\x4d\x18", 4, CODEC_PLAIN},
	{"\x27\xb5\x2f\xfd", 4, CODEC_PLAIN}, /* zstd 0.7 */
	{"usr/", 4, CODEC_PLAIN},
};

int main(void)
{
	CHECK(mkdtemp(dir) != NULL);

	int dirfd = path_fd();

	files(dirfd);
	opened_late(dirfd);
	opened_at_once(dirfd);
	file_ranges(dirfd);
	memory();
	on_its_way();
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		CHECK_EQ(codec_detect(magics[i].bytes, magics[i].n), magics[i].codec);
	CHECK_STR(codec_name(CODEC_PLAIN), "plain");
	CHECK_STR(codec_name(CODEC_GZIP), "gzip");
	CHECK_STR(codec_name(CODEC_ZSTD), "zstd");
	for (const char *names[] = {"f", "r", "fifo", "link", "late", "once"},
			**n = names;
		n < names + 6; n++)
		unlinkat(dirfd, *n, 0);
	close(dirfd);
	rmdir(dir);
	TEST_END;
}
