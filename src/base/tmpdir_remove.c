/* Temporary directories that are of no use any more. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/tmpdir_impl.h"

enum {
	DEPTH_MAX = 16, /* of what is removed; nobody makes trees like that here */
};

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void remove_name(int dirfd, const char *name, int depth);

/* fd is closed. */
static void remove_all_in(int fd, int depth)
{
	DIR *dir = fdopendir(fd);

	if (!dir) {
		close(fd);
		return;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (!is_dots(e->d_name))
			remove_name(dirfd(dir), e->d_name, depth);
	closedir(dir);
}

static void remove_name(int dirfd, const char *name, int depth)
{
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT || depth == DEPTH_MAX)
		return;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_all_in(fd, depth + 1);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

void tmpdir_remove(int parent, const char *name)
{
	remove_name(parent, name, 0);
}

/* ---- of the dead */

bool tmpdir_lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

bool tmpdir_is_named(int parent, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && a.st_nlink &&
	       fstatat(parent, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static bool is_local(int fd)
{
	static const uint32_t types[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
		BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC, OVERLAYFS_SUPER_MAGIC};
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if ((uint32_t)st.f_type == types[i])
			return true;
	return false;
}

static bool is_temporary(const char *name, const char *stem)
{
	const char *dot = strrchr(name, '.'), *number = dot ? dot - 8 : NULL;
	AUTO_FREE char *made = NULL;

	if (!dot || dot - name < 10)
		return false;
	for (size_t i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)number[i]))
			return false;
	if (asprintf(&made, TMPDIR_NAME, stem, (unsigned)strtoul(number, NULL, 16)) < 0) {
		made = NULL;
		return false;
	}
	return strcmp(made, name) == 0;
}

static bool is_known(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names || is_dots(name);
}

static bool holds_only(int fd, const char *const *names)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e = NULL;

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return false;
	}
	while ((e = readdir(dir)) && is_known(e->d_name, names))
		;
	closedir(dir);
	return !e;
}

/* The lock is held until it is gone, so that nobody begins to use it. */
static void remove_if_stale(int parent, const char *name, const char *const *names)
{
	AUTO_FD int fd =
		openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || !is_local(fd))
		return;
	/* without a lock nothing is known about it */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && tmpdir_is_named(parent, name, fd) &&
		holds_only(fd, names))
		tmpdir_remove(parent, name);
}

void tmpdir_remove_stale(int parent, const char *stem, const char *const *names)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir) {
		if (copy >= 0)
			close(copy);
		return;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (is_temporary(e->d_name, stem))
			remove_if_stale(parent, e->d_name, names);
	closedir(dir);
}
