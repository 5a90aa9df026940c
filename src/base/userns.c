#include "base/userns.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

enum {
	CAP_ADMIN = 21, /* CAP_SYS_ADMIN */
	PROC_MAX = 64 << 10,
};

/* The number that the first namespace always has (kernel: include/linux/proc_ns.h,
 * PROC_USER_INIT_INO). A later one may map all ids to themselves, too. */
#define INITIAL_NUMBER 0xEFFFFFFDU

bool userns_is_initial(void)
{
	AUTO_BUF struct buf map = {0};
	unsigned long inside, outside, count;
	struct stat st;

	if (stat("/proc/self/ns/user", &st) == 0)
		return st.st_ino == INITIAL_NUMBER;
	/* without /proc: most processes are */
	if (file_read(AT_FDCWD, "/proc/self/uid_map", PROC_MAX, &map, NULL) < 0 ||
		!map.data)
		return true;
	return sscanf(map.data, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       inside == 0 && outside == 0 && count >= 0xffffffffUL;
}

bool userns_sees_trusted(void)
{
	AUTO_BUF struct buf status = {0};
	unsigned long long caps = 0;
	const char *at;

	if (!userns_is_initial())
		return false;
	if (file_read(AT_FDCWD, "/proc/self/status", PROC_MAX, &status, NULL) < 0 ||
		!status.data)
		return geteuid() == 0;
	at = strstr(status.data, "\nCapEff:");
	return at && sscanf(at, "\nCapEff: %llx", &caps) == 1 && (caps >> CAP_ADMIN & 1);
}
