#include "o2r_state_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "base/text.h"

/* Written under the lock only: what is found of that name was abandoned. */
#define NEW_NAME ".new"

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* ---- the folder */

static bool ours(const struct stat *st, mode_t forbidden)
{
	return st->st_uid == geteuid() && !(st->st_mode & forbidden);
}

/* Is the variable's folder one that nobody else can play with? */
static bool usable_runtime_dir(const char *dir)
{
	struct stat st;

	return dir && dir[0] == '/' && stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       ours(&st, S_IWGRP | S_IWOTH);
}

static int name_folder(struct state_folder *f, uid_t uid, struct o2r_err *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (usable_runtime_dir(runtime))
		n = snprintf(f->path, sizeof(f->path), "%s/o2r", runtime);
	else if (uid == 0)
		n = snprintf(f->path, sizeof(f->path), "/run/o2r");
	else
		n = snprintf(f->path, sizeof(f->path), "/tmp/o2r-%u", (unsigned)uid);
	if ((size_t)n >= sizeof(f->path))
		return err_set(
			err, ERR_FAIL, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
	return 0;
}

int state_folder_open(struct state_folder *f, uid_t uid, bool make, struct o2r_err *err)
{
	struct stat st;
	int r = name_folder(f, uid, err);

	f->fd = -1;
	if (r < 0)
		return r;
	if (make && mkdir(f->path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot make %s",
			text_quote(f->path, strlen(f->path)).s);
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->fd < 0 && errno == ENOENT && !make)
		return 0;
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		r = err_errno(err, errno, "%s", text_quote(f->path, strlen(f->path)).s);
	else if (!ours(&st, S_IRWXG | S_IRWXO))
		r = err_set(err, ERR_ACCESS, EPERM,
			"%s is not this user's alone: it must be his, with mode 0700",
			text_quote(f->path, strlen(f->path)).s);
	if (r < 0) {
		state_folder_close(f);
		return r;
	}
	return 1;
}

void state_folder_close(struct state_folder *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

struct state_name state_name(unsigned major, unsigned minor)
{
	struct state_name n;

	snprintf(n.s, sizeof(n.s), "%u:%u.json", major, minor);
	return n;
}

/* The numbers of a name as state_name writes it. */
static bool parse_name(const char *name, unsigned *major, unsigned *minor)
{
	char copy[sizeof(struct state_name)];
	uint64_t a, b;
	char *colon, *dot;

	if (strlen(name) >= sizeof(copy))
		return false;
	memcpy(copy, name, strlen(name) + 1);
	colon = strchr(copy, ':');
	dot = strchr(copy, '.');
	if (!colon || !dot || dot < colon)
		return false;
	*colon = *dot = '\0';
	if (!number_parse(copy, &a) || !number_parse(colon + 1, &b) || a > UINT32_MAX ||
		b > UINT32_MAX)
		return false;
	*major = (unsigned)a;
	*minor = (unsigned)b;
	return strcmp(state_name(*major, *minor).s, name) == 0;
}

/* ---- one file */

static int read_text(int fd, struct buf *text, struct o2r_err *err)
{
	struct stat st;
	int r = fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && (!S_ISREG(st.st_mode) || !ours(&st, S_IRWXG | S_IRWXO)))
		return err_set(err, ERR_ACCESS, EPERM,
			"it is not a file of this user alone, with mode 0600");
	if (r == 0 && st.st_size > STATE_FILE_MAX)
		return err_corrupt(err, "it has more than %d bytes", STATE_FILE_MAX);
	if (r == 0)
		r = buf_reserve(text, (size_t)st.st_size);
	if (r == 0)
		r = pread_full(fd, text->data, (size_t)st.st_size, 0);
	if (r < 0)
		return err_errno(err, -r, "cannot read it");
	text->len = (size_t)st.st_size;
	text->data[text->len] = '\0';
	return 0;
}

int state_file_read(const struct state_folder *f, const char *name,
	struct view_state *out, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {.max = STATE_FILE_MAX + 1};
	AUTO_FD int fd =
		openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	*out = (struct view_state){0};
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		err_errno(err, -r, "cannot open it");
	else
		r = read_text(fd, &text, err);
	if (r == 0)
		r = view_state_parse(text.data, text.len, out, err);
	if (r < 0)
		return err_wrap(err, "%s/%s", text_quote(f->path, strlen(f->path)).s,
			text_quote(name, strlen(name)).s);
	return 1;
}

static void lock(const struct state_folder *f)
{
	while (flock(f->fd, LOCK_EX) < 0 && errno == EINTR)
		;
}

static void unlock(const struct state_folder *f)
{
	(void)flock(f->fd, LOCK_UN);
}

static int write_new(const struct state_folder *f, const struct buf *text)
{
	AUTO_FD int fd = -1;

	(void)unlinkat(f->fd, NEW_NAME, 0);
	fd = openat(f->fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : write_full(fd, text->data, text->len);
}

/* A view that was unmounted before it was ready has lost its number: whoever got it then
 * is not to lose his file. */
static bool is_anothers(
	const struct state_folder *f, const char *name, const struct view_state *mine)
{
	AUTO_STATE struct view_state s = {0};

	return state_file_read(f, name, &s, NULL) > 0 &&
	       strcmp(s.boot.s, mine->boot.s) == 0 &&
	       s.process.pid != mine->process.pid && process_alive(&s.process);
}

int state_file_write(const struct state_folder *f, const char *name,
	const struct view_state *s, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	int r = view_state_format(s, &text, err);

	if (r < 0)
		return r;
	lock(f);
	r = is_anothers(f, name, s) ? -EEXIST : write_new(f, &text);
	if (r == 0 && renameat(f->fd, NEW_NAME, f->fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(f->fd, NEW_NAME, 0);
	unlock(f);
	return r < 0 ? err_errno(err, -r, "cannot write %s/%s",
			       text_quote(f->path, strlen(f->path)).s, name)
		     : 0;
}

void state_file_remove(
	const struct state_folder *f, const char *name, const struct view_state *of)
{
	AUTO_STATE struct view_state now = {0};

	lock(f);
	if (state_file_read(f, name, &now, NULL) > 0 &&
		now.process.pid == of->process.pid &&
		now.process.start == of->process.start)
		(void)unlinkat(f->fd, name, 0);
	unlock(f);
}

int state_files_each(
	const struct state_folder *f, state_fn fn, void *arg, struct o2r_err *err)
{
	AUTO_FD int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir CLEANUP(cleanup_dir) = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_errno(err, errno, "cannot read %s",
			text_quote(f->path, strlen(f->path)).s);
	fd = -1; /* the stream's now */
	while (r == 0 && (entry = readdir(dir))) {
		AUTO_STATE struct view_state s = {0};
		unsigned major, minor;

		if (parse_name(entry->d_name, &major, &minor) &&
			state_file_read(f, entry->d_name, &s, NULL) > 0)
			r = fn(arg, major, minor, &s);
	}
	return r;
}
