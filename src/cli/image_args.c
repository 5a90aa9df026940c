#include "cli/image_args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/userns_enter.h"
#include "cli/value.h"

enum {
	MAX_THREADS = 64,
};

static int set_platform(void *state, const char *value, struct o2r_err *err)
{
	struct image_args *a = state;

	if (o2r_options_set_platform(a->options, value) < 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"'%s' is not a platform: os/arch or os/arch/variant, such as "
			"linux/arm64",
			text_quote(value, strlen(value)).s);
	return 0;
}

static int set_jobs(void *state, const char *value, struct o2r_err *err)
{
	struct image_args *a = state;
	uint64_t n;
	int r = value_number(value, MAX_THREADS, &n, err);

	if (r < 0)
		return r;
	if (o2r_options_set_threads(a->options, (unsigned)n) < 0)
		return err_set(err, ERR_USAGE, EINVAL, "%s threads do not work", value);
	return 0;
}

static int set_limit(void *state, const char *value, struct o2r_err *err)
{
	struct image_args *a = state;
	const char *equals = strchr(value, '=');
	char name[32];
	uint64_t max;
	int r;

	if (!equals)
		return err_set(err, ERR_USAGE, EINVAL,
			"'%s' has no =: NAME=NUMBER is wanted",
			text_quote(value, strlen(value)).s);
	r = value_size(equals + 1, &max, err);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%.*s", (int)MIN(equals - value, 31), value);
	if (o2r_options_set_limit(a->options, name, max) < 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"there is no limit %s; there are entries, path, pax-header, "
			"xattr-value, manifest, config, json-depth, layer-bytes, "
			"zstd-window",
			text_quote(value, (size_t)(equals - value)).s);
	return 0;
}

static int set_cache(void *state, const char *value, struct o2r_err *err)
{
	struct image_args *a = state;

	if (!*value)
		return err_set(err, ERR_USAGE, EINVAL, "the name is empty");
	return o2r_options_set_cache(a->options, value) < 0 ? err_nomem(err) : 0;
}

static int set_no_cache(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	o2r_options_set_no_cache(((struct image_args *)state)->options, true);
	return 0;
}

const struct option_spec image_args_options[IMAGE_ARGS_OPTION_COUNT] = {
	{0, "platform", "OS/ARCH", "which image of several; default: the host's",
		set_platform},
	{0, "limit", "NAME=N", "how much of an image's input is accepted (repeatable)",
		set_limit},
	{'j', "jobs", "N", "threads; default: one for each processor", set_jobs},
	{0, "cache", "DIR", "of indexes and blobs; default: $XDG_CACHE_HOME/o2r",
		set_cache},
	{0, "no-cache", NULL, "keep nothing, use nothing that was kept", set_no_cache},
};

int image_args_init(struct image_args *a, struct cli *cli, struct o2r_err *err)
{
	a->options = o2r_options_create();
	if (!a->options)
		return err_nomem(err);
	a->registry =
		(struct registry_args){.options = a->options, .cancel = cli->cancel};
	o2r_options_set_cancel(a->options, cli->cancel);
	return 0;
}

void image_args_finish(struct image_args *a)
{
	registry_args_finish(&a->registry);
	o2r_options_destroy(a->options);
	a->options = NULL;
}

int image_args_ask(struct image_args *a, struct cli *cli)
{
	struct o2r_err err;

	return registry_args_apply(&a->registry, &err) < 0 ? cli_fail(cli, NULL, &err)
							   : CLI_GO_ON;
}

int image_args_open(struct image_args *a, struct cli *cli, const char *reference,
	struct o2r_image **image)
{
	struct o2r_error error = {0};
	int r = image_args_ask(a, cli);

	if (r != CLI_GO_ON)
		return r;
	userns_enter_for(cli, reference);
	o2r_options_set_log(a->options, console_log, cli->console.level, &cli->console);
	if (!cli->quiet)
		o2r_options_set_progress(a->options, console_progress, &cli->console);
	o2r_options_set_fetch_progress(a->options, console_fetch, &cli->console);
	if (o2r_image_open(reference, a->options, image, &error) < 0)
		return cli_fail_library(cli, &error);
	return CLI_GO_ON;
}
