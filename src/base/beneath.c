#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/openat2.h>

#include "base/cleanup.h"

enum {
	PIECE_MAX = 4096, /* PATH_MAX: the kernel takes no longer path at a time */
	PART_MAX = 256,
};

/* Part by part, for kernels before 5.6 and for sandboxes that do not know openat2. */
static int open_parts(int dirfd, const char *path, int flags)
{
	char name[PART_MAX];
	AUTO_FD int at = -1;

	for (;;) {
		size_t n = strcspn(path, "/");
		const char *next = path + n + strspn(path + n, "/");
		int fd, last = !*next;

		if (n >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		if (strcmp(name, "..") == 0)
			return -EXDEV;
		fd = openat(at < 0 ? dirfd : at, name,
			last ? flags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOTDIR && !last ? -ELOOP : -errno;
		if (last)
			return fd;
		if (at >= 0)
			close(at);
		at = fd;
		path = next;
	}
}

static int open_piece(int dirfd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	if (!*path)
		path = ".";
	fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	if (fd >= 0)
		return (int)fd;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	return open_parts(dirfd, path, flags | O_CLOEXEC | O_NOFOLLOW);
}

int open_beneath(int dirfd, const char *path, int flags)
{
	AUTO_FD int at = -1;
	char piece[PIECE_MAX];

	while (strlen(path) >= PIECE_MAX) {
		const char *slash = memrchr(path, '/', PIECE_MAX - 1);
		size_t n = slash ? (size_t)(slash - path) : 0;
		int fd;

		if (!n)
			return -ENAMETOOLONG;
		memcpy(piece, path, n);
		piece[n] = '\0';
		fd = open_piece(at < 0 ? dirfd : at, piece, O_PATH | O_DIRECTORY);
		if (fd < 0)
			return fd;
		if (at >= 0)
			close(at);
		at = fd;
		path += n + strspn(path + n, "/");
	}
	return open_piece(at < 0 ? dirfd : at, path, flags);
}

int mount_beneath(int dirfd, const char *name, uint64_t *mount)
{
	struct statx st;

	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT,
		    STATX_MNT_ID, &st) < 0)
		return -errno;
	*mount = st.stx_mask & STATX_MNT_ID
			 ? st.stx_mnt_id
			 : (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	return 0;
}
