#include "base/tmpdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/tmpdir_impl.h"

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void tmpdir_finish(struct tmpdir *t)
{
	if (t->tmp_name)
		tmpdir_remove(t->parent, t->tmp_name);
	if (t->fd >= 0)
		close(t->fd);
	if (t->parent >= 0)
		close(t->parent);
	free(t->tmp_name);
	free(t->target_name);
	*t = (struct tmpdir)TMPDIR_INIT;
}

/* ---- making */

static const char *stem_of(const struct tmpdir *t)
{
	return t->target_name ? t->target_name : "o2r";
}

static int check_empty(int fd, const char *target, struct o2r_err *err)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!dir) {
		int why = errno;

		if (copy >= 0)
			close(copy);
		return err_errno(
			err, why, "cannot list %s", text_quote(target, strlen(target)).s);
	}
	while ((e = readdir(dir)) && is_dots(e->d_name))
		;
	closedir(dir);
	return e ? err_set(err, ERR_USAGE, ENOTEMPTY,
			   "%s is not empty: name a directory that is empty or not there",
			   text_quote(target, strlen(target)).s)
		 : 0;
}

/* No directory is there. */
static int split_target(struct tmpdir *t, char *target, struct o2r_err *err)
{
	char *slash = strrchr(target, '/');
	const char *dir = !slash ? "." : slash == target ? "/" : target;
	struct stat st;

	if (lstat(target, &st) == 0)
		return err_set(err, ERR_USAGE, EEXIST,
			"%s is there and no directory: name a directory that is empty or "
			"not there",
			text_quote(target, strlen(target)).s);
	t->target_name = strdup(slash ? slash + 1 : target);
	if (!t->target_name)
		return err_nomem(err);
	if (slash)
		*slash = '\0';
	t->parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->parent < 0)
		return err_errno(err, errno, "cannot open the directory %s",
			text_quote(dir, strlen(dir)).s);
	tmpdir_remove_stale(t->parent, stem_of(t), t->names);
	return 0;
}

static int find_place(struct tmpdir *t, const char *target, struct o2r_err *err)
{
	size_t n = strlen(target);

	/* a link without its target would hide behind them */
	while (n > 1 && target[n - 1] == '/')
		n--;
	if (!n)
		return err_set(
			err, ERR_USAGE, EINVAL, "the name of the directory is empty");

	AUTO_FREE char *name = strndup(target, n);

	if (!name)
		return err_nomem(err);
	t->parent = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->parent >= 0) {
		tmpdir_remove_stale(t->parent, stem_of(t), t->names);
		return check_empty(t->parent, name, err);
	}
	if (errno == ENOENT || errno == ENOTDIR)
		return split_target(t, name, err);
	return err_errno(err, errno, "cannot open %s", text_quote(name, n).s);
}

/* 1: made, opened and locked; 0: the name is somebody else's, or the directory was taken
 * for one that was left over before it was locked. */
static int try_temporary(struct tmpdir *t, struct o2r_err *err)
{
	uint32_t rnd = 0;
	int why;

	if (getrandom(&rnd, sizeof(rnd), 0) != (ssize_t)sizeof(rnd))
		return err_errno(err, errno, "cannot get random bytes");
	if (asprintf(&t->tmp_name, TMPDIR_NAME, stem_of(t), rnd) < 0) {
		t->tmp_name = NULL;
		return err_nomem(err);
	}
	why = mkdirat(t->parent, t->tmp_name, 0777) < 0 ? errno : 0;
	if (!why) {
		t->fd = openat(t->parent, t->tmp_name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		why = t->fd < 0 ? errno : 0;
		if (why)
			unlinkat(t->parent, t->tmp_name, AT_REMOVEDIR);
		else if (tmpdir_lock(t->fd) &&
			 tmpdir_is_named(t->parent, t->tmp_name, t->fd))
			return 1;
	}
	if (t->fd >= 0)
		close(steal_fd(&t->fd));
	free(STEAL(t->tmp_name));
	return !why || why == EEXIST || why == ENOENT
		       ? 0
		       : err_errno(err, why, "cannot make a directory");
}

static int make_temporary(struct tmpdir *t, const char *target, struct o2r_err *err)
{
	struct quoted name = text_quote(target, strlen(target));
	int r = 0;

	for (int tries = 0; r == 0 && tries < 100; tries++)
		r = try_temporary(t, err);
	if (r == 0)
		return err_set(err, ERR_FAIL, EEXIST,
			"no free name for a directory for %s", name.s);
	return r < 0 ? err_wrap(err, "%s", name.s) : 0;
}

int tmpdir_open(struct tmpdir *t, const char *target, const char *const *names,
	struct o2r_err *err)
{
	int r;

	*t = (struct tmpdir)TMPDIR_INIT;
	t->names = names;
	r = find_place(t, target, err);
	if (r == 0)
		r = make_temporary(t, target, err);
	if (r < 0)
		tmpdir_finish(t);
	return r;
}

/* ---- publishing */

static int rename_to_free(int from, const char *old, int to, const char *new)
{
	struct stat st;

	if (renameat2(from, old, to, new, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* a filesystem that cannot be asked so: the moment between is left */
	if (fstatat(to, new, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, old, to, new);
}

static int move_up(struct tmpdir *t, struct o2r_err *err)
{
	const char *const *names = t->names;
	size_t i = 0;

	while (names[i] && rename_to_free(t->fd, names[i], t->parent, names[i]) == 0)
		i++;
	if (!names[i])
		return 0;

	int why = errno;
	const char *failed = names[i];

	/* back, to be removed with the rest */
	while (i-- > 0)
		renameat(t->parent, names[i], t->fd, names[i]);
	return err_errno(err, why, "cannot move %s to its place", failed);
}

int tmpdir_publish(struct tmpdir *t, struct o2r_err *err)
{
	if (!t->target_name) {
		int r = move_up(t, err);

		if (r < 0)
			return r;
		unlinkat(t->parent, t->tmp_name, AT_REMOVEDIR);
	} else if (rename_to_free(t->parent, t->tmp_name, t->parent, t->target_name) <
		   0) {
		return err_errno(err, errno, "cannot rename the finished directory to %s",
			text_quote(t->target_name, strlen(t->target_name)).s);
	}
	free(t->tmp_name);
	t->tmp_name = NULL;
	return 0;
}
