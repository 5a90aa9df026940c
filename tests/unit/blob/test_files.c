/* Many files as one blob: their bytes, where they stand, and every way in which a file
 * can turn out to be another one than was added. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "blob/files.h"
#include "blob/stream.h"
#include "unit.h"

static char dir[] = "/tmp/o2r-files.XXXXXX";
static int top;

static void write_file(const char *name, const char *text)
{
	int fd = openat(top, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static uint64_t add(struct files *f, unsigned root, const char *name)
{
	struct o2r_err err = {0};
	uint64_t off = UINT64_MAX;
	struct stat st;

	CHECK_EQ(fstatat(top, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_EQ(files_add(f, root, name, &st, &off, &err), 0);
	return off;
}

/* A blob of these; all are written anew. */
static struct blob make(const char *const names[], const char *const texts[], size_t n)
{
	struct o2r_err err = {0};
	struct blob b = {0};
	struct files *f = NULL;
	uint64_t at = 0;
	unsigned root;

	CHECK_EQ(files_create(&f, &err), 0);
	CHECK_EQ(files_add_root(f, top, "the top", &root, &err), 0);
	for (size_t i = 0; i < n; i++) {
		write_file(names[i], texts[i]);
		CHECK_EQ(add(f, root, names[i]), at);
		at += strlen(texts[i]);
	}
	CHECK_EQ(files_blob(f, &b, &err), 0);
	CHECK_EQ(b.size, at);
	return b;
}

static const char *const names[] = {"a", "empty", "b", "d/c"};
static const char *const texts[] = {"0123456789", "", "x", "abcdef"};
static const char all[] = "0123456789xabcdef";

static void bytes(void)
{
	struct blob b = make(names, texts, 4);
	struct o2r_err err = {0};

	for (size_t off = 0; off <= b.size; off++)
		for (size_t n = 0; n <= b.size - off; n++) {
			char got[32] = {0};

			CHECK_EQ(blob_pread(&b, got, n, off, &err), 0);
			CHECK_MEM(got, all + off, n);
		}

	char got[32];

	CHECK(blob_pread(&b, got, 2, b.size - 1, &err) < 0);
	blob_close(&b);
}

static void places(void)
{
	struct blob b = make(names, texts, 4), other = {0};
	struct o2r_err err = {0};
	uint64_t fd_off = 0, len = 0;
	char got[8] = {0};
	int fd = -1;

	CHECK(files_is(&b));
	CHECK_EQ(blob_open_memory(&other, "x", 1, 0, &err), 0);
	CHECK(!files_is(&other));
	CHECK_EQ(files_locate(&b, 13, &fd, &fd_off, &len, &err), 0);
	CHECK_EQ(fd_off, 2);
	CHECK_EQ(len, 4);
	CHECK_EQ(pread(fd, got, 4, 2), 4);
	CHECK_STR(got, "cdef");
	CHECK_EQ(files_check(&b, 13, fd, &err), 0);
	/* another file's descriptor */
	CHECK_EQ(files_check(&b, 0, fd, &err), -EBUSY);
	close(fd);
	CHECK(files_locate(&b, b.size, &fd, &fd_off, &len, &err) < 0);
	err_set(&err, ERR_FAIL, EIO, "why");
	files_wrap(&b, 10, &err);
	CHECK_STR(err.text, "the top/b: why");
	blob_close(&other);
	blob_close(&b);
}

static void grow(const char *name)
{
	write_file(name, "0123456789+");
}

static void cut(const char *name)
{
	int fd = openat(top, name, O_WRONLY | O_CLOEXEC);

	CHECK_EQ(ftruncate(fd, 5), 0);
	close(fd);
}

static void touch(const char *name)
{
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};

	CHECK_EQ(utimensat(top, name, t, 0), 0);
}

/* The same bytes and the same time of change as told: only ctime gives it away. */
static void rewrite(const char *name)
{
	struct timespec t[2];
	struct stat st;

	CHECK_EQ(fstatat(top, name, &st, 0), 0);
	write_file(name, "9876543210");
	t[0] = st.st_atim;
	t[1] = st.st_mtim;
	CHECK_EQ(utimensat(top, name, t, 0), 0);
}

