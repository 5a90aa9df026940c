#include "cli/cmd_snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/extra_args.h"
#include "cli/image_args.h"
#include "cli/report.h"
#include "cli/value.h"

struct snapshot {
	struct image_args image;
	struct o2r_ext4_options *ext4;
	const char *output;
	bool dry_run, json;
	bool fixed_size, free_space; /* --size with a number, --free */
};

/* A plan has one line for each region: this is an image of many terabytes. */
#define PLAN_TEXT_MAX (256 << 20)

static int bad_value(const char *value, const char *expected, struct o2r_err *err)
{
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is not %s",
		text_quote(value, strlen(value)).s, expected);
}

static int set_output(void *state, const char *value, struct o2r_err *err)
{
	((struct snapshot *)state)->output = value;
	return *value ? 0 : err_set(err, ERR_USAGE, EINVAL, "the name is empty");
}

static int set_size(void *state, const char *value, struct o2r_err *err)
{
	struct snapshot *s = state;

	s->fixed_size = strcmp(value, "min") != 0;
	/* "--size min --free 1G" means what "--free 1G" says */
	if (s->free_space && !s->fixed_size)
		return 0;
	if (o2r_ext4_options_set_size(s->ext4, value) < 0)
		return bad_value(
			value, "a size: min, or a number with K, M, G or T", err);
	return 0;
}

static int set_free(void *state, const char *value, struct o2r_err *err)
{
	struct snapshot *s = state;

	s->free_space = true;
	if (o2r_ext4_options_set_free(s->ext4, value) < 0)
		return bad_value(value, "a size: a number with K, M, G, T or %", err);
	return 0;
}

static int set_inodes(void *state, const char *value, struct o2r_err *err)
{
	struct snapshot *s = state;
	uint64_t n;
	int r = value_number(value, UINT32_MAX, &n, err);

	if (r == 0 && o2r_ext4_options_set_inodes(s->ext4, n) < 0)
		r = bad_value(value, "a number of free inodes", err);
	return r;
}

static int set_label(void *state, const char *value, struct o2r_err *err)
{
	struct snapshot *s = state;

	if (o2r_ext4_options_set_label(s->ext4, value) < 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"'%s' has %zu bytes: a label has at most 16",
			text_quote(value, strlen(value)).s, strlen(value));
	return 0;
}

static int set_uuid(void *state, const char *value, struct o2r_err *err)
{
	struct snapshot *s = state;

	if (o2r_ext4_options_set_uuid(s->ext4, value) < 0)
		return bad_value(value, "a UUID or the word random", err);
	return 0;
}

static int set_dry_run(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct snapshot *)state)->dry_run = true;
	return 0;
}

static int set_force(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	o2r_ext4_options_set_force(((struct snapshot *)state)->ext4, true);
	return 0;
}

static int set_linear_dirs(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	o2r_ext4_options_set_linear_dirs(((struct snapshot *)state)->ext4, true);
	return 0;
}

static int set_format(void *state, const char *value, struct o2r_err *err)
{
	struct snapshot *s = state;

	s->json = strcmp(value, "json") == 0;
	if (s->json || strcmp(value, "text") == 0)
		return 0;
	return bad_value(value, "text or json", err);
}

static const struct option_spec snapshot_options[] = {
	{'o', "output", "FILE", "the image to write; - is standard output", set_output},
	{'s', "size", "SIZE", "min, or a size such as 2G; default: 25 % free", set_size},
	{0, "free", "SIZE|N%", "free space on top of the smallest size", set_free},
	{0, "inodes", "N", "number of free inodes", set_inodes},
	{'L', "label", "TEXT", "volume label, at most 16 bytes", set_label},
	{'U', "uuid", "UUID", "a UUID, or random; default: made from the content",
		set_uuid},
	{0, "linear-dirs", NULL, "directories without an index (for simple readers)",
		set_linear_dirs},
	{'n', "dry-run", NULL, "print the plan and write nothing", set_dry_run},
	{'f', "force", NULL, "replace FILE; write to a block device", set_force},
	{0, "format", "text|json", "how the result is printed", set_format},
};

static int check_args(struct snapshot *s, struct o2r_err *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int64_t seconds;

	if (!s->output && !s->dry_run)
		return err_set(err, ERR_USAGE, EINVAL,
			"no output: name a file with -o, or - for standard output");
	if (s->fixed_size && s->free_space)
		return err_set(
			err, ERR_USAGE, EINVAL, "--size and --free exclude each other");
	if (!s->dry_run && strcmp(s->output, "-") == 0 && isatty(STDOUT_FILENO))
		return err_set(err, ERR_USAGE, EINVAL,
			"standard output is a terminal: an image is not written to it");
	if (!epoch)
		return 0;
	if (value_epoch(epoch, &seconds, err) < 0)
		return err_wrap(err, "SOURCE_DATE_EPOCH");
	o2r_ext4_options_set_epoch(s->ext4, seconds);
	return 0;
}

