#include "base/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/openat2.h>

#include "base/cleanup.h"

/* Part by part, for kernels before 5.6 and for sandboxes that do not know openat2. */
static int open_parts(int dirfd, const char *path, int flags)
{
	char name[256];
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

int open_beneath(int dirfd, const char *path, int flags)
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
