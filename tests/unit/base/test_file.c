/* Files: whole reads and writes, output that appears only when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/file.h"
#include "unit.h"

static char dir[] = "/tmp/o2r-test-file.XXXXXX";

static void put(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	CHECK(fd >= 0 && write_full(fd, text, strlen(text)) == 0);
	close(fd);
}

/* The file's content, or "-" when there is none. */
static const char *content(const char *name)
{
	static char text[100];
	struct buf b AUTO_BUF = {0};
	struct o2r_err err;

	if (file_read(AT_FDCWD, name, sizeof(text) - 1, &b, &err) < 0)
		return "-";
	snprintf(text, sizeof(text), "%s", b.data);
	return text;
}

static unsigned files(void)
{
	char command[100];
	unsigned n = 0;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);

	FILE *p = popen(command, "r");

	CHECK(p && fscanf(p, "%u", &n) == 1);
	if (p)
		pclose(p);
	return n;
}

static void clear(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s/* %s/.[!.]*", dir, dir);
	CHECK_EQ(system(command), 0);
}

static int write_new(const char *target, bool replace, struct o2r_err *err)
{
	struct tmpfile t = TMPFILE_INIT;
	int r = tmpfile_open(&t, target, replace, err);

	if (r < 0) {
		CHECK_EQ(t.fd, -1);
		return r;
	}
	CHECK_EQ(write_full(t.fd, "new", 3), 0);
	r = tmpfile_publish(&t, replace, err);
	CHECK_EQ(t.fd, -1);
	tmpfile_finish(&t);
	tmpfile_finish(&t);
	return r;
}

static void published(void)
{
	struct o2r_err err = {0};
	struct tmpfile t;
	struct stat st;

	CHECK_EQ(write_new("f", false, &err), 0);
	CHECK_STR(content("f"), "new");
	CHECK_EQ(files(), 1);
	put("f", "old");
	CHECK_EQ(write_new("f", false, &err), -EEXIST);
	CHECK_EQ(err.cls, ERR_USAGE);
	CHECK(strstr(err.text, "--force") != NULL);
	CHECK_STR(content("f"), "old");
	CHECK_EQ(write_new("./f", true, &err), 0);
	CHECK_STR(content("f"), "new");

	/* given up: nothing is left */
	CHECK_EQ(tmpfile_open(&t, "g", false, &err), 0);
	CHECK_EQ(files(), 2);
	tmpfile_finish(&t);
	CHECK_EQ(files(), 1);

	/* somebody else was faster */
	CHECK_EQ(tmpfile_open(&t, "g", false, &err), 0);
	put("g", "theirs");
	CHECK_EQ(tmpfile_publish(&t, false, &err), -EEXIST);
	tmpfile_finish(&t);
	CHECK_STR(content("g"), "theirs");
	CHECK_EQ(files(), 2);

	umask(027);
	CHECK_EQ(write_new("mode", false, &err), 0);
	umask(022);
	CHECK(stat("mode", &st) == 0 && (st.st_mode & 07777) == 0640);
	clear();
}

static void bad_targets(void)
{
	struct o2r_err err = {0};
	char name[300];

	CHECK_EQ(mkdir("d", 0755), 0);
	CHECK_EQ(mkfifo("fifo", 0666), 0);

	static const struct {
		const char *target;
		int code;
	} cases[] = {
		{"d", -EISDIR},
		{"d/", -EISDIR},
		{"d/.", -EISDIR},
		{"..", -EISDIR},
		{"/", -EISDIR},
		{"no/f", -ENOENT},
		{"fifo/f", -ENOTDIR},
		{"fifo", -EEXIST},
		{"/dev/null", -EEXIST},
		{"", -EISDIR},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int replace = 0; replace < 2; replace++) {
			err.text[0] = '\0';
			CHECK_EQ(
				write_new(cases[i].target, replace, &err), cases[i].code);
			CHECK(err.text[0] != '\0');
		}
	/* found out before anything is written */
	for (unsigned n = 190; n < 300; n++) {
		struct tmpfile t;

		memset(name, 'n', n);
		name[n] = '\0';
		CHECK_EQ(
			tmpfile_open(&t, name, false, &err), n > 255 ? -ENAMETOOLONG : 0);
		if (n <= 255)
			CHECK_EQ(tmpfile_publish(&t, false, &err), 0);
		tmpfile_finish(&t);
	}
	/* what cannot be printed is quoted */
	CHECK_EQ(write_new("no\n/f", false, &err), -ENOENT);
	CHECK(!strchr(err.text, '\n'));
	clear();
}