static void replace(const char *name)
{
	write_file("new", "0123456789");
	CHECK_EQ(renameat(top, "new", top, name), 0);
}

static void vanish(const char *name)
{
	CHECK_EQ(unlinkat(top, name, 0), 0);
}

static void become_link(const char *name)
{
	CHECK_EQ(renameat(top, name, top, "moved"), 0);
	CHECK_EQ(symlinkat("moved", top, name), 0);
}

static void become_fifo(const char *name)
{
	CHECK_EQ(unlinkat(top, name, 0), 0);
	CHECK_EQ(mkfifoat(top, name, 0600), 0);
}

static void become_dir(const char *name)
{
	CHECK_EQ(unlinkat(top, name, 0), 0);
	CHECK_EQ(mkdirat(top, name, 0700), 0);
}

static void changes(void)
{
	static void (*const change[])(const char *name) = {grow, cut, touch, rewrite,
		replace, vanish, become_link, become_fifo, become_dir};

	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		struct blob b = make(names, texts, 4);
		struct o2r_err err = {0};
		uint64_t fd_off, len;
		char got[32] = {0};
		int fd;

		/* clocks of files have ticks of some milliseconds */
		usleep(20000);
		change[i]("a");
		CHECK_EQ(blob_pread(&b, got, 4, 0, &err), -EBUSY);
		CHECK_EQ(err.cls, ERR_FAIL);
		CHECK(strstr(err.text, "the top/a changed") != NULL);
		CHECK_EQ(files_locate(&b, 0, &fd, &fd_off, &len, &err), -EBUSY);
		/* the others are as they were */
		CHECK_EQ(blob_pread(&b, got, 7, 10, &err), 0);
		CHECK_STR(got + 4, "def");
		blob_close(&b);
		CHECK(unlinkat(top, "a", 0) == 0 ||
			unlinkat(top, "a", AT_REMOVEDIR) == 0 || errno == ENOENT);
	}
}

/* A directory on the way becomes a link to one with the same files. */
static void way(void)
{
	struct blob b = make(names, texts, 4);
	struct o2r_err err = {0};
	char got[8];

	CHECK_EQ(renameat(top, "d", top, "real"), 0);
	CHECK_EQ(symlinkat("real", top, "d"), 0);
	CHECK_EQ(blob_pread(&b, got, 1, 11, &err), -EBUSY);
	CHECK_EQ(unlinkat(top, "d", 0), 0);
	CHECK_EQ(renameat(top, "real", top, "d"), 0);
	blob_close(&b);
}

static void too_large(void)
{
	struct stat st = {.st_mode = S_IFREG, .st_size = INT64_MAX};
	struct o2r_err err = {0};
	struct files *f = NULL;
	uint64_t off;

	CHECK_EQ(files_create(&f, &err), 0);
	CHECK_EQ(files_add(f, 0, "a", &st, &off, &err), 0);
	st.st_size = 1;
	CHECK_EQ(files_add(f, 0, "b", &st, &off, &err), -EFBIG);
	files_destroy(f);
	files_destroy(NULL);
}

/* A stream over them has no checksums, and its digest is what it is told. */
static void streams(void)
{
	struct blob b = make(names, texts, 4);
	struct digest id = {.algo = DIGEST_SHA256, .bytes = {1, 2, 3}};
	struct stream *s = NULL;
	struct o2r_err err = {0};
	uint64_t fd_off, len;
	int fd = -1;

	CHECK_EQ(stream_of(&b, &id, &s, &err), 0);
	CHECK_EQ(stream_size(s), b.size);
	CHECK_EQ(stream_is_seekable(s), 1);
	CHECK(stream_is_files(s));
	CHECK(digest_equal(stream_diff_id(s), &id));
	CHECK_EQ(stream_locate(s, 10, &fd, &fd_off, &len, &err), 0);
	CHECK_EQ(len, 1);
	CHECK_EQ(stream_locate_check(s, 10, fd, &err), 0);
	close(fd);
	stream_destroy(s);
	blob_close(&b);
}

int main(void)
{
	char command[64];

	CHECK(mkdtemp(dir) != NULL);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQ(mkdirat(top, "d", 0700), 0);
	bytes();
	places();
	changes();
	way();
	too_large();
	streams();
	close(top);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK_EQ(system(command), 0);
	TEST_END;
}
