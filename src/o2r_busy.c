#include "o2r_busy.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"

enum {
	NAMED_MAX = 3,
};

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Does the link lead to the mount point or below it? The text tells: following it would
 * ask the view. */
static bool leads_into(int dirfd, const char *link, const char *mountpoint)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dirfd, link, target, sizeof(target) - 1);
	size_t len = strlen(mountpoint);

	if (n < 0)
		return false;
	target[n] = '\0';
	return strncmp(target, mountpoint, len) == 0 &&
	       (target[len] == '\0' || target[len] == '/' || target[len] == ' ');
}

static bool has_open_file(int process, const char *mountpoint)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir CLEANUP(cleanup_dir) = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		cleanup_fd(&fd);
		return false;
	}
	while ((entry = readdir(dir)))
		if (leads_into(fd, entry->d_name, mountpoint))
			return true;
	return false;
}

static bool uses(int process, const char *mountpoint)
{
	static const char *const links[] = {"cwd", "root", "exe"};

	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		if (leads_into(process, links[i], mountpoint))
			return true;
	return has_open_file(process, mountpoint);
}

static void add(struct busy_text *t, int process, const char *pid, unsigned number)
{
	AUTO_FD int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	char name[64];
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name));
	size_t have = strlen(t->s);

	if (n <= 0)
		return;
	n -= name[n - 1] == '\n';
	if (number > NAMED_MAX)
		snprintf(t->s + have, sizeof(t->s) - have, " and more");
	else
		snprintf(t->s + have, sizeof(t->s) - have, "%s%.40s (%s)",
			have ? ", " : "", text_quote(name, (size_t)n).s, pid);
}

struct busy_text busy_users(const char *mountpoint)
{
	DIR *proc CLEANUP(cleanup_dir) = opendir("/proc");
	struct busy_text t = {""};
	const struct dirent *entry;
	unsigned number = 0;

	while (proc && number <= NAMED_MAX && (entry = readdir(proc))) {
		AUTO_FD int process = -1;

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		process = openat(
			dirfd(proc), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process >= 0 && uses(process, mountpoint))
			add(&t, process, entry->d_name, ++number);
	}
	return t;
}
