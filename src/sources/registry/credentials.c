#include "sources/registry/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/home.h"
#include "base/text.h"
#include "sources/registry/auth_key.h"
#include "sources/registry/authfile.h"
#include "sources/registry/credential_helper.h"
#include "sources/registry/refusal.h"
#include "sources/registry/secret.h"

/* What is looked for. */
struct hunt {
	const char *registry, *repository;
	const struct ctx *ctx;
	struct credential *out;
};

/* A place to look at. */
struct place {
	char *path;           /* of the file; NULL: there is none to look at */
	bool flat;            /* ~/.dockercfg */
	const char *named_by; /* the user, by this: then it is an error if it cannot be
				 read */
	bool required;        /* or is not there */
};

static void place_finish(struct place *p)
{
	free(p->path);
}

static int found(const struct hunt *hunt, struct credential *c, const char *from,
	struct o2r_err *err)
{
	c->from = strdup(from);
	if (!c->from)
		return err_nomem(err);
	*hunt->out = *c;
	*c = (struct credential){0};
	return 1;
}

/* 0: it has none, or has failed, which is told. */
static int ask_helper(const struct hunt *hunt, const char *name, const char *key,
	const char *file, struct o2r_err *err)
{
	CLEANUP(credential_finish) struct credential c = {0};
	struct o2r_err failure = {0};
	char from[2 * sizeof(struct quoted)];
	int r = credential_helper_get(
		name, key, HELPER_TIMEOUT_MS, hunt->ctx, &c, &failure);

	if (r == -EINTR || r == -ENOMEM) {
		if (err)
			*err = failure;
		return r;
	}
	if (r < 0)
		ctx_log(hunt->ctx, LOG_WARN,
			"no credentials for %s from the credential helper that %s names: "
			"%s",
			hunt->registry, file, failure.text);
	if (r <= 0)
		return 0;
	snprintf(from, sizeof(from), "docker-credential-%s (named in %s)", name, file);
	return found(hunt, &c, from, err);
}

/* Docker Hub has two names with helpers too: Docker's, and podman's. */
static int ask_helper_by_names(
	const struct hunt *hunt, const char *name, const char *file, struct o2r_err *err)
{
	int r;

	if (!auth_key_is_hub(hunt->registry, strlen(hunt->registry)))
		return ask_helper(hunt, name, hunt->registry, file, err);
	r = ask_helper(hunt, name, AUTH_KEY_HUB, file, err);
	return r ? r : ask_helper(hunt, name, AUTH_KEY_HUB_NAME, file, err);
}

/* The order in one file: docs/registries.md says why. */
static int choose(const struct hunt *hunt, struct authfile *f, const char *file,
	struct o2r_err *err)
{
	int r = 0;

	if (f->helper && f->helper_first)
		r = ask_helper_by_names(hunt, f->helper, file, err);
	if (r == 0 && !credential_is_empty(&f->part))
		r = found(hunt, &f->part, file, err);
	if (r == 0 && f->helper && !f->helper_first)
		r = ask_helper_by_names(hunt, f->helper, file, err);
	if (r == 0 && !credential_is_empty(&f->whole))
		r = found(hunt, &f->whole, file, err);
	return r;
}

static int look_at_text(const struct hunt *hunt, const char *text, size_t n, bool flat,
	const char *file, struct o2r_err *err)
{
	CLEANUP(authfile_finish) struct authfile f = {0};
	struct authfile_question q = {
		.registry = hunt->registry,
		.repository = hunt->repository,
		.flat = flat,
		.json_depth = hunt->ctx->limits.json_depth,
	};
	int r = authfile_parse(text, n, &q, &f, err);

	if (r < 0)
		return r == -ENOMEM ? r : err_wrap(err, "%s", file);
	return choose(hunt, &f, file, err);
}

