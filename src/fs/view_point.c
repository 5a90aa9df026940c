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
#include "base/mountinfo.h"
#include "base/text.h"
#include "fs/view_helper.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int refuse(struct o2r_err *err, enum err_class cls, int code, const char *dir,
	const char *what)
{
	return err_set(err, cls, code, "mount point %s: %s", quote(dir).s, what);
}

static int refuse_errno(struct o2r_err *err, int code, const char *dir)
{
	if (code == ENOENT)
		return refuse(err, ERR_USAGE, code, dir,
			"there is no such directory; make it first");
	if (code == ENOTCONN)
		return refuse(err, ERR_FAIL, code, dir,
			"the filesystem there has lost its server; unmount it first");
	return err_errno(err, code, "mount point %s", quote(dir).s);
}

/* The kernel answers for what it has cached: has the server an answer too? */
static bool is_dead(const char *dir)
{
	struct statx st;

	return statx(AT_FDCWD, dir, AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC, STATX_MODE,
		       &st) < 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED);
}

static int refuse_view(const struct mount_entry *e, const char *dir, struct o2r_err *err)
{
	struct quoted name = quote(dir);

	if (is_dead(dir))
		return err_set(err, ERR_USAGE, EBUSY,
			"mount point %s: a view is there that has lost its server; 'o2r "
			"umount %s' takes it away",
			name.s, name.s);
	return err_set(err, ERR_USAGE, EBUSY,
		"mount point %s: already a view of %s; 'o2r umount %s' unmounts it",
		name.s, quote(e->source).s, name.s);
}

static int refuse_other_views(const char *dir, struct o2r_err *err)
{
	AUTO_MOUNTED struct mounted m = {0};
	struct o2r_err why = {0};
	bool at_root;
	int r = mounts_find_path(dir, &m, &at_root, &why);

	if (r < 0)
		return refuse_errno(err, -r, dir);
	return at_root && strcmp(m.e.type, MOUNT_TYPE_VIEW) == 0
		       ? refuse_view(&m.e, dir, err)
		       : 0;
}

/* What fusermount3 asks of a user. */
static int check_permission(const char *dir, const struct stat *st, struct o2r_err *err)
{
	if (geteuid() == 0)
		return 0;
	if (faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) < 0)
		return refuse(err, ERR_ACCESS, errno, dir,
			"not permitted: an ordinary user mounts on a directory that he "
			"may write to");
	if (st->st_mode & S_ISVTX && st->st_uid != geteuid())
		return refuse(err, ERR_ACCESS, EPERM, dir,
			"not permitted: it is sticky and somebody else's");
	return 0;
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
	int r = *dir ? refuse_other_views(dir, err)
		     : err_set(err, ERR_USAGE, EINVAL, "the mount point's name is empty");

	if (r < 0)
		return r;
	if (stat(dir, &st) < 0)
		return refuse_errno(err, errno, dir);
	if (!S_ISDIR(st.st_mode))
		return refuse(err, ERR_USAGE, ENOTDIR, dir, "it is not a directory");
	r = check_permission(dir, &st, err);
	if (r < 0)
		return r;
	p->path = realpath(dir, NULL);
	if (!p->path)
		return refuse_errno(err, errno, dir);
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
	if (mount(source, p->path, MOUNT_TYPE_VIEW, flags, data.data) == 0)
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
