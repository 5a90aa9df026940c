#include "cli/extract_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/text.h"

static const char *const loss_names[LOSS_COUNT] = {
	[LOSS_SECURITY] = "security attributes left out: only root can set them",
	[LOSS_XATTR] = "attributes could not be set",
	[LOSS_OWNER] = "owners could not be set",
	[LOSS_SETID] = "set-user-ID or set-group-ID modes left out with their owners",
	[LOSS_DEVICE] = "devices left out: they could not be made",
};

void loss_note(struct losses *l, enum loss kind, const char *path, const char *why)
{
	if (l->count[kind]++)
		return;
	snprintf(l->first[kind], sizeof(l->first[kind]), "%s%s%s", path, *why ? ": " : "",
		why);
}

void loss_report(const struct losses *l, struct console *c)
{
	char line[700];

	for (unsigned i = 0; i < LOSS_COUNT; i++) {
		if (!l->count[i])
			continue;
		snprintf(line, sizeof(line), "%" PRIu64 " %s (first: %s)", l->count[i],
			loss_names[i], l->first[i]);
		console_log(c, O2R_LOG_WARN, line);
	}
}

/* The kernel's name of a descriptor: the way to what O_PATH is open on, without a name
 * that somebody could change. */
struct fd_path {
	char s[40];
};

static struct fd_path fd_path(int fd)
{
	struct fd_path p;

	snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
	return p;
}

/* Whether the owner is what the image says. */
static bool apply_owner(struct meta *m, int fd, const struct stat *st, const char *path)
{
	struct stat now;

	if (!m->root)
		return fstat(fd, &now) == 0 && now.st_uid == st->st_uid &&
		       now.st_gid == st->st_gid;
	if (fchownat(fd, "", st->st_uid, st->st_gid, AT_EMPTY_PATH) == 0)
		return true;
	loss_note(&m->losses, LOSS_OWNER, path, strerror(errno));
	return false;
}

static int apply_xattrs(
	struct meta *m, int fd, uint64_t ino, const char *path, struct o2r_err *err)
{
	const char *name;
	const void *value;
	size_t size;
	char why[300];

	for (unsigned i = 0;; i++) {
		int r = o2r_xattr(m->image, ino, i, &name, &value, &size, &m->error);

		if (r < 0)
			return err_set(err, ERR_FAIL, -r, "%s", m->error.text);
		if (r == 0)
			return 0;
		if (!m->root && strncmp(name, "security.", 9) == 0) {
			loss_note(&m->losses, LOSS_SECURITY, path, "");
			continue;
		}
		if (setxattr(fd_path(fd).s, name, value, size, 0) == 0)
			continue;
		snprintf(why, sizeof(why), "%s: %s", text_quote(name, strlen(name)).s,
			strerror(errno));
		loss_note(&m->losses, LOSS_XATTR, path, why);
	}
}

static mode_t mode_to_set(
	struct meta *m, const struct stat *st, bool owned, const char *path)
{
	mode_t mode = st->st_mode & 07777;

	if (owned || !(mode & (S_ISUID | S_ISGID)))
		return mode;
	loss_note(&m->losses, LOSS_SETID, path, "");
	return mode & ~(mode_t)(S_ISUID | S_ISGID);
}

int meta_apply(
	struct meta *m, int fd, uint64_t ino, const char *path, struct o2r_err *err)
{
	struct timespec times[2];
	struct stat st;
	bool owned;
	int r = o2r_stat(m->image, ino, &st, &m->error);

	if (r < 0)
		return err_set(err, ERR_FAIL, -r, "%s", m->error.text);
	owned = apply_owner(m, fd, &st, path);
	r = apply_xattrs(m, fd, ino, path, err);
	if (r < 0)
		return r;
	/* behind the ACLs, which change it, and the owner, who takes bits away */
	if (!S_ISLNK(st.st_mode) &&
		chmod(fd_path(fd).s, mode_to_set(m, &st, owned, path)) < 0)
		return err_errno(err, errno, "cannot set the mode of %s", path);
	times[0] = times[1] = st.st_mtim;
	if (utimensat(AT_FDCWD, fd_path(fd).s, times, 0) < 0)
		return err_errno(err, errno, "cannot set the time of %s", path);
	return 0;
}
