#include "cli/cmd_digest.h"

#include <errno.h>

#include "base/checked.h"
#include "cli/look.h"

struct digest_command {
	struct look look;
	struct o2r_image *image;
	bool index;
};

static int set_index(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct digest_command *)state)->index = true;
	return 0;
}

static const struct option_spec digest_options[] = {
	{0, "index", NULL, "of the index, where the name means one", set_index},
};

static int add_json(struct digest_command *d, const char *digest)
{
	struct json *j = &d->look.writer;

	json_begin(j, &d->look.text);
	json_open(j, NULL, '{');
	json_string(j, "reference", o2r_image_reference(d->image));
	json_string(j, "digest", digest);
	json_string(j, "named_digest", o2r_image_named_digest(d->image));
	json_string(j, "manifest_digest", o2r_image_manifest_digest(d->image));
	json_string(j, "platform", o2r_image_platform(d->image));
	json_close(j, '}');
	return json_end(j);
}

static int print_digest(struct digest_command *d)
{
	const char *digest = d->index ? o2r_image_named_digest(d->image)
				      : o2r_image_manifest_digest(d->image);
	int r = d->look.json ? add_json(d, digest)
			     : buf_printf(&d->look.text, "%s\n", digest);

	return r < 0 ? look_nomem(&d->look) : look_end(&d->look);
}

static void digest_finish(struct digest_command *d)
{
	o2r_image_close(d->image);
	look_finish(&d->look);
}

static int digest_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {{"image", IMAGE_HINT}};
	CLEANUP(digest_finish) struct digest_command d = {0};
	int r = look_begin(&d.look, cli, &cmd_digest, &d, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_digest, operands, 1, 0, argc, argv);
	if (r == CLI_GO_ON)
		r = image_args_open(&d.look.image, cli, argv[0], &d.image);
	return r == CLI_GO_ON ? print_digest(&d) : r;
}

static const struct option_group digest_groups[] = {LOOK_GROUPS(digest_options)};

const struct command cmd_digest = {
	.name = "digest",
	.summary = "the digest of an image",
	.operands = "REFERENCE",
	.about = "Print the digest of the manifest that is taken for the platform, which "
		 "names this\n"
		 "image for good: as NAME@DIGEST, whatever becomes of the tag. With "
		 "--index, that of\n"
		 "what the name means in its registry: an index where the image is made "
		 "for several\n"
		 "platforms. No layer is read.\n",
	.groups = digest_groups,
	.group_count = ARRAY_LEN(digest_groups),
	.run = digest_run,
};
