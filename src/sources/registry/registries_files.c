/* Which registries.conf are read, by whom and in which order. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/home.h"
#include "base/text.h"
#include "sources/registry/registries_conf.h"
#include "sources/toml.h"

enum {
	DROP_INS_MAX = 1000, /* files of one folder */
};

static const char system_file[] = "/etc/containers/registries.conf";

/* 1, or 0 when there is no such file. */
static int add_file(struct registries_conf *conf, const char *path, bool drop_in,
	const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	struct o2r_err why = {0};
	int r = file_read(AT_FDCWD, path, TOML_BYTES_MAX, &text, &why);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	ctx_log(ctx, LOG_DEBUG, "registries: read %s", text_quote(path, strlen(path)).s);
	r = registries_conf_add(conf, path, text.data, text.len, drop_in, ctx, err);
	return r < 0 ? r : 1;
}

static int is_drop_in(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0 && e->d_type != DT_DIR;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct registries_conf *conf, const char *dir,
	const struct ctx *ctx, struct o2r_err *err)
{
	struct dirent **list = NULL;
	int count = scandir(dir, &list, is_drop_in, by_name), r = 0;

	if (count < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (count < 0)
		return err_errno(
			err, errno, "cannot list %s", text_quote(dir, strlen(dir)).s);
	if (count > DROP_INS_MAX)
		r = err_corrupt(err, "%s has more than %d files",
			text_quote(dir, strlen(dir)).s, DROP_INS_MAX);
	for (int i = 0; i < count; i++) {
		AUTO_FREE char *path = NULL;

		if (r >= 0 && asprintf(&path, "%s/%s", dir, list[i]->d_name) < 0) {
			path = NULL;
			r = err_nomem(err);
		}
		if (r >= 0)
			r = add_file(conf, path, true, ctx, err);
		free(list[i]);
	}
	free(list);
	return r < 0 ? r : 0;
}

/* FILE.d */
static int add_folder_of(struct registries_conf *conf, const char *file,
	const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE char *dir = NULL;

	if (asprintf(&dir, "%s.d", file) < 0) {
		dir = NULL;
		return err_nomem(err);
	}
	return add_folder(conf, dir, ctx, err);
}

/* *out NULL: there is no home. */
static int user_file(char **out, struct o2r_err *err)
{
	AUTO_FREE char *dir = home_config_dir();

	*out = NULL;
	if (dir && asprintf(out, "%s/containers/registries.conf", dir) < 0)
		return err_nomem(err);
	return 0;
}

/* The user's file stands for that of the system, with its drop-ins; the user's drop-ins
 * come last in any case (containers-registries.conf.d(5)). */
static int read_usual(
	struct registries_conf *conf, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE char *user = NULL;
	int r = user_file(&user, err), found = 0;

	if (r == 0 && user)
		r = found = add_file(conf, user, false, ctx, err);
	if (r >= 0 && !found)
		r = add_file(conf, system_file, false, ctx, err);
	if (r >= 0 && !found)
		r = add_folder_of(conf, system_file, ctx, err);
	if (r >= 0 && user)
		r = add_folder_of(conf, user, ctx, err);
	return r < 0 ? r : 0;
}

int registries_conf_read(
	struct registries_conf *conf, const struct ctx *ctx, struct o2r_err *err)
{
	const char *named = getenv("CONTAINERS_REGISTRIES_CONF");
	int r;

	if (!named || !*named)
		return read_usual(conf, ctx, err);
	/* alone: who names a file wants to know what is in force */
	r = add_file(conf, named, false, ctx, err);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"$CONTAINERS_REGISTRIES_CONF: %s does not exist",
			text_quote(named, strlen(named)).s);
	return r < 0 ? r : 0;
}
