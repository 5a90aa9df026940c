#include "cli/cmd_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/json_write.h"
#include "base/text.h"
#include "cli/value.h"

enum {
	TEXT_MAX = 1 << 30, /* millions of files */
};

struct cache {
	const char *dir; /* NULL: the default one */
	uint64_t max_size;
	bool max_size_set, json;
	/* what the library tells goes here */
	struct buf text;
	struct json writer;
	uint64_t files, bytes;
	int failed;
};

static int set_cache(void *state, const char *value, struct o2r_err *err)
{
	((struct cache *)state)->dir = value;
	return *value ? 0 : err_set(err, ERR_USAGE, EINVAL, "the name is empty");
}

static int set_max_size(void *state, const char *value, struct o2r_err *err)
{
	struct cache *c = state;

	c->max_size_set = true;
	return value_size(value, &c->max_size, err);
}

static int set_format(void *state, const char *value, struct o2r_err *err)
{
	struct cache *c = state;

	c->json = strcmp(value, "json") == 0;
	if (c->json || strcmp(value, "text") == 0)
		return 0;
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is not text or json",
		text_quote(value, strlen(value)).s);
}

static const struct option_spec cache_options[] = {
	{0, "max-size", "SIZE", "prune: keep up to this much, what was used last",
		set_max_size},
	{0, "cache", "DIR", "the cache folder; default: $XDG_CACHE_HOME/o2r", set_cache},
	{0, "format", "text|json", "how the result is printed", set_format},
};

static void cache_finish(struct cache *c)
{
	buf_finish(&c->text);
}

static void add_json(struct cache *c, const struct o2r_cache_item *item)
{
	json_open(&c->writer, NULL, '{');
	json_string(&c->writer, "kind", item->kind);
	json_string(&c->writer, "digest", item->digest);
	json_uint(&c->writer, "bytes", item->bytes);
	json_uint(&c->writer, "used", (uint64_t)MAX(item->used, 0));
	json_bool(&c->writer, "in_use", item->in_use);
	json_close(&c->writer, '}');
}

static int add_row(struct cache *c, const struct o2r_cache_item *item)
{
	time_t used = (time_t)item->used;
	char when[32] = "-";
	struct tm tm;

	if (localtime_r(&used, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	return buf_printf(&c->text, "%-10s  %-71s  %10s  %s%s\n", item->kind,
		item->digest ? item->digest : "-", text_size(item->bytes).s, when,
		item->in_use ? "  in use" : "");
}

static int hear_listed(void *arg, const struct o2r_cache_item *item)
{
	struct cache *c = arg;

	c->files++;
	c->bytes += item->bytes;
	if (c->json)
		add_json(c, item);
	else
		c->failed = add_row(c, item);
	return c->failed;
}

static int hear_removed(void *arg, const struct o2r_cache_item *item)
{
	struct cache *c = arg;

	c->files++;
	c->bytes += item->bytes;
	if (c->json)
		add_json(c, item);
	return 0;
}

static int hear_kept(void *arg, const struct o2r_cache_item *item)
{
	*(uint64_t *)arg += item->bytes;
	return 0;
}

static int finish_print(struct cli *cli, struct cache *c)
{
	struct o2r_err err;

	if (c->json) {
		json_close(&c->writer, '}');
		c->failed = json_end(&c->writer);
	}
	if (c->failed == 0)
		return cli_print(cli, &c->text);
	err_nomem(&err);
	return cli_fail(cli, NULL, &err);
}

static void begin_json(struct cache *c, const char *list)
{
	if (!c->json)
		return;
	json_begin(&c->writer, &c->text);
	json_open(&c->writer, NULL, '{');
	json_open(&c->writer, list, '[');
}

static int cache_ls(struct cli *cli, struct cache *c)
{
	struct o2r_error error = {0};

	begin_json(c, "files");
	if (o2r_cache_list(c->dir, hear_listed, c, &error) < 0 && c->failed == 0)
		return cli_fail_library(cli, &error);
	if (c->json) {
		json_close(&c->writer, ']');
		json_uint(&c->writer, "bytes", c->bytes);
	} else if (c->failed == 0) {
		c->failed = buf_printf(&c->text, "%" PRIu64 " file%s, %s\n", c->files,
			c->files == 1 ? "" : "s", text_size(c->bytes).s);
	}
	return finish_print(cli, c);
}

static int cache_prune(struct cli *cli, struct cache *c)
{
	struct o2r_error error = {0};
	uint64_t kept = 0;

	begin_json(c, "removed");
	if (o2r_cache_prune(c->dir, c->max_size, hear_removed, c, &error) < 0 ||
		o2r_cache_list(c->dir, hear_kept, &kept, &error) < 0)
		return cli_fail_library(cli, &error);
	if (c->json) {
		json_close(&c->writer, ']');
		json_uint(&c->writer, "freed_bytes", c->bytes);
		json_uint(&c->writer, "kept_bytes", kept);
	} else {
		c->failed = buf_printf(&c->text,
			"removed %" PRIu64 " file%s, freed %s; kept %s\n", c->files,
			c->files == 1 ? "" : "s", text_size(c->bytes).s,
			text_size(kept).s);
	}
	return finish_print(cli, c);
}

static int cache_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand wanted[] = {{"action", "ls or prune"}};
	CLEANUP(cache_finish) struct cache c = {.text = {.max = TEXT_MAX}};
	void *const states[] = {&c};
	struct o2r_err err;
	int r = cli_begin(cli, &cmd_cache, states, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_cache, wanted, 1, 0, argc, argv);
	if (r != CLI_GO_ON)
		return r;
	if (strcmp(argv[0], "prune") == 0)
		return cache_prune(cli, &c);
	if (strcmp(argv[0], "ls") != 0)
		err_set(&err, ERR_USAGE, EINVAL, "there is no 'cache %s': ls or prune",
			text_quote(argv[0], strlen(argv[0])).s);
	else if (c.max_size_set)
		err_set(&err, ERR_USAGE, EINVAL, "--max-size is for 'cache prune'");
	else
		return cache_ls(cli, &c);
	return cli_fail(cli, &cmd_cache, &err);
}

static const struct option_group cache_groups[] = {
	{.specs = cache_options, .count = ARRAY_LEN(cache_options)},
};

const struct command cmd_cache = {
	.name = "cache",
	.summary = "list or prune what is kept between runs",
	.operands = "ls|prune",
	.about =
		"ls lists the indexes of layers, and whatever else is kept between runs, "
		"least\n"
		"recently used first. prune removes all of it that no running command "
		"uses, or\n"
		"with --max-size what was not used for longest. Everything can be made "
		"again.\n",
	.groups = cache_groups,
	.group_count = ARRAY_LEN(cache_groups),
	.run = cache_run,
};
