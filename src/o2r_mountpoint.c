#include "o2r_mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/mountinfo.h"

static int refuse(struct o2r_err *err, enum err_class cls, int code, const char *dir,
	const char *what)
{
	return err_set(err, cls, code, "mount point %s: %s",
		text_quote(dir, strlen(dir)).s, what);
}

static int refuse_errno(struct o2r_err *err, int code, const char *dir)
{
	if (code == ENOENT)
		return refuse(err, ERR_USAGE, code, dir,
			"there is no such directory; make it first");
	if (code == ENOTCONN)
		return refuse(err, ERR_FAIL, code, dir,
			"the filesystem there has lost its server; unmount it first");
	return err_errno(err, code, "mount point %s", text_quote(dir, strlen(dir)).s);
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
	struct quoted name = text_quote(dir, strlen(dir));

	if (is_dead(dir))
		return err_set(err, ERR_USAGE, EBUSY,
			"mount point %s: a view is there that has lost its server; 'o2r "
			"umount %s' takes it away",
			name.s, name.s);
	return err_set(err, ERR_USAGE, EBUSY,
		"mount point %s: already a view of %s; 'o2r umount %s' unmounts it",
		name.s, text_quote(e->source, strlen(e->source)).s, name.s);
}

static int refuse_other_views(const char *dir, struct o2r_err *err)
{
	AUTO_MOUNTED struct mounted m = {0};
	struct o2r_err why = {0};
	bool at_root;
	int r = mounts_find_path(dir, &m, &at_root, &why);

	if (r < 0)
		return refuse_errno(err, -r, dir);
	return at_root && strcmp(m.e.type, VIEW_FSTYPE) == 0 ? refuse_view(&m.e, dir, err)
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

int mountpoint_check(const char *dir, char **absolute, struct o2r_err *err)
{
	AUTO_FREE char *real = NULL;
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
	real = realpath(dir, NULL);
	if (!real)
		return refuse_errno(err, errno, dir);
	*absolute = STEAL(real);
	return 0;
}
