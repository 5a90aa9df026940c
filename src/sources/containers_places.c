#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/containers_files.h"
#include "sources/storage_conf.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

void stores_finish(struct stores *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		close(s->list[i].fd);
		free(s->list[i].root);
	}
	s->count = 0;
}

static const char *const drivers[] = {"overlay", "vfs"};

static int add_place(struct stores *s, const char *root, int fd, const char *driver,
	struct o2r_err *err)
{
	struct store_place *p = &s->list[s->count];
	char path[32];

	snprintf(path, sizeof(path), "%s-images", driver);
	if (faccessat(fd, path, F_OK, AT_EACCESS) < 0 && errno != EACCES)
		return 0;
	if (s->count == STORES_MAX)
		return err_corrupt(err, "there are more than %d stores", STORES_MAX);
	*p = (struct store_place){.root = strdup(root),
		.driver = driver,
		.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
	if (!p->root || p->fd < 0) {
		free(p->root);
		return p->root ? err_errno(err, errno, "%s", quote(root).s)
			       : err_nomem(err);
	}
	s->count++;
	return 0;
}

/* Of the driver (NULL: any) first, and of the others when it is only a preference. */
static int add_drivers(struct stores *s, const char *root, int fd, const char *driver,
	bool only, struct o2r_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(drivers); i++)
		if (!driver || strcmp(driver, drivers[i]) == 0)
			r = add_place(s, root, fd, drivers[i], err);
	for (size_t i = 0; r == 0 && driver && !only && i < ARRAY_LEN(drivers); i++)
		if (strcmp(driver, drivers[i]) != 0)
			r = add_place(s, root, fd, drivers[i], err);
	return r;
}

/* named: by the reference; then it must be there. */
static int add_root(struct stores *s, const struct storage_roots *roots, size_t i,
	bool named, struct o2r_err *err)
{
	const char *path = roots->list[i];
	AUTO_FREE char *real = realpath(path, NULL);
	AUTO_FD int fd = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0)
		return add_drivers(s, real, fd, roots->driver, named, err);
	/* a user's own store is made at its first use; additional ones are a chance */
	if (!named && (i > 0 || errno == ENOENT))
		return 0;
	return err_errno(err, errno, "cannot open containers-storage %s", quote(path).s);
}

/* "[DRIVER@]ROOT[+RUNROOT][:OPTIONS]" */
static int parse_root(struct storage_roots *r, const char *text, struct o2r_err *err)
{
	const char *at = strchr(text, '@'), *slash = strchr(text, '/');

	if (at && (!slash || at < slash)) {
		r->driver = strndup(text, (size_t)(at - text));
		if (!r->driver)
			return err_nomem(err);
		text = at + 1;
	}
	if (text[0] != '/' && text[0] != '.')
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" is not the path of a store: write "
			"containers-storage:[/path]name",
			quote(text).s);
	return storage_roots_add(r, text, strcspn(text, "+:"), err);
}

bool store_place_is_overlay(const struct store_place *p)
{
	return strcmp(p->driver, "overlay") == 0;
}

static bool is_read(const char *driver)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (strcmp(driver, drivers[i]) == 0)
			return true;
	return false;
}

static int nothing(const struct storage_roots *roots, struct o2r_err *err)
{
	struct quoted driver = quote(roots->driver ? roots->driver : "");

	if (roots->driver && !is_read(roots->driver))
		return err_set(err, ERR_USAGE, EOPNOTSUPP,
			"containers-storage of the driver %s is not read, only overlay "
			"and vfs: copy the image by `skopeo copy "
			"containers-storage:NAME oci:DIR:TAG`",
			driver.s);
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"%s has no images of %s: for other drivers, copy the image by `skopeo "
		"copy containers-storage:NAME oci:DIR:TAG`",
		quote(roots->list[0]).s,
		roots->driver ? driver.s : "the drivers overlay and vfs");
}

int stores_open(
	struct stores *s, const char *root, const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(storage_roots_finish) struct storage_roots roots = {0};
	int r = root ? parse_root(&roots, root, err) : storage_roots_find(&roots, err);

	s->ctx = ctx;
	for (size_t i = 0; r == 0 && i < roots.count; i++)
		r = add_root(s, &roots, i, root, err);
	if (r < 0)
		return r;
	return s->count ? 0 : nothing(&roots, err);
}
