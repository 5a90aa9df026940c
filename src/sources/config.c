#include "sources/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/json.h"
#include "sources/platform.h"
#include "sources/rfc3339.h"

static int copy_string(
	const struct json_ref *at, const char *key, char **out, struct o2r_err *err)
{
	const char *s = NULL;
	int r = json_get_string(at, key, &s, err);

	if (r <= 0 || !*s)
		return r < 0 ? r : 0;
	*out = strdup(s);
	return *out ? 0 : err_nomem(err);
}

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

/* NULL behind the last one, also while it is being filled. */
static int copy_items(const struct json_ref *array, char **list, struct o2r_err *err)
{
	struct json_ref item = {0};
	const char *s;

	while (json_next(array, &item)) {
		int r = json_item_string(&item, &s, err);

		if (r < 0)
			return r;
		list[item.index] = strdup(s);
		if (!list[item.index])
			return err_nomem(err);
	}
	return 0;
}

static int copy_list(
	const struct json_ref *at, const char *key, char ***out, struct o2r_err *err)
{
	struct json_ref array;
	int r = at ? json_get_array(at, key, &array, err) : 0;
	size_t n = r > 0 ? json_count(&array) : 0;

	if (r < 0)
		return r;
	if (n > CONFIG_LIST_MAX)
		return err_corrupt(err, "%s has more than %d entries",
			json_path(at, key).s, CONFIG_LIST_MAX);
	*out = calloc(n + 1, sizeof(**out));
	if (!*out)
		return err_nomem(err);
	return n ? copy_items(&array, *out, err) : 0;
}

/* What a container is started with; the lists are made even when there is nothing. */
static int parse_run(
	const struct json_ref *root, struct image_config *c, struct o2r_err *err)
{
	struct json_ref object, *run = NULL;
	int r = json_get_object(root, "config", &object, err);

	if (r > 0)
		run = &object;
	if (r >= 0)
		r = copy_list(run, "Entrypoint", &c->entrypoint, err);
	if (r >= 0)
		r = copy_list(run, "Cmd", &c->cmd, err);
	if (r >= 0)
		r = copy_list(run, "Env", &c->env, err);
	if (r >= 0 && run)
		r = copy_string(run, "WorkingDir", &c->working_dir, err);
	if (r >= 0 && run)
		r = copy_string(run, "User", &c->user, err);
	return r < 0 ? r : 0;
}

static int parse_platform(
	const struct json_ref *root, struct platform *out, struct o2r_err *err)
{
	const char *os = NULL, *arch = NULL, *variant = NULL;
	int r = json_get_string(root, "os", &os, err);

	if (r >= 0)
		r = json_get_string(root, "architecture", &arch, err);
	if (r >= 0)
		r = json_get_string(root, "variant", &variant, err);
	return r < 0 ? r : platform_make(os, arch, variant, out, err);
}

static int parse_created(const struct json_ref *root, const struct ctx *ctx,
	struct image_config *c, struct o2r_err *err)
{
	/* "0001-01-01T00:00:00Z", Go's zero time: not known */
	const int64_t year_one = -62135596800;
	int r = copy_string(root, "created", &c->created, err);

	if (r < 0 || !c->created)
		return r;
	c->created_valid = rfc3339_parse(c->created, &c->created_sec, &c->created_nsec);
	if (!c->created_valid)
		ctx_log(ctx, LOG_WARN,
			"the image's creation time \"%s\" is not a time and is ignored",
			text_quote(c->created, strlen(c->created)).s);
	else if (c->created_sec == year_one)
		c->created_valid = false;
	if (!c->created_valid)
		c->created_sec = c->created_nsec = 0;
	return 0;
}

static int parse_diff_ids(const struct json_ref *array, struct digest **out,
	unsigned *count, struct o2r_err *err)
{
	size_t n = json_count(array);
	struct json_ref item = {0};
	const char *s;

	if (n > CONFIG_LIST_MAX)
		return err_corrupt(err, "%s has more than %d entries",
			json_path(array, NULL).s, CONFIG_LIST_MAX);

	AUTO_FREE struct digest *ids = calloc(n ? n : 1, sizeof(*ids));

	if (!ids)
		return err_nomem(err);
	while (json_next(array, &item)) {
		int r = json_item_string(&item, &s, err);

		if (r < 0)
			return r;
		r = digest_parse(s, strlen(s), &ids[item.index], err);
		if (r < 0)
			return err_wrap(err, "%s", json_path(&item, NULL).s);
	}
	*out = STEAL(ids);
	*count = (unsigned)n;
	return 0;
}

static int parse_rootfs(const struct json_ref *root, struct digest **diff_ids,
	unsigned *count, struct o2r_err *err)
{
	struct json_ref rootfs, array;
	const char *type = "layers";
	int r = json_need(
		json_get_object(root, "rootfs", &rootfs, err), root, "rootfs", err);

	if (r == 0)
		r = json_get_string(&rootfs, "type", &type, err);
	if (r < 0)
		return r;
	if (strcmp(type, "layers") != 0)
		return err_corrupt(err, "rootfs.type is \"%s\", not \"layers\"",
			text_quote(type, strlen(type)).s);
	*diff_ids = NULL;
	*count = 0;
	r = json_get_array(&rootfs, "diff_ids", &array, err);
	return r <= 0 ? r : parse_diff_ids(&array, diff_ids, count, err);
}

static int parse_root(const struct json_doc *doc, const struct ctx *ctx,
	struct image_config *out, struct digest **diff_ids, unsigned *count,
	struct o2r_err *err)
{
	struct json_ref root;
	int r = json_root(doc, &root, err);

	if (r >= 0)
		r = parse_platform(&root, &out->platform, err);
	if (r >= 0)
		r = parse_created(&root, ctx, out, err);
	if (r >= 0)
		r = parse_run(&root, out, err);
	/* last, so that nothing that the caller frees is handed out on failure */
	return r < 0 ? r : parse_rootfs(&root, diff_ids, count, err);
}

int config_parse(const char *text, size_t n, const struct ctx *ctx,
	struct image_config *out, struct digest **diff_ids, unsigned *diff_id_count,
	struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	CLEANUP(config_finish) struct image_config config = {0};
	int r = json_doc_parse(text, n, ctx->limits.json_depth, &doc, err);

	if (r >= 0)
		r = parse_root(doc, ctx, &config, diff_ids, diff_id_count, err);
	if (r < 0)
		return r;
	*out = config;
	config = (struct image_config){0};
	return 0;
}

void config_finish(struct image_config *config)
{
	free_list(config->entrypoint);
	free_list(config->cmd);
	free_list(config->env);
	free(config->working_dir);
	free(config->user);
	free(config->created);
	*config = (struct image_config){0};
}

int config_platform(const char *text, size_t n, const struct ctx *ctx,
	struct platform *out, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root;
	int r = json_doc_parse(text, n, ctx->limits.json_depth, &doc, err);

	if (r >= 0)
		r = json_root(doc, &root, err);
	return r < 0 ? r : parse_platform(&root, out, err);
}
