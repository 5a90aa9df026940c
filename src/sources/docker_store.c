#include "sources/docker_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/docker_impl.h"
#include "sources/stored.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

int docker_set_absolute(const struct docker *d, struct image *image,
	const struct digest *id, struct o2r_err *err)
{
	free(image->absolute);
	if (asprintf(&image->absolute, "docker-store:[%s]%s", d->root,
		    digest_format(id).s) >= 0)
		return 0;
	image->absolute = NULL;
	return err_nomem(err);
}

/* 1: it is there; 0: it is not; who may not see that gets told so. */
static int has(int fd, const char *root, const char *path, struct o2r_err *err)
{
	if (faccessat(fd, path, F_OK, AT_EACCESS) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return err_errno(err, errno,
		"cannot look into %s/%s (docker-daemon:NAME asks Docker instead)",
		quote(root).s, path);
}

static const char *const marks[] = {DOCKER_IMAGES "/repositories.json", DOCKER_CONTENT};

/* Is it the folder of a daemon? */
static int is_store(int fd, const char *root, struct o2r_err *err)
{
	int r = has(fd, root, marks[0], err);

	return r == 0 ? has(fd, root, marks[1], err) : r;
}

static void close_listing(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* With userns-remap everything is in a folder UID.GID below the data root: its name, or
 * NULL. Several: each was in use at some time, so the user has to say. */
static int find_remapped(const char *root, char **out, struct o2r_err *err)
{
	CLEANUP(close_listing) DIR *list = opendir(root);
	AUTO_FREE char *found = NULL;
	struct dirent *e;

	while (list && (e = readdir(list))) {
		uint32_t uid, gid;

		if (!stored_is_remapped(e->d_name, strlen(e->d_name), &uid, &gid))
			continue;
		if (found)
			return err_set(err, ERR_USAGE, EINVAL,
				"%s has several stores of userns-remap: give one, as in "
				"docker-store:[%s/%s]NAME",
				quote(root).s, quote(root).s, quote(found).s);
		found = strdup(e->d_name);
		if (!found)
			return err_nomem(err);
	}
	*out = STEAL(found);
	return 0;
}

/* What is in the files, and whose they are. */
static int set_rules(struct docker *d, struct o2r_err *err)
{
	const char *last = strrchr(d->root, '/') + 1;
	uint32_t uid, gid;
	int r = stored_is_remapped(last, strlen(last), &uid, &gid)
			? stored_rules_remapped(uid, gid, &d->rules, err)
			: stored_rules(d->fd, d->root, true, &d->rules, err);

	return r < 0 ? err_wrap(err, "Docker's store %s", quote(d->root).s) : 0;
}

static int open_store(struct docker *d, struct image *image, const struct wanted *want,
	struct o2r_err *err)
{
	int r = has(d->fd, d->root, marks[0], err);

	if (r < 0)
		return r;
	if (r == 0)
		return docker_content_open(d, image, want, err);
	r = set_rules(d, err);
	if (r == 0)
		r = docker_classic_open(d, image, want, err);
	stored_rules_finish(&d->rules);
	return r;
}

static int open_root(const char *root, const char *name, char **real, struct o2r_err *err)
{
	int fd;

	*real = realpath(root, NULL);
	fd = *real ? open(*real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd >= 0)
		return fd;
	return err_errno(err, errno,
		"cannot open Docker's store %s (docker-daemon:%s asks Docker instead)",
		quote(root).s, quote(name).s);
}

static int open_below(const char *root, const char *name, struct docker *d, char **real,
	int *fd, struct o2r_err *err)
{
	AUTO_FREE char *folder = NULL;
	AUTO_FREE char *path = NULL;
	int r = find_remapped(root, &folder, err);

	if (r < 0)
		return r;
	if (!folder)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s is not a data root of Docker that can be read: it has "
			"neither "
			"%s nor %s; docker-daemon:%s asks Docker, whatever its store",
			quote(root).s, DOCKER_IMAGES, DOCKER_CONTENT, quote(name).s);
	if (asprintf(&path, "%s/%s", root, folder) < 0) {
		path = NULL;
		return err_nomem(err);
	}
	*fd = open_root(path, name, real, err);
	d->fd = *fd;
	d->root = *real;
	if (*fd < 0)
		return *fd;
	r = is_store(*fd, *real, err);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s is not a data root of Docker that can be read",
			quote(path).s);
	return r < 0 ? r : 0;
}

int docker_store_open(struct image *image, const char *root, const char *name,
	const struct wanted *want, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE char *real = NULL;
	AUTO_FREE char *inner = NULL;
	AUTO_FD int fd = open_root(root ? root : DOCKER_STORE_ROOT, name, &real, err);
	AUTO_FD int below = -1;
	struct docker d = {.fd = fd, .root = real, .name = name, .ctx = ctx};
	int r;

	if (fd < 0)
		return fd;
	r = is_store(fd, real, err);
	if (r == 0)
		r = open_below(real, name, &d, &inner, &below, err);
	return r < 0 ? r : open_store(&d, image, want, err);
}
