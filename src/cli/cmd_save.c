#include "cli/cmd_save.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/look.h"

struct save {
	struct look look;
	struct o2r_image *image;
	const char *tag, *dir;
	struct buf saved; /* a reference to the new layout */
};

static int set_tag(void *state, const char *value, struct o2r_err *err)
{
	((struct save *)state)->tag = value;
	return *value ? 0 : err_set(err, ERR_USAGE, EINVAL, "the name is empty");
}

static const struct option_spec save_options[] = {
	{'t', "tag", "NAME", "the image's name in the layout; default: REFERENCE's tag",
		set_tag},
};

/* skopeo takes oci:DIR:TAG here, so people will try. */
static int check_dir(const char *dir, struct o2r_err *err)
{
	if (strncmp(dir, "oci:", 4) != 0)
		return 0;
	return err_set(err, ERR_USAGE, EINVAL,
		"%s: DIR is a plain path, and the name goes with --tag (write ./%s for a "
		"folder of that name)",
		text_quote(dir, strlen(dir)).s, text_quote(dir, strlen(dir)).s);
}

/* What the image can be opened by from now on. */
static int make_reference(struct save *s)
{
	/* the prefixed form would end at a colon */
	if (strchr(s->dir, ':'))
		return buf_printf(&s->saved, "%s%s",
			s->dir[0] == '/' || s->dir[0] == '.' ? "" : "./", s->dir);
	return buf_printf(
		&s->saved, "oci:%s%s%s", s->dir, s->tag ? ":" : "", s->tag ? s->tag : "");
}

static int add_json(struct save *s)
{
	struct json *j = &s->look.writer;
	uint64_t bytes = 0;
	unsigned layers = o2r_image_layer_count(s->image);

	for (unsigned i = 0; i < layers; i++) {
		struct o2r_layer_info info;

		if (o2r_image_layer(s->image, i, &info) == 0)
			bytes += info.size;
	}
	json_begin(j, &s->look.text);
	json_open(j, NULL, '{');
	json_string(j, "reference", o2r_image_reference(s->image));
	json_string(j, "saved", s->saved.data);
	json_string(j, "tag", s->tag);
	json_string(j, "manifest_digest", o2r_image_manifest_digest(s->image));
	json_string(j, "platform", o2r_image_platform(s->image));
	json_uint(j, "layers", layers);
	json_uint(j, "layer_bytes", bytes);
	json_close(j, '}');
	return json_end(j);
}

static int print_saved(struct save *s)
{
	int r = make_reference(s);

	if (r == 0 && s->look.json)
		r = add_json(s);
	else if (r == 0 && !s->look.cli->quiet)
		r = buf_printf(&s->look.text, "%s %s\n", s->saved.data,
			o2r_image_manifest_digest(s->image));
	return r < 0 ? look_nomem(&s->look) : look_end(&s->look);
}

static int save(struct save *s, const char *reference, const char *dir)
{
	struct cli *cli = s->look.cli;
	struct o2r_error error = {0};
	struct o2r_err err = {0};
	int r;

	if (check_dir(dir, &err) < 0)
		return cli_fail(cli, &cmd_save, &err);
	r = image_args_open(&s->look.image, cli, reference, &s->image);
	if (r != CLI_GO_ON)
		return r;
	s->dir = dir;
	if (!s->tag)
		s->tag = o2r_image_tag(s->image);
	if (o2r_image_save(s->image, dir, s->tag, &error) < 0)
		return cli_fail_library(cli, &error);
	console_end(&cli->console, true);
	return print_saved(s);
}

static void save_finish(struct save *s)
{
	o2r_image_close(s->image);
	buf_finish(&s->saved);
	look_finish(&s->look);
}

static int save_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {
		{"image", IMAGE_HINT}, {"directory", "one that is empty or not there"}};
	CLEANUP(save_finish) struct save s = {0};
	int r = look_begin(&s.look, cli, &cmd_save, &s, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_save, operands, 2, 0, argc, argv);
	return r == CLI_GO_ON ? save(&s, argv[0], argv[1]) : r;
}

static const struct option_group save_groups[] = {LOOK_GROUPS(save_options)};

const struct command cmd_save = {
	.name = "save",
	.summary = "write an image as an OCI layout",
	.operands = "REFERENCE DIR",
	.about = "Write the image into DIR as an OCI layout of its own: manifest, config "
		 "and layers\n"
		 "byte for byte, all checked against their digests. DIR must be empty or "
		 "not there,\n"
		 "and is there only when all of it is. Prints a reference to the result, "
		 "and the\n"
		 "manifest's digest.\n",
	.groups = save_groups,
	.group_count = ARRAY_LEN(save_groups),
	.run = save_run,
};