/* A link is what is replaced, not what it points to; a dangling one is in the way too. */
static void links(void)
{
	struct o2r_err err = {0};
	struct stat st;

	put("f", "old");
	CHECK_EQ(symlink("f", "l"), 0);
	CHECK_EQ(symlink("nowhere", "dangling"), 0);
	CHECK_EQ(write_new("l", false, &err), -EEXIST);
	CHECK_EQ(write_new("dangling", false, &err), -EEXIST);
	CHECK_EQ(write_new("l", true, &err), 0);
	CHECK_EQ(write_new("dangling", true, &err), 0);
	CHECK_STR(content("f"), "old");
	CHECK(lstat("l", &st) == 0 && S_ISREG(st.st_mode));
	CHECK_EQ(access("nowhere", F_OK), -1);
	clear();
}

static void reading(void)
{
	struct buf b AUTO_BUF = {0};
	struct o2r_err err = {0};
	char bytes[10];

	put("f", "0123456789");
	put("empty", "");
	CHECK_EQ(file_read(AT_FDCWD, "f", 10, &b, &err), 0);
	CHECK_STR(b.data, "0123456789");
	buf_finish(&b);
	CHECK_EQ(file_read(AT_FDCWD, "empty", 0, &b, &err), 0);
	CHECK(b.data && !b.len);
	CHECK_EQ(file_read(AT_FDCWD, "f", 9, &b, &err), -EFBIG);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK_EQ(file_read(AT_FDCWD, "no", 9, &b, &err), -ENOENT);
	CHECK_EQ(err.cls, ERR_NOT_FOUND);
	CHECK_EQ(file_read(AT_FDCWD, ".", 9, &b, &err), -EINVAL);
	CHECK_EQ(mkfifo("fifo", 0666), 0);
	CHECK_EQ(file_read(AT_FDCWD, "fifo", 9, &b, &err), -EINVAL);

	int fd = open("f", O_RDWR);

	CHECK_EQ(pread_full(fd, bytes, 10, 0), 0);
	CHECK_EQ(pread_full(fd, bytes, 10, 1), -ENODATA);
	CHECK_EQ(pread_full(fd, bytes, 0, 100), 0);
	CHECK_EQ(pread_full(-1, bytes, 1, 0), -EBADF);
	CHECK_EQ(pwrite_full(fd, "", 0, 5), 0);
	CHECK_EQ(pwrite_full(fd, "abc", 3, 8), 0);
	close(fd);
	CHECK_STR(content("f"), "01234567abc");
	clear();
}

static void vectors_of_pieces(void)
{
	enum { PIECES = 3000 };
	static struct iovec v[PIECES];
	static char got[3 * PIECES];
	int fd = open("v", O_RDWR | O_CREAT, 0666);

	for (unsigned i = 0; i < PIECES; i++)
		v[i] = (struct iovec){(void *)"abc", i % 4};
	CHECK_EQ(pwritev_full(fd, v, PIECES, 1), 0);
	CHECK_EQ(pread_full(fd, got, PIECES / 4 * 6, 1), 0);
	for (unsigned i = 0; i < PIECES / 4; i++)
		CHECK_MEM(got + 6 * i, "aababc", 6);
	CHECK_EQ(pread_full(fd, got, 1, 1 + PIECES / 4 * 6), -ENODATA);
	close(fd);
	clear();
}

static void *drain(void *arg)
{
	int fd = *(int *)arg;
	static char bytes[1 << 16];
	size_t all = 0;
	ssize_t n;

	usleep(50000);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		all += (size_t)n;
	return (void *)all;
}

/* A pipe that somebody else made non-blocking is waited for. */
static void slow_pipe(void)
{
	static char bytes[1 << 20];
	pthread_t reader;
	void *all = NULL;
	int fds[2];

	CHECK_EQ(pipe2(fds, O_NONBLOCK), 0);
	fcntl(fds[0], F_SETFL, 0);
	CHECK_EQ(pthread_create(&reader, NULL, drain, &fds[0]), 0);
	CHECK_EQ(write_full(fds[1], bytes, sizeof(bytes)), 0);
	close(fds[1]);
	pthread_join(reader, &all);
	close(fds[0]);
	CHECK_EQ((size_t)all, sizeof(bytes));
}

static void anonymous(void)
{
	struct o2r_err err = {0};
	struct stat st;

	setenv("TMPDIR", dir, 1);

	int fd = file_anonymous(&err);

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	CHECK_EQ(files(), 0);
	close(fd);
	setenv("TMPDIR", "/no/such", 1);
	CHECK_EQ(file_anonymous(&err), -ENOENT);
	CHECK(strstr(err.text, "/no/such") != NULL);
}

int main(void)
{
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	published();
	bad_targets();
	links();
	reading();
	vectors_of_pieces();
	slow_pipe();
	anonymous();
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(rmdir(dir), 0);
	TEST_END;
}