static int look_at(
	const struct hunt *hunt, const struct place *place, struct o2r_err *err)
{
	AUTO_SECRET_BUF struct buf text = {0};
	struct quoted file;
	int r;

	if (!place->path)
		return 0;
	r = file_read(AT_FDCWD, place->path, AUTHFILE_MAX, &text, err);
	if (!place->required && (r == -ENOENT || r == -ENOTDIR)) {
		if (place->named_by)
			ctx_log(hunt->ctx, LOG_INFO,
				"%s names a file that is not there: no credentials for "
				"%s",
				place->named_by, hunt->registry);
		return 0;
	}
	if (!place->named_by && r == -EACCES) {
		/* a home that is not ours, as with sudo */
		ctx_log(hunt->ctx, LOG_WARN, "%s may not be read: no credentials from it",
			text_quote(place->path, strlen(place->path)).s);
		return 0;
	}
	if (r < 0)
		return place->named_by ? err_wrap(err, "%s", place->named_by) : r;
	file = text_quote(place->path, strlen(place->path));
	return look_at_text(hunt, text.data, text.len, place->flat, file.s, err);
}

/* DIR/NAME; NULL for no folder. */
static char *join(const char *dir, const char *name)
{
	char *path;

	return dir && asprintf(&path, "%s/%s", dir, name) >= 0 ? path : NULL;
}

static const char *variable(const char *name)
{
	const char *s = getenv(name);

	return s && *s ? s : NULL;
}

static char *runtime_file(void)
{
	const char *dir = variable("XDG_RUNTIME_DIR");
	char *path;

	if (dir)
		return join(dir, "containers/auth.json");
	return asprintf(&path, "/run/containers/%u/auth.json", getuid()) >= 0 ? path
									      : NULL;
}

/* podman's order, in which Docker's files have their place. */
static int look_at_usual_places(const struct hunt *hunt, struct o2r_err *err)
{
	AUTO_FREE char *config = home_config_dir(), *home = home_dir();
	const char *docker = variable("DOCKER_CONFIG");
	struct place places[] = {
		{.path = runtime_file()},
		{.path = join(config, "containers/auth.json")},
		{.path = docker ? join(docker, "config.json")
				: join(home, ".docker/config.json")},
		{.path = join(home, ".dockercfg"), .flat = true},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (r == 0)
			r = look_at(hunt, &places[i], err);
		place_finish(&places[i]);
	}
	return r;
}

static int given(const struct hunt *hunt, const struct registry_settings *settings,
	struct o2r_err *err)
{
	CLEANUP(credential_finish)
	struct credential c = {
		.username = strdup(settings->username),
		.password = strdup(settings->password ? settings->password : ""),
	};

	if (!c.username || !c.password)
		return err_nomem(err);
	return found(hunt, &c, "the command line", err);
}

int credentials_find(const char *registry, const char *repository,
	const struct registry_settings *settings, const struct ctx *ctx,
	struct credential *out, struct o2r_err *err)
{
	const struct hunt hunt = {registry, repository, ctx, out};
	const char *file = variable("REGISTRY_AUTH_FILE");
	const char *text = variable("DOCKER_AUTH_CONFIG");
	struct place named = {.path = (char *)settings->authfile};
	int r;

	if (settings->username)
		return given(&hunt, settings, err);
	if (settings->authfile) {
		named.named_by = "--authfile";
		named.required = true;
		return look_at(&hunt, &named, err);
	}
	if (file) {
		named.path = (char *)file;
		named.named_by = "$REGISTRY_AUTH_FILE";
		return look_at(&hunt, &named, err);
	}
	if (text) {
		if (strlen(text) > AUTHFILE_MAX)
			return err_corrupt(err,
				"$DOCKER_AUTH_CONFIG has more than %d bytes",
				AUTHFILE_MAX);
		r = look_at_text(
			&hunt, text, strlen(text), false, "$DOCKER_AUTH_CONFIG", err);
		if (r)
			return r;
	}
	return look_at_usual_places(&hunt, err);
}

void credential_finish(struct credential *c)
{
	secret_free(c->username);
	secret_free(c->password);
	secret_free(c->identity_token);
	secret_free(c->registry_token);
	free(c->from);
	*c = (struct credential){0};
}
