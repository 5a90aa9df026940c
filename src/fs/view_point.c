#include "fs/view_point.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs/view_helper.h"

#define TYPE "fuse.o2r"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Field of mountinfo: blanks, newlines and backslashes stand as \OOO. In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		*to = *s;
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
				     (s[3] - '0'));
			s += 3;
		}
	}
	*to = '\0';
}

/* ID PARENT MAJ:MIN ROOT POINT OPTIONS [TAGS] - TYPE SOURCE OPTIONS (proc(5)). */
static bool is_view_at(char *line, const char *path)
{
	char *save = NULL, *field = strtok_r(line, " ", &save);

	for (int i = 0; field && i < 4; i++)
		field = strtok_r(NULL, " ", &save);
	if (!field)
		return false;
	unescape(field);
	if (strcmp(field, path) != 0)
		return false;
	while (field && strcmp(field, "-") != 0)
		field = strtok_r(NULL, " ", &save);
	field = field ? strtok_r(NULL, " ", &save) : NULL;
	return field && strcmp(field, TYPE) == 0;
}

static bool is_view(const char *path)
{
	FILE *f CLEANUP(cleanup_file) = fopen("/proc/self/mountinfo", "re");
	char *line AUTO_FREE = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0)
		if (is_view_at(line, path))
			return true;
	return false;
}

static int already(const char *dir, struct o2r_err *err)
{
	struct quoted q = quote(dir);

	return err_set(err, ERR_USAGE, EBUSY,
		"%s is already a view: unmount it first (o2r umount %s)", q.s, q.s);
}

static void tell_if_not_empty(const char *path, const struct ctx *ctx)
{
	DIR *d CLEANUP(cleanup_dir) = opendir(path);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			ctx_log(ctx, LOG_INFO,
				"%s is not empty: what is in it is hidden while the view "
				"is mounted",
				quote(path).s);
			return;
		}
}

int view_point_check(
	struct view_point *p, const char *dir, const struct ctx *ctx, struct o2r_err *err)
{
	struct stat st;

	p->path = realpath(dir, NULL);
	if (!p->path && errno == ENOTCONN)
		return already(dir, err);
	if (!p->path)
		return err_errno(err, errno, "mount point %s", quote(dir).s);
	if (is_view(p->path))
		return already(dir, err);
	if (stat(p->path, &st) < 0)
		return err_errno(err, errno, "mount point %s", quote(dir).s);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, ENOTDIR, "mount point %s: not a directory",
			quote(dir).s);
	tell_if_not_empty(p->path, ctx);
	return 0;
}

/* The device of what is mounted there now, without a word to its server; 0: unknown. */
static uint64_t device_of(const char *path)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW, 0, &st) < 0)
		return 0;
	return makedev(st.stx_dev_major, st.stx_dev_minor);
}

/* Options that both ways of mounting spell alike. */
static int common_options(const struct view_mount_flags *f, struct buf *b)
{
	int r = 0;

	if (f->allow_other || f->allow_root)
		r = buf_printf(b, ",allow_other");
	if (r == 0 && f->default_permissions)
		r = buf_printf(b, ",default_permissions");
	if (r == 0 && f->max_read)
		r = buf_printf(b, ",max_read=%llu", (unsigned long long)f->max_read);
	return r;
}

static int open_device(struct o2r_err *err)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(err, ERR_FAIL, errno,
			"/dev/fuse is not there: load the kernel's module (modprobe "
			"fuse), "
			"or give the container this device");
	return err_errno(
		err, errno, "/dev/fuse cannot be opened: ask for permission to use it");
}

static int mount_directly(const struct view_point *p, const char *source,
	const struct view_mount_flags *f, int fd, struct o2r_err *err)
{
	unsigned long flags = MS_RDONLY | f->flags | (f->suid ? 0 : MS_NOSUID) |
			      (f->dev ? 0 : MS_NODEV);
	struct buf data AUTO_BUF = {0};
	int r = buf_printf(&data, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd,
		getuid(), getgid());

	if (r == 0)
		r = common_options(f, &data);
	if (r == 0 && f->data.len)
		r = buf_append(&data, f->data.data, f->data.len);
	if (r < 0)
		return err_nomem(err);
	if (mount(source, p->path, TYPE, flags, data.data) == 0)
		return 0;
	return err_errno(err, errno, "mounting on %s", quote(p->path).s);
}

static int mount_with_help(struct view_point *p, const char *source,
	const struct view_mount_flags *f, const struct ctx *ctx, int *fd,
	struct o2r_err *err)
{
	struct buf o AUTO_BUF = {0};
	int r;

	if (geteuid() != 0 && (f->suid || f->dev))
		return err_set(err, ERR_ACCESS, EPERM,
			"mount option %s: only root may have it",
			f->suid ? "suid" : "dev");
	r = buf_printf(&o, "ro,%s,%s,subtype=o2r,fsname=", f->suid ? "suid" : "nosuid",
		f->dev ? "dev" : "nodev");
	if (r == 0)
		r = view_options_escape(&o, source);
	if (r == 0)
		r = common_options(f, &o);
	if (r == 0 && f->words.len)
		r = buf_append(&o, f->words.data, f->words.len);
	if (r == 0 && f->auto_unmount)
		r = buf_printf(&o, ",auto_unmount");
	if (r < 0)
		return err_nomem(err);
	return view_helper_mount(p, o.data, ctx, fd, err);
}

int view_point_mount(struct view_point *p, const char *source,
	const struct view_mount_flags *f, const struct ctx *ctx, int *out,
	struct o2r_err *err)
{
	int fd AUTO_FD = open_device(err);
	int r = fd;

	if (r >= 0 && !f->auto_unmount)
		r = mount_directly(p, source, f, fd, err);
	/* setuid, the helper may do what we may not */
	if (r >= 0 && f->auto_unmount)
		r = -EPERM;
	p->helped = fd >= 0 && r == -EPERM;
	if (p->helped) {
		close(steal_fd(&fd));
		r = mount_with_help(p, source, f, ctx, &fd, err);
	}
	if (r < 0)
		return r;
	p->device = device_of(p->path);
	*out = steal_fd(&fd);
	return 0;
}

static int unmount(const struct view_point *p, bool lazy, struct o2r_err *err)
{
	if (p->helped)
		return view_helper_unmount(p, lazy, err);
	if (umount2(p->path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	return err_errno(err, errno, "unmounting %s", quote(p->path).s);
}

void view_point_finish(struct view_point *p, const struct ctx *ctx)
{
	struct o2r_err err = {0};

	/* somebody may have unmounted it, or mounted something else over it */
	if (p->device && device_of(p->path) == p->device && unmount(p, false, &err) < 0 &&
		unmount(p, true, &err) < 0)
		ctx_log(ctx, LOG_WARN, "%s", err.text);
	view_helper_release(p);
	free(p->path);
	*p = (struct view_point)VIEW_POINT_INIT;
}
