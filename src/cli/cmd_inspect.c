#include "cli/cmd_inspect.h"

#include <errno.h>

#include "base/checked.h"
#include "cli/extra_args.h"
#include "cli/facts.h"
#include "cli/look.h"

struct inspect {
	struct look look;
	struct o2r_image *image;
	struct facts facts;
	bool manifest, config;
};

static int set_manifest(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct inspect *)state)->manifest = true;
	return 0;
}

static int set_config(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct inspect *)state)->config = true;
	return 0;
}

static const struct option_spec inspect_options[] = {
	{0, "manifest", NULL, "only the manifest, byte for byte", set_manifest},
	{0, "config", NULL, "only the config, byte for byte", set_config},
};

static int print_document(struct inspect *i)
{
	size_t n = 0;
	const char *text = i->manifest ? o2r_image_manifest_json(i->image, &n)
				       : o2r_image_config_json(i->image, &n);

	return look_write(&i->look, text, n);
}

static int print_facts(struct inspect *i)
{
	struct o2r_error error = {0};
	int r;

	if (facts_gather(&i->facts, i->image, &error) < 0)
		return cli_fail_library(i->look.cli, &error);
	r = i->look.json ? facts_json(&i->facts, &i->look.text)
			 : facts_text(&i->facts, &i->look.text);
	return r < 0 ? look_nomem(&i->look) : look_end(&i->look);
}

static void inspect_finish(struct inspect *i)
{
	facts_finish(&i->facts);
	o2r_image_close(i->image);
	look_finish(&i->look);
}

static int inspect_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {{"image", IMAGE_HINT}};
	CLEANUP(inspect_finish) struct inspect i = {0};
	struct o2r_err err;
	int r = look_begin(&i.look, cli, &cmd_inspect, &i, &argc, argv);

	if (r == CLI_GO_ON && i.manifest && i.config) {
		err_set(&err, ERR_USAGE, EINVAL,
			"--manifest and --config exclude each other");
		return cli_fail(cli, &cmd_inspect, &err);
	}
	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_inspect, operands, 1, 0, argc, argv);
	if (r == CLI_GO_ON)
		r = image_args_open(&i.look.image, cli, argv[0], &i.image);
	if (r != CLI_GO_ON)
		return r;
	return i.manifest || i.config ? print_document(&i) : print_facts(&i);
}

static const struct option_group inspect_groups[] = {
	LOOK_GROUPS(inspect_options), EXTRA_ARGS_GROUP};

const struct command cmd_inspect = {
	.name = "inspect",
	.summary = "what an image consists of",
	.operands = "REFERENCE",
	.about = "Show what the manifest and the config say, each layer with its sizes, "
		 "the number\n"
		 "of its entries and what upper layers delete or replace of its data, "
		 "and totals of\n"
		 "the merged tree. --manifest and --config read no layer.\n",
	.groups = inspect_groups,
	.group_count = ARRAY_LEN(inspect_groups),
	.run = inspect_run,
};
