/* Opening below a directory: no link, nothing outside, paths of any length. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "base/userns.h"
#include "unit.h"

enum {
	LEVELS = 300, /* of 40 bytes: three pieces of PATH_MAX */
	NAME = 40,
};

static char dir[] = "/tmp/o2r-beneath.XXXXXX";

static int opened(int top, const char *path, int flags)
{
	int fd = open_beneath(top, path, flags);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void ways(int top)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{"", 0},
		{".", 0},
		{"d", 0},
		{"d/e", 0},
		{"d//e", 0},
		{"link", -ENOTDIR},
		{"link/e", -ELOOP},
		{"out", -ENOTDIR},
		{"/", -EXDEV},
		{"..", -EXDEV},
		{"d/../..", -EXDEV},
		{"none", -ENOENT},
		{"d/none", -ENOENT},
	};

	CHECK_EQ(mkdirat(top, "d", 0700), 0);
	CHECK_EQ(mkdirat(top, "d/e", 0700), 0);
	CHECK_EQ(symlinkat("d", top, "link"), 0);
	CHECK_EQ(symlinkat("/", top, "out"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK_EQ(opened(top, cases[i].path, O_RDONLY | O_DIRECTORY),
			cases[i].want);
}

/* The path, made part by part: none of it is longer than the kernel takes. */
static char *make_deep(int top)
{
	char *path = calloc(LEVELS, NAME + 1);
	int at = dup(top);

	for (size_t i = 0; i < LEVELS; i++) {
		char *name = path + i * (NAME + 1);
		int next;

		memset(name, 'a' + (int)(i % 26), NAME);
		CHECK_EQ(mkdirat(at, name, 0700), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY);
		close(at);
		at = next;
		if (i)
			name[-1] = '/';
	}
	CHECK_EQ(symlinkat("x", at, "link"), 0);
	close(at);
	return path;
}

static void long_paths(int top)
{
	AUTO_FREE char *path = make_deep(top);
	AUTO_FREE char *more = malloc(strlen(path) + 16);
	AUTO_FREE char *name = malloc(9000);
	struct stat one, two;
	AUTO_FD int fd = -1;

	CHECK(strlen(path) > 8192);
	fd = open_beneath(top, path, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_EQ(fstatat(fd, "..", &one, 0), 0);
	path[strlen(path) - NAME - 1] = '\0';

	AUTO_FD int parent = open_beneath(top, path, O_RDONLY | O_DIRECTORY);

	CHECK_EQ(fstat(parent, &two), 0);
	CHECK(one.st_ino == two.st_ino);
	sprintf(more, "%s/none", path);
	CHECK_EQ(opened(top, more, O_RDONLY), -ENOENT);
	memset(name, 'n', 8999);
	name[8999] = '\0';
	CHECK_EQ(opened(top, name, O_RDONLY), -ENAMETOOLONG);
	/* a link in an early piece */
	path[NAME] = '\0';
	CHECK_EQ(renameat(top, path, top, "real"), 0);
	CHECK_EQ(symlinkat("real", top, path), 0);
	path[NAME] = '/';
	CHECK_EQ(opened(top, path, O_RDONLY | O_DIRECTORY), -ELOOP);
}

static void mounts(int top)
{
	uint64_t here = 0, below = 0, proc = 0;

	CHECK_EQ(mount_beneath(top, "", &here), 0);
	CHECK_EQ(mount_beneath(top, "d", &below), 0);
	CHECK(here == below);
	CHECK_EQ(mount_beneath(AT_FDCWD, "/proc", &proc), 0);
	CHECK(here != proc);
	CHECK_EQ(mount_beneath(top, "nothing", &proc), -ENOENT);
	/* the link itself */
	CHECK_EQ(mount_beneath(top, "out", &below), 0);
	CHECK(here == below);
}

/* Root of the first user namespace sees trusted.*, and nobody else. */
static void namespaces(int top)
{
	bool can = fsetxattr(top, "trusted.o2r-test", "x", 1, 0) == 0;

	CHECK_EQ(userns_sees_trusted(), can);
	if (userns_sees_trusted())
		CHECK(userns_is_initial());
}

int main(void)
{
	char command[64];

	CHECK(mkdtemp(dir) != NULL);

	int top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ways(top);
	mounts(top);
	long_paths(top);
	namespaces(top);
	close(top);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK_EQ(system(command), 0);
	TEST_END;
}
