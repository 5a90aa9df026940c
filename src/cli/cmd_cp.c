#include "cli/cmd_cp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/extra_args.h"
#include "cli/extract.h"
#include "cli/look.h"

struct cp {
	struct look look;
	struct o2r_image *image;
	bool force, follow;
	char *real;  /* of the source */
	char *local; /* names in it are pointed to */
	int dir;
	struct o2r_error error;
};

static int set_force(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct cp *)state)->force = true;
	return 0;
}

static int set_follow(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct cp *)state)->follow = true;
	return 0;
}

static const struct option_spec cp_options[] = {
	{'f', "force", NULL, "replace files that are there (never a directory)",
		set_force},
	{'L', "follow-link", NULL, "when PATH is a symbolic link, copy what it is to",
		set_follow},
};

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What the copy is called: as PATH ends; where that is "..", as the path without links
 * does. "" when what a directory holds is asked for (".", "/"). */
static const char *source_name(const struct cp *c, char *path)
{
	size_t n = strlen(path);

	while (n && path[n - 1] == '/')
		path[--n] = '\0';

	const char *last = last_part(path);

	if (strcmp(last, ".") == 0 || !*last)
		return "";
	return strcmp(last, "..") == 0 ? last_part(c->real) : last;
}

static int open_dir(struct cp *c, const char *path, struct o2r_err *err)
{
	c->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->dir < 0 ? err_errno(err, errno, "cannot open the directory %s",
				    text_quote(path, strlen(path)).s)
			  : 0;
}

/* The copy becomes LOCAL itself: its parent is opened. */
static int become(struct cp *c, const char *local, bool is_dir, struct extract_to *to,
	struct o2r_err *err)
{
	size_t n = strlen(local);
	char *slash;

	if (local[n - 1] == '/' && !is_dir)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "%s: no such directory",
			text_quote(local, n).s);
	while (n > 1 && c->local[n - 1] == '/')
		c->local[--n] = '\0';
	slash = strrchr(c->local, '/');
	to->name = slash ? slash + 1 : c->local;
	to->path = !slash ? "." : slash == c->local ? "/" : c->local;
	if (slash)
		*slash = '\0';
	if (!*to->name || strcmp(to->name, ".") == 0 || strcmp(to->name, "..") == 0)
		return err_set(err, ERR_USAGE, EINVAL, "%s is no name for a copy",
			text_quote(local, strlen(local)).s);
	return open_dir(c, to->path, err);
}

/* Where it goes, as docker cp decides: into a directory that is there, else by the name.
 */
static int decide(struct cp *c, char *path, const char *local, bool is_dir,
	struct extract_to *to, struct o2r_err *err)
{
	const char *name = source_name(c, path);
	struct stat st;

	if (!*local)
		return err_set(err, ERR_USAGE, EINVAL, "the local name is empty");
	if (stat(local, &st) < 0 || !S_ISDIR(st.st_mode))
		return become(c, local, is_dir, to, err);
	to->name = *name ? name : NULL;
	to->path = c->local;
	return open_dir(c, local, err);
}

static int find(struct cp *c, const char *path, uint64_t *ino, bool *is_dir)
{
	struct stat st;

	if (o2r_resolve(c->image, path, c->follow, ino, &c->real, &c->error) < 0 ||
		o2r_stat(c->image, *ino, &st, &c->error) < 0)
		return cli_fail_library(c->look.cli, &c->error);
	*is_dir = S_ISDIR(st.st_mode);
	return 0;
}

static int copy(struct cp *c, char *path, const char *local)
{
	struct cli *cli = c->look.cli;
	struct extract_counts counts = {0};
	struct extract_to to = {.force = c->force};
	struct o2r_err err = {0};
	uint64_t ino = 0;
	bool is_dir = false;
	int r = find(c, path, &ino, &is_dir);

	if (r)
		return r;
	/* what was indexed is; copying has no progress of its own */
	console_end(&cli->console, true);
	c->local = strdup(local);
	if (!c->local)
		return look_nomem(&c->look);
	r = decide(c, path, local, is_dir, &to, &err);
	to.dir = c->dir;
	if (r == 0)
		r = extract(cli, c->image, ino, &to, &counts, &err);
	if (r < 0)
		return cli_fail(cli, NULL, &err);
	if (cli->verbose && buf_printf(&c->look.text,
				    "%" PRIu64 " files (%s of data), %" PRIu64
				    " directories, %" PRIu64 " others\n",
				    counts.files, text_size(counts.bytes).s,
				    counts.directories, counts.others) == 0)
		console_result(&cli->console, c->look.text.data, c->look.text.len);
	return 0;
}

static void cp_finish(struct cp *c)
{
	o2r_image_close(c->image);
	free(c->real);
	free(c->local);
	if (c->dir >= 0)
		close(c->dir);
	look_finish(&c->look);
}

static int cp_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {{"image", IMAGE_HINT},
		{"path", "a file or directory of the image"},
		{"local name", "a file or directory for the copy"}};
	CLEANUP(cp_finish) struct cp c = {.dir = -1};
	int r = look_begin_plain(&c.look, cli, &cmd_cp, &c, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_cp, operands, 3, 0, argc, argv);
	if (r == CLI_GO_ON)
		r = image_args_open(&c.look.image, cli, argv[0], &c.image);
	return r == CLI_GO_ON ? copy(&c, argv[1], argv[2]) : r;
}

static const struct option_group cp_groups[] = {
	{.specs = cp_options, .count = ARRAY_LEN(cp_options)},
	IMAGE_ARGS_GROUPS,
	EXTRA_ARGS_GROUP,
};

const struct command cmd_cp = {
	.name = "cp",
	.summary = "copy files and directories out of an image",
	.operands = "REFERENCE PATH LOCAL",
	.about = "Copy a file or directory out of the merged tree, with modes, times, "
		 "links, holes\n"
		 "and extended attributes, and (as root) owners and devices: into LOCAL "
		 "when that\n"
		 "is a directory, else to the name LOCAL. PATH/. copies what a "
		 "directory holds.\n"
		 "Nothing outside of LOCAL is ever touched, whatever the image holds.\n",
	.groups = cp_groups,
	.group_count = ARRAY_LEN(cp_groups),
	.run = cp_run,
};