static int add_plan_line(void *arg, const char *line)
{
	return buf_printf(arg, "%s\n", line);
}

/* Plan or write; the plan's lines go to text. */
static int make_image(const struct snapshot *s, struct o2r_image *image,
	struct o2r_ext4_info *info, struct buf *text, struct o2r_error *error)
{
	if (s->dry_run)
		return o2r_ext4_plan(image, s->ext4, info, s->json ? NULL : add_plan_line,
			text, error);
	if (strcmp(s->output, "-") == 0)
		return o2r_ext4_write_fd(image, s->ext4, STDOUT_FILENO, info, error);
	return o2r_ext4_write(image, s->ext4, s->output, info, error);
}

static int print_result(struct cli *cli, const struct snapshot *s, const struct report *r,
	struct buf *text)
{
	struct o2r_err err;

	if (s->json ? report_json(r, text) < 0
		    : !cli->quiet && report_text(r, text) < 0) {
		err_nomem(&err);
		return cli_fail(cli, NULL, &err);
	}
	if (!r->output || strcmp(r->output, "-") != 0)
		return cli_print(cli, text);
	console_result(&cli->console, text->data ? text->data : "", text->len);
	return 0;
}

static void close_image(struct o2r_image **image)
{
	o2r_image_close(*image);
}

static int snapshot_open_and_make(
	struct cli *cli, struct snapshot *s, const char *reference)
{
	CLEANUP(close_image) struct o2r_image *image = NULL;
	AUTO_BUF struct buf text = {.max = PLAN_TEXT_MAX};
	struct o2r_ext4_info info = {0};
	struct o2r_error error = {0};
	double began = console_now();
	int r = image_args_open(&s->image, cli, reference, &image);

	if (r != CLI_GO_ON)
		return r;
	if (make_image(s, image, &info, &text, &error) < 0)
		return cli_fail_library(cli, &error);
	console_end(&cli->console, true);

	const struct report report = {
		.reference = reference,
		.output = s->dry_run ? NULL : s->output,
		.image = image,
		.info = &info,
		.seconds = console_now() - began,
	};

	return print_result(cli, s, &report, &text);
}

static void snapshot_finish(struct snapshot *s)
{
	image_args_finish(&s->image);
	o2r_ext4_options_destroy(s->ext4);
}

static int snapshot_run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(snapshot_finish) struct snapshot s = {0};
	void *const states[] = {&s, IMAGE_ARGS_STATES(&s.image), &s.image};
	struct o2r_err err;
	int r = image_args_init(&s.image, cli, &err);

	s.ext4 = o2r_ext4_options_create();
	if (!s.ext4)
		r = err_nomem(&err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	r = cli_begin(cli, &cmd_snapshot, states, &argc, argv);
	if (r != CLI_GO_ON)
		return r;
	if (check_args(&s, &err) < 0)
		return cli_fail(cli, &cmd_snapshot, &err);
	r = cli_operands(cli, &cmd_snapshot, &(struct operand){"image", IMAGE_HINT}, 1, 0,
		argc, argv);
	return r == CLI_GO_ON ? snapshot_open_and_make(cli, &s, argv[0]) : r;
}

static const struct option_group snapshot_groups[] = {
	{.specs = snapshot_options, .count = ARRAY_LEN(snapshot_options)},
	IMAGE_ARGS_GROUPS,
	EXTRA_ARGS_GROUP,
};

const struct command cmd_snapshot = {
	.name = "snapshot",
	.summary = "write an image's file tree as an ext4 image",
	.operands = "REFERENCE -o FILE",
	.about = "Merge the layers of a container image and write the tree as an ext4 "
		 "image "
		 "of\n"
		 "exactly the size it needs (plus what --free asks for). The same input "
		 "gives "
		 "the\n"
		 "same bytes. FILE appears only when it is whole.\n"
		 "\n"
		 "REFERENCE is the name of an image in a registry (nginx:latest), a path "
		 "that\n"
		 "begins with /, ./ or ../ (an archive, an OCI layout, a mounted view), "
		 "- for\n"
		 "an archive from standard input, scratch, or a form with a prefix, such "
		 "as\n"
		 "oci:DIR[:TAG] or containers-storage:NAME: see o2r(1).\n",
	.groups = snapshot_groups,
	.group_count = ARRAY_LEN(snapshot_groups),
	.run = snapshot_run,
};
