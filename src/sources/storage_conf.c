#include "sources/storage_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/home.h"
#include "base/text.h"
#include "base/userns.h"
#include "sources/toml.h"

#define ROOTS_STORE "/var/lib/containers/storage"

void storage_roots_finish(struct storage_roots *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->list[i]);
	free(r->driver);
	*r = (struct storage_roots){0};
}

int storage_roots_add(
	struct storage_roots *r, const char *path, size_t n, struct o2r_err *err)
{
	if (r->count == STORAGE_ROOTS_MAX)
		return err_corrupt(
			err, "there are more than %d image stores", STORAGE_ROOTS_MAX);
	r->list[r->count] = strndup(path, n);
	return r->list[r->count++] ? 0 : err_nomem(err);
}

/* Root of the machine; inside a user namespace root is the user. */
static bool is_root(void)
{
	return geteuid() == 0 && userns_is_initial();
}

static char *usual_root(void)
{
	const char *data = getenv("XDG_DATA_HOME");
	AUTO_FREE char *home = NULL;
	char *path = NULL;

	if (is_root())
		return strdup(ROOTS_STORE);
	if (data && data[0] == '/')
		return asprintf(&path, "%s/containers/storage", data) < 0 ? NULL : path;
	home = home_dir();
	if (!home)
		return NULL;
	return asprintf(&path, "%s/.local/share/containers/storage", home) < 0 ? NULL
									       : path;
}

/* The variables that podman knows in rootless_storage_path are left to it: a path with
 * one is not taken. */
static int take_table(struct storage_roots *r, const struct toml *storage,
	const struct toml *options, struct o2r_err *err)
{
	const char *path = NULL, *driver = NULL;
	const struct toml *stores = NULL, *item = NULL;
	int got = toml_get_string(storage, "driver", &driver, err);

	if (got >= 0)
		got = toml_get_string(storage,
			is_root() ? "graphroot" : "rootless_storage_path", &path, err);
	if (got >= 0 && options)
		got = toml_get_array(options, "additionalimagestores", &stores, err);
	if (got < 0)
		return got;
	if (driver && *driver) {
		r->driver = strdup(driver);
		if (!r->driver)
			return err_nomem(err);
	}
	if (path && path[0] == '/' && !strchr(path, '$')) {
		got = storage_roots_add(r, path, strlen(path), err);
		if (got < 0)
			return got;
	}
	if (!r->count) {
		AUTO_FREE char *usual = usual_root();

		got = usual ? storage_roots_add(r, usual, strlen(usual), err)
			    : err_nomem(err);
	}
	while (got >= 0 && stores && toml_next(stores, &item)) {
		got = toml_item_string(item, &path, err);
		if (got >= 0 && *path)
			got = storage_roots_add(r, path, strlen(path), err);
	}
	return got < 0 ? got : 0;
}

/* 1: it was there. */
static int read_conf(struct storage_roots *r, const char *path, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_TOML struct toml_doc *doc = NULL;
	const struct toml *storage = NULL, *options = NULL;
	int got = file_read(AT_FDCWD, path, TOML_BYTES_MAX, &text, err);

	if (got == -ENOENT)
		return 0;
	if (got == 0)
		got = toml_parse(text.data ? text.data : "", text.len, &doc, err);
	if (got == 0)
		got = toml_get_table(toml_root(doc), "storage", &storage, err);
	if (got > 0)
		got = toml_get_table(storage, "options", &options, err);
	if (got >= 0 && storage)
		got = take_table(r, storage, options, err);
	if (got < 0)
		return err_wrap(err, "%s", text_quote(path, strlen(path)).s);
	return storage ? 1 : 0;
}

int storage_roots_find(struct storage_roots *out, struct o2r_err *err)
{
	CLEANUP(storage_roots_finish) struct storage_roots r = {0};
	const char *named = getenv("CONTAINERS_STORAGE_CONF");
	AUTO_FREE char *config = is_root() ? NULL : home_config_dir();
	AUTO_FREE char *own = NULL;
	AUTO_FREE char *usual = NULL;
	int got = 0;

	if (config && asprintf(&own, "%s/containers/storage.conf", config) < 0)
		own = NULL;

	const char *const files[] = {named && *named ? named : NULL, own,
		"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"};

	for (size_t i = 0; got == 0 && i < ARRAY_LEN(files); i++) {
		if (files[i])
			got = read_conf(&r, files[i], err);
		if (got == 0 && i == 0 && files[i])
			break;
	}
	if (got < 0)
		return got;
	if (!r.count) {
		usual = usual_root();
		got = usual ? storage_roots_add(&r, usual, strlen(usual), err)
			    : err_set(err, ERR_NOT_FOUND, ENOENT,
				      "there is no home folder: name the store, as in "
				      "containers-storage:[/path]name");
		if (got < 0)
			return got;
	}
	*out = r;
	r = (struct storage_roots){0};
	return 0;
}
