#include "cli/cmd_pull.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/look.h"

struct pull {
	struct look look;
	struct o2r_image *image;
	double began;
};

/* --no-cache is one of the options that all commands with an image have. */
static int refuse_no_cache(void *state, const char *value, struct o2r_err *err)
{
	(void)state, (void)value;
	return err_set(err, ERR_USAGE, EINVAL,
		"to fill the cache folder is what pull does (for an image that is to be "
		"kept elsewhere there is 'o2r save')");
}

static const struct option_spec pull_options[] = {
	{0, "no-cache", NULL, NULL, refuse_no_cache},
};

static int check(struct pull *p, struct o2r_err *err)
{
	const char *reference = o2r_image_reference(p->image);

	if (o2r_image_is_remote(p->image))
		return 0;
	return err_set(err, ERR_USAGE, EINVAL,
		"%s is on this machine already: pull fetches from registries",
		text_quote(reference, strlen(reference)).s);
}

static uint64_t layer_bytes(const struct o2r_image *image)
{
	uint64_t bytes = 0;
	struct o2r_layer_info info;

	for (unsigned i = 0; o2r_image_layer(image, i, &info) == 0; i++)
		bytes += info.size;
	return bytes;
}

static int add_json(struct pull *p, double seconds)
{
	const struct layer_totals *t = &p->look.cli->console.fetched;
	struct json *j = &p->look.writer;

	json_begin(j, &p->look.text);
	json_open(j, NULL, '{');
	json_string(j, "reference", o2r_image_reference(p->image));
	json_string(j, "manifest_digest", o2r_image_manifest_digest(p->image));
	json_string(j, "named_digest", o2r_image_named_digest(p->image));
	json_string(j, "platform", o2r_image_platform(p->image));
	json_uint(j, "layers", o2r_image_layer_count(p->image));
	json_uint(j, "layer_bytes", layer_bytes(p->image));
	json_uint(j, "layers_existing", t->existing);
	json_uint(j, "fetched_bytes", t->done - t->earlier);
	json_string(j, "cache", o2r_image_cache_dir(p->image));
	json_seconds(j, "seconds", seconds);
	json_close(j, '}');
	return json_end(j);
}

static int add_text(struct pull *p)
{
	const char *reference = o2r_image_reference(p->image);

	return buf_printf(&p->look.text, "%s %s %s\n",
		text_quote(reference, strlen(reference)).s,
		o2r_image_manifest_digest(p->image), o2r_image_platform(p->image));
}

static int print_pulled(struct pull *p)
{
	double seconds = console_now() - p->began;
	int r = 0;

	if (p->look.json)
		r = add_json(p, seconds);
	else if (!p->look.cli->quiet)
		r = add_text(p);
	return r < 0 ? look_nomem(&p->look) : look_end(&p->look);
}

static int pull(struct pull *p, const char *reference)
{
	struct cli *cli = p->look.cli;
	struct o2r_error error = {0};
	struct o2r_err err;
	int r;

	p->began = console_now();
	cli->console.tell_existing = true;
	o2r_options_set_cache_required(p->look.image.options, true);
	r = image_args_open(&p->look.image, cli, reference, &p->image);
	if (r != CLI_GO_ON)
		return r;
	if (check(p, &err) < 0)
		return cli_fail(cli, &cmd_pull, &err);
	if (o2r_image_fetch(p->image, &error) < 0)
		return cli_fail_library(cli, &error);
	console_end(&cli->console, true);
	return print_pulled(p);
}

static void pull_finish(struct pull *p)
{
	o2r_image_close(p->image);
	look_finish(&p->look);
}

static int pull_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {
		{"image", "one in a registry, such as nginx:latest"}};
	CLEANUP(pull_finish) struct pull p = {0};
	int r = look_begin(&p.look, cli, &cmd_pull, &p, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_pull, operands, 1, 0, argc, argv);
	return r == CLI_GO_ON ? pull(&p, argv[0]) : r;
}

static const struct option_group pull_groups[] = {LOOK_GROUPS(pull_options)};

const struct command cmd_pull = {
	.name = "pull",
	.summary = "fetch an image from a registry into the cache folder",
	.operands = "REFERENCE",
	.about =
		"Fetch what is not there yet of an image, verified, for use without a "
		"network (with\n"
		"--offline) or before it is needed. All commands fetch what they need by "
		"themselves.\n"
		"What is interrupted goes on where it stopped.\n",
	.groups = pull_groups,
	.group_count = ARRAY_LEN(pull_groups),
	.run = pull_run,
};
