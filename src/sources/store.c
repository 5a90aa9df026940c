/* The folder: where it is, whose it is, its parts. */
#include "sources/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/home.h"
#include "base/text.h"
#include "sources/store_impl.h"

/* https://bford.info/cachedir/: backup programs pass such folders over. The rest says
 * that the folder is ours, so that pruning never gets at anything else. */
static const char tag_name[] = "CACHEDIR.TAG";
static const char tag_part[] = ".CACHEDIR.TAG."; /* of one being written */
static const char tag_text[] =
	"Signature: 8a477f597d28d172789f06886806bc55\n"
	"# This is the cache folder of o2r. What is in it can be made again: see "
	"o2r-cache(1).\n";

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static int default_dir(char **out, struct o2r_err *err)
{
	const char *xdg = getenv("XDG_CACHE_HOME");

	/* the specification: a path that is not absolute is to be ignored */
	if (xdg && xdg[0] == '/')
		return asprintf(out, "%s/o2r", xdg) < 0 ? err_nomem(err) : 0;

	AUTO_FREE char *home = home_dir();

	if (!home)
		return err_set(err, ERR_NOT_FOUND, ENXIO,
			"there is no home folder to keep a cache in: name one with "
			"--cache");
	return asprintf(out, "%s/.cache/o2r", home) < 0 ? err_nomem(err) : 0;
}

/* Slashes at the end would have a link followed. */
static void cut_slashes(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
}

static int make_folders(char *path, struct o2r_err *err)
{
	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';

		int r = mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;

		*p = c;
		if (r < 0 && (!c || r != -EROFS))
			return err_errno(err, -r, "cannot make the cache folder %s",
				quote(path).s);
		if (!c)
			return 0;
	}
}

static int check_owner(const struct store *s, struct o2r_err *err)
{
	const char *name = s->dir;
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return err_errno(
			err, errno, "cannot stat the cache folder %s", quote(name).s);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_ACCESS, EPERM,
			"the cache folder %s belongs to user %u, not to user %u: name "
			"another with --cache",
			quote(name).s, st.st_uid, geteuid());
	if (st.st_mode & 022)
		return err_set(err, ERR_ACCESS, EPERM,
			"others may write to the cache folder %s: chmod go-w it",
			quote(name).s);
	return 0;
}

static bool has_tag(const struct store *s)
{
	char text[sizeof(tag_text)];
	AUTO_FD int fd =
		openat(s->fd, tag_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 && pread_full(fd, text, sizeof(tag_text) - 1, 0) == 0 &&
	       memcmp(text, tag_text, sizeof(tag_text) - 1) == 0;
}

/* 1: there is nothing in it but what others of us are about to write; 0; -errno. */
static int is_empty(const struct store *s)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int empty = 1;

	if (!d) {
		empty = -errno;
		if (fd >= 0)
			close(fd);
		return empty;
	}
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
			strncmp(e->d_name, tag_part, strlen(tag_part)))
			empty = 0;
	closedir(d);
	return empty;
}

/* 1: ours; 0: empty, to be made ours; negative: somebody else's. */
static int check_tag(const struct store *s, struct o2r_err *err)
{
	int empty;

	if (has_tag(s))
		return 1;
	empty = is_empty(s);
	if (empty < 0)
		return err_errno(
			err, -empty, "cannot list the cache folder %s", quote(s->dir).s);
	/* another process may have made it ours between the two looks */
	if (!empty && has_tag(s))
		return 1;
	return empty ? 0
		     : err_set(err, ERR_USAGE, ENOTEMPTY,
			       "%s is not a cache folder of o2r (it has files, and no "
			       "%s of o2r's): name another with --cache, or empty it",
			       quote(s->dir).s, tag_name);
}

static int write_tag(const struct store *s, struct o2r_err *err)
{
	char part[64];

	snprintf(part, sizeof(part), "%s%d", tag_part, (int)gettid());

	AUTO_FD int fd = openat(
		s->fd, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : write_full(fd, tag_text, sizeof(tag_text) - 1);

	if (r == 0 && renameat(s->fd, part, s->fd, tag_name) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlinkat(s->fd, part, 0);
	return err_errno(err, -r, "cannot write to the cache folder %s", quote(s->dir).s);
}

static int open_folder(struct store *s, bool make, struct o2r_err *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	s->fd = open(s->dir, flags);
	if (s->fd < 0 && errno == ENOENT && make) {
		int r = make_folders(s->dir, err);

		if (r < 0)
			return r;
		s->fd = open(s->dir, flags);
	}
	if (s->fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(err, ERR_USAGE, ENOTDIR,
			"the cache folder %s is not a directory (a symbolic link is not "
			"followed): name another with --cache",
			quote(s->dir).s);
	if (s->fd < 0)
		return err_errno(
			err, errno, "cannot open the cache folder %s", quote(s->dir).s);

	int r = check_owner(s, err);

	if (r == 0)
		r = check_tag(s, err);
	return r == 0 ? write_tag(s, err) : r < 0 ? r : 0;
}

static int make_absolute(struct store *s, struct o2r_err *err)
{
	char *real = realpath(s->dir, NULL);

	if (!real)
		return err_errno(
			err, errno, "cannot find the cache folder %s", quote(s->dir).s);
	free(s->dir);
	s->dir = real;
	return 0;
}

static int open_store(struct store *s, const char *dir, bool make, struct o2r_err *err)
{
	int r = 0;

	if (!dir)
		r = default_dir(&s->dir, err);
	else if (!*dir)
		r = err_set(
			err, ERR_USAGE, EINVAL, "the name of the cache folder is empty");
	else if (!(s->dir = strdup(dir)))
		r = err_nomem(err);
	if (r < 0)
		return r;
	cut_slashes(s->dir);
	r = open_folder(s, make, err);
	return r < 0 ? r : make_absolute(s, err);
}

int store_open(const char *dir, bool make, struct store **out, struct o2r_err *err)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err);
	s->fd = -1;

	int r = open_store(s, dir, make, err);

	if (r < 0)
		store_close(s);
	else
		*out = s;
	return r;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->dir);
	free(s);
}

const char *store_dir(const struct store *s)
{
	return s->dir;
}

/* The folder `name` in `at`; -errno. */
static int step(int at, const char *name, bool make)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);

	if (fd < 0 && errno == ENOENT && make &&
		(mkdirat(at, name, 0700) == 0 || errno == EEXIST))
		fd = openat(at, name, flags);
	return fd < 0 ? -errno : fd;
}

int store_folder(struct store *s, enum store_kind kind, enum digest_algo algo, bool make,
	struct o2r_err *err)
{
	static const char *const names[] = {
		[STORE_INDEX] = "index",
		[STORE_DECODED] = "decoded",
		[STORE_BLOB] = "blobs",
		[STORE_NAME] = "names",
		[STORE_PARTIAL] = "partial",
		[STORE_ARCHIVE] = "archives",
		[STORE_UNFINISHED] = "tmp",
	};
	AUTO_FD int outer = step(s->fd, names[kind], make);
	int fd = outer;

	if (kind == STORE_UNFINISHED)
		steal_fd(&outer);
	else if (outer >= 0)
		fd = step(outer, digest_algo_name(algo), make);
	if (fd >= 0 || fd == -ENOENT)
		return fd;
	return err_errno(err, -fd, "cannot open the folder %s of the cache folder %s",
		names[kind], quote(s->dir).s);
}
