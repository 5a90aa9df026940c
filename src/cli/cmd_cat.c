#include "cli/cmd_cat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/extra_args.h"
#include "cli/look.h"

enum {
	CHUNK = 1 << 20,
};

struct cat {
	struct look look;
	struct o2r_image *image;
	uint64_t *inos; /* one a path */
	unsigned char *buf;
	struct o2r_error error;
};

static int not_a_file(const char *path, mode_t mode, struct o2r_err *err)
{
	if (S_ISDIR(mode))
		return err_set(err, ERR_USAGE, EISDIR,
			"%s is a directory ('o2r ls' lists it)",
			text_quote(path, strlen(path)).s);
	return err_set(err, ERR_USAGE, EINVAL, "%s is not a regular file",
		text_quote(path, strlen(path)).s);
}

static int find_file(struct cat *c, const char *path, uint64_t *ino)
{
	struct o2r_err err = {0};
	struct stat st;

	if (o2r_resolve(c->image, path, true, ino, NULL, &c->error) < 0 ||
		o2r_stat(c->image, *ino, &st, &c->error) < 0)
		return cli_fail_library(c->look.cli, &c->error);
	if (S_ISREG(st.st_mode))
		return 0;
	not_a_file(path, st.st_mode, &err);
	return cli_fail(c->look.cli, NULL, &err);
}

static int write_file(struct cat *c, uint64_t ino)
{
	uint64_t at = 0;
	int64_t n;

	while ((n = o2r_read(c->image, ino, c->buf, CHUNK, at, &c->error)) > 0) {
		int r = look_write(&c->look, c->buf, (size_t)n);

		if (r)
			return r;
		at += (uint64_t)n;
	}
	return n < 0 ? cli_fail_library(c->look.cli, &c->error) : 0;
}

/* All paths are found before the first byte is written. */
static int cat_files(struct cat *c, char **paths, int count)
{
	int r = 0;

	c->inos = calloc((size_t)count, sizeof(*c->inos));
	c->buf = malloc(CHUNK);
	if (!c->inos || !c->buf)
		return look_nomem(&c->look);
	for (int i = 0; r == 0 && i < count; i++)
		r = find_file(c, paths[i], &c->inos[i]);
	for (int i = 0; r == 0 && i < count; i++)
		r = write_file(c, c->inos[i]);
	return r;
}

static void cat_finish(struct cat *c)
{
	o2r_image_close(c->image);
	free(c->inos);
	free(c->buf);
	look_finish(&c->look);
}

static int cat_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {
		{"image", IMAGE_HINT}, {"path", "a file of the image"}};
	CLEANUP(cat_finish) struct cat c = {0};
	int r = look_begin_image(&c.look, cli, &cmd_cat, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_cat, operands, 2, 0, MIN(argc, 2), argv);
	if (r == CLI_GO_ON)
		r = image_args_open(&c.look.image, cli, argv[0], &c.image);
	return r == CLI_GO_ON ? cat_files(&c, argv + 1, argc - 1) : r;
}

static const struct option_group cat_groups[] = {
	IMAGE_ARGS_GROUPS,
	EXTRA_ARGS_GROUP,
};

const struct command cmd_cat = {
	.name = "cat",
	.summary = "write files of an image to standard output",
	.operands = "REFERENCE PATH...",
	.about = "Write the bytes of files of the merged tree to standard output, one "
		 "behind\n"
		 "the other. Symbolic links are followed inside the image. Every byte "
		 "is checked\n"
		 "against the digest of its layer.\n",
	.groups = cat_groups,
	.group_count = ARRAY_LEN(cat_groups),
	.run = cat_run,
};
