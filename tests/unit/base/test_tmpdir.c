#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/tmpdir.h"
#include "unit.h"

static const char *const names[] = {"blobs", "last", NULL};

/* Everything is made below the current directory, which is a new one. */
static unsigned count(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	CHECK(dir);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n < 2 ? 0 : n - 2;
}

static void put(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0666);

	CHECK(fd >= 0);
	close(fd);
}

static void fill(const struct tmpdir *t)
{
	CHECK(mkdirat(t->fd, "blobs", 0777) == 0 && mkdirat(t->fd, "blobs/x", 0777) == 0);
	put(t->fd, "blobs/x/a");
	put(t->fd, "last");
}

static void test_new(const char *target)
{
	struct tmpdir t;
	struct stat st;
	struct o2r_err err = {0};

	CHECK_EQ(tmpdir_open(&t, target, names, &err), 0);
	fill(&t);
	CHECK(stat(target, &st) < 0);
	CHECK_EQ(tmpdir_publish(&t, &err), 0);
	tmpdir_finish(&t);
	tmpdir_finish(&t);
	CHECK(stat(target, &st) == 0 && (st.st_mode & 07777) == (0777 & ~022));
	CHECK_EQ(count(target), 2);
	CHECK_EQ(count("."), 1);
	CHECK(system("rm -r *") == 0);
}

static void test_there(void)
{
	struct tmpdir t;
	struct stat before, st;
	struct o2r_err err = {0};

	CHECK(mkdir("there", 0700) == 0 && stat("there", &before) == 0);
	CHECK_EQ(tmpdir_open(&t, "there//", names, &err), 0);
	fill(&t);
	CHECK_EQ(count("there"), 1);
	CHECK_EQ(tmpdir_publish(&t, &err), 0);
	tmpdir_finish(&t);
	CHECK(stat("there", &st) == 0 && st.st_ino == before.st_ino &&
		st.st_mode == before.st_mode);
	CHECK(stat("there/blobs/x/a", &st) == 0 && stat("there/last", &st) == 0);
	CHECK_EQ(count("there"), 2);
	CHECK(system("rm -r *") == 0);
}

static void test_discarded(void)
{
	struct tmpdir t;
	struct o2r_err err = {0};

	CHECK(mkdir("there", 0700) == 0);
	CHECK_EQ(tmpdir_open(&t, "there", names, &err), 0);
	fill(&t);
	tmpdir_finish(&t);
	CHECK_EQ(count("there"), 0);
	CHECK_EQ(tmpdir_open(&t, "new", names, &err), 0);
	fill(&t);
	CHECK_EQ(count("."), 2);
	tmpdir_finish(&t);
	CHECK_EQ(count("."), 1);
	CHECK(system("rm -r *") == 0);
}

/* What somebody else has put there meanwhile stays, and ours goes. */
static void test_taken(void)
{
	struct tmpdir t;
	struct stat st;
	struct o2r_err err = {0};

	CHECK(mkdir("there", 0700) == 0);
	CHECK_EQ(tmpdir_open(&t, "there", names, &err), 0);
	fill(&t);
	put(t.parent, "last");
	CHECK_EQ(tmpdir_publish(&t, &err), -EEXIST);
	CHECK(strstr(err.text, "last"));
	tmpdir_finish(&t);
	CHECK_EQ(count("there"), 1);
	CHECK_EQ(tmpdir_open(&t, "new", names, &err), 0);
	fill(&t);
	CHECK(mkdir("new", 0700) == 0);
	CHECK_EQ(tmpdir_publish(&t, &err), -EEXIST);
	tmpdir_finish(&t);
	CHECK(stat("new/last", &st) < 0);
	CHECK_EQ(count("."), 2);
	CHECK(system("rm -r *") == 0);
}

