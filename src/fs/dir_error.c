/* What is said of directories and files that cannot be read or do not stay as they are.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fs/dir_index_impl.h"

static int busy(const char *what, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EBUSY,
		"it %s while it was read: try again when nobody changes the directory",
		what);
}

int dir_failed(int errnum, const char *what, struct o2r_err *err)
{
	switch (errnum) {
	case ENOENT:
	case ESTALE:
		return busy("vanished", err);
	case ELOOP:
	case ENOTDIR:
		return busy("became another file", err);
	case EACCES:
	case EPERM:
		return err_set(err, ERR_ACCESS, errnum,
			"%s: not permitted; run as root, or where the files belong to "
			"a user namespace by `podman unshare` or `buildah unshare`",
			what);
	default:
		return err_errno(err, errnum, "%s", what);
	}
}

int dir_wrap(const struct dir_layer *in, const char *path, int r, struct o2r_err *err)
{
	struct quoted dir = text_quote(in->path, strlen(in->path));

	if (r >= 0 || r == -EINTR)
		return r;
	if (path && *path)
		err_wrap(err, "%s/%s", dir.s, text_quote(path, strlen(path)).s);
	else
		err_wrap(err, "%s", dir.s);
	return r;
}

void dir_warn_mount(struct dir_indexer *x, const char *path)
{
	warn_about(&x->warn, WARN_DIR_MOUNT,
		"%s: another filesystem is mounted there: taken for an empty directory",
		text_quote(path, strlen(path)).s);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

int dir_check_same(int fd, const struct stat *before, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat it");
	if (st.st_dev != before->st_dev || st.st_ino != before->st_ino ||
		st.st_size != before->st_size ||
		!same_time(&st.st_mtim, &before->st_mtim) ||
		!same_time(&st.st_ctim, &before->st_ctim))
		return busy("changed", err);
	return 0;
}

int dir_path_join(struct buf *out, const char *dir, const char *name, uint64_t max,
	struct o2r_err *err)
{
	out->len = 0;
	if (buf_printf(out, "%s%s%s", dir, *dir ? "/" : "", name) < 0)
		return err_nomem(err);
	if (out->len > max)
		return err_corrupt(err,
			"the name has %zu bytes, more than %llu (raise it with --limit "
			"path=N)",
			out->len, (unsigned long long)max);
	return 0;
}
