#include "base/userns.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	CAP_ADMIN = 21, /* CAP_SYS_ADMIN */
	PROC_MAX = 8192,
};

/* The number that the first namespace always has (PROC_USER_INIT_INO in the
 * kernel's proc_ns.h). A later one may map all ids to themselves, too. */
#define INITIAL_NUMBER 0xEFFFFFFDU

/* The first part of a file of /proc, as text; such files have no size. */
static bool read_proc(const char *path, char *out, size_t room)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && at < room - 1) {
		n = read(fd, out + at, room - 1 - at);
		at += n > 0 ? (size_t)n : 0;
	}
	out[at] = '\0';
	return n >= 0;
}

bool userns_is_initial(void)
{
	char map[PROC_MAX];
	unsigned long inside, outside, count;
	struct stat st;

	if (stat("/proc/self/ns/user", &st) == 0)
		return st.st_ino == INITIAL_NUMBER;
	/* without /proc: most processes are */
	if (!read_proc("/proc/self/uid_map", map, sizeof(map)))
		return true;
	return sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       inside == 0 && outside == 0 && count >= 0xffffffffUL;
}

uid_t userns_outer_uid(void)
{
	char map[PROC_MAX], *line = map;
	unsigned long inside, outside, count, uid = geteuid();
	int used = 0;

	if (!read_proc("/proc/self/uid_map", map, sizeof(map)))
		return geteuid();
	while (sscanf(line, "%lu %lu %lu%n", &inside, &outside, &count, &used) == 3) {
		if (uid >= inside && uid - inside < count)
			return (uid_t)(outside + (uid - inside));
		line += used;
	}
	return geteuid();
}

bool userns_sees_trusted(void)
{
	char status[PROC_MAX];
	unsigned long long caps = 0;
	const char *at;

	if (!userns_is_initial())
		return false;
	if (!read_proc("/proc/self/status", status, sizeof(status)))
		return geteuid() == 0;
	at = strstr(status, "\nCapEff:");
	return at && sscanf(at, "\nCapEff: %llx", &caps) == 1 && (caps >> CAP_ADMIN & 1);
}