/* A process that fills one and is killed. */
static void leave(const char *target)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct tmpdir t;

		if (tmpdir_open(&t, target, names, NULL) == 0)
			fill(&t);
		raise(SIGKILL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void open_and_finish(const char *target)
{
	struct tmpdir t;

	CHECK_EQ(tmpdir_open(&t, target, names, NULL), 0);
	tmpdir_finish(&t);
}

/* What the dead have left goes when somebody comes to the same place. */
static void test_left(void)
{
	struct tmpdir t;
	char longest[256];

	leave("new");
	CHECK_EQ(count("."), 1);
	open_and_finish("other");
	CHECK_EQ(count("."), 1);
	open_and_finish("new");
	CHECK_EQ(count("."), 0);
	memset(longest, 'x', 255);
	longest[255] = 0;
	leave(longest);
	open_and_finish(longest);
	CHECK_EQ(count("."), 0);
	CHECK_EQ(mkdir("there", 0700), 0);
	leave("there");
	CHECK_EQ(count("there"), 1);
	CHECK_EQ(tmpdir_open(&t, "there", names, NULL), 0);
	fill(&t);
	CHECK_EQ(tmpdir_publish(&t, NULL), 0);
	tmpdir_finish(&t);
	CHECK_EQ(count("there"), 2);
	CHECK(system("rm -r *") == 0);
}

/* Not what is being filled, nor what only looks like it. */
static void test_not_left(void)
{
	static const char *const others[] = {".new.0123456.tmp", ".new.012345678.tmp",
		".new.0123456x.tmp", ".new.01234567.tmpx", ".new.01234567",
		"new.01234567.tmp", ".newer.01234567.tmp", "..01234567.tmp",
		".new..01234567.tmp", ".new.0123456A.tmp"};
	struct tmpdir t, second;

	CHECK_EQ(tmpdir_open(&t, "new", names, NULL), 0);
	fill(&t);
	CHECK_EQ(tmpdir_open(&second, "new", names, NULL), 0);
	CHECK_EQ(count("."), 2);
	tmpdir_finish(&second);
	CHECK_EQ(tmpdir_publish(&t, NULL), 0);
	tmpdir_finish(&t);
	CHECK_EQ(count("new"), 2);
	CHECK(system("rm -r *") == 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		CHECK_EQ(mkdir(others[i], 0700), 0);
	/* a file, a link, somebody's own, somebody else's */
	put(AT_FDCWD, ".new.00000001.tmp");
	CHECK(symlink(".newer.01234567.tmp", ".new.00000002.tmp") == 0);
	CHECK(mkdir(".new.00000003.tmp", 0700) == 0);
	put(AT_FDCWD, ".new.00000003.tmp/mine");
	CHECK(mkdir(".new.00000004.tmp", 0700) == 0);
	CHECK(geteuid() != 0 || chown(".new.00000004.tmp", 12345, 12345) == 0);
	open_and_finish("new");
	CHECK_EQ(count("."), ARRAY_LEN(others) + (geteuid() ? 3 : 4));
	CHECK(system("rm -r .[!.]* ..?* new.*") == 0);
}

static void test_refused(void)
{
	static const struct {
		const char *target;
		enum err_class cls;
		const char *says;
	} cases[] = {
		{"", ERR_USAGE, "empty"},
		{"full", ERR_USAGE, "full is not empty"},
		{"full/", ERR_USAGE, "full is not empty"},
		{"full/..", ERR_USAGE, "full/.. is not empty"},
		{"full/x", ERR_USAGE, "full/x is there and no directory"},
		{"full/x/", ERR_USAGE, "full/x is there and no directory"},
		{"link", ERR_USAGE, "link is there and no directory"},
		{"link/", ERR_USAGE, "link is there and no directory"},
		{"none/x", ERR_NOT_FOUND, "cannot open the directory none"},
	};

	CHECK(mkdir("full", 0700) == 0 && symlink("nothing", "link") == 0);
	put(AT_FDCWD, "full/x");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tmpdir t;
		struct o2r_err err = {0};

		CHECK(tmpdir_open(&t, cases[i].target, names, &err) < 0);
		CHECK_EQ(err.cls, cases[i].cls);
		CHECK(strstr(err.text, cases[i].says));
		CHECK(t.fd < 0 && t.parent < 0 && !t.tmp_name && !t.target_name);
	}
	CHECK_EQ(count("full"), 1);
	CHECK_EQ(count("."), 2);
	CHECK(system("rm -r *") == 0);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	char dir[300], absolute[400];

	snprintf(dir, sizeof(dir), "%s/o2r-tmpdir-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	umask(022);
	snprintf(absolute, sizeof(absolute), "%s/new", dir);
	test_new("new");
	test_new("./new");
	test_new(absolute);
	test_there();
	test_discarded();
	test_taken();
	test_left();
	test_not_left();
	test_refused();
	CHECK(rmdir(dir) == 0);
	TEST_END;
}
