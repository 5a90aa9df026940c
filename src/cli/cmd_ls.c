#include "cli/cmd_ls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "cli/extra_args.h"
#include "cli/look.h"
#include "cli/show.h"

struct ls {
	struct look look;
	struct o2r_image *image;
	bool with_stat, recursive, itself, layers;
	const char *top; /* -R: the path that is not listed, only what is below it */
	struct o2r_error error;
};

/* One line of the list. */
struct item {
	const char *name; /* as it is shown: a name, or a path without its slash */
	size_t len;
	bool is_path;
	const char *dir; /* JSON: what stands before the name */
	uint64_t ino;
	unsigned layer;
	const struct stat *st;
};

#define FLAG(function, member)                                                           \
	static int function(void *state, const char *value, struct o2r_err *err)         \
	{                                                                                \
		(void)value, (void)err;                                                  \
		((struct ls *)state)->member = true;                                     \
		return 0;                                                                \
	}

FLAG(set_long, with_stat)
FLAG(set_recursive, recursive)
FLAG(set_directory, itself)
FLAG(set_layers, layers)

static const struct option_spec ls_options[] = {
	{'l', "long", NULL, "mode, links, owner, size, time (UTC) and link target too",
		set_long},
	{'R', "recursive", NULL, "everything below PATH, as full paths", set_recursive},
	{'d', "directory", NULL, "PATH itself, not what is in it", set_directory},
	{0, "layers", NULL, "in front: the layer that each path comes from", set_layers},
};

/* 1 when there is an attribute of that kind (the name begins so; NULL: any other). */
static int has_xattr(struct ls *s, uint64_t ino, const char *prefix)
{
	const char *name;
	const void *value;
	size_t size;
	int r;

	for (unsigned i = 0;; i++) {
		r = o2r_xattr(s->image, ino, i, &name, &value, &size, &s->error);
		if (r <= 0)
			return r;
		if (strncmp(name, prefix, strlen(prefix)) == 0)
			return 1;
	}
}

/* '+' when there is an ACL, '@' when there are other attributes. */
static int xattr_mark(struct ls *s, uint64_t ino, char *mark)
{
	int acl = has_xattr(s, ino, "system.posix_acl_");
	int any = acl == 0 ? has_xattr(s, ino, "") : acl;

	*mark = acl > 0 ? '+' : any > 0 ? '@' : ' ';
	return any;
}

static int add_layer(struct ls *s, const struct item *i)
{
	struct o2r_layer_info info;

	if (o2r_image_layer(s->image, i->layer, &info) < 0)
		return buf_printf(&s->look.text, "  - %-12s  ", "-");

	const char *colon = strchr(info.digest, ':');

	return buf_printf(&s->look.text, "%3u %.12s  ", i->layer + 1,
		colon ? colon + 1 : info.digest);
}

static int add_stat(struct ls *s, const struct item *i)
{
	const struct stat *st = i->st;
	char mark = ' ', size[48];

	if (xattr_mark(s, i->ino, &mark) < 0)
		return -EIO;
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		snprintf(size, sizeof(size), "%u, %u", major(st->st_rdev),
			minor(st->st_rdev));
	else
		snprintf(size, sizeof(size), "%" PRId64, (int64_t)st->st_size);
	return buf_printf(&s->look.text, "%s%c %3ju %5u %5u %11s %s ",
		show_mode(st->st_mode).s, mark, (uintmax_t)st->st_nlink, st->st_uid,
		st->st_gid, size, show_time(st->st_mtim.tv_sec).s);
}

static int add_target(struct ls *s, const struct item *i)
{
	struct buf *out = &s->look.text;
	const char *target;

	if (!S_ISLNK(i->st->st_mode))
		return 0;
	if (o2r_readlink(s->image, i->ino, &target, &s->error) < 0)
		return -EIO;

	int r = buf_append(out, " -> ", 4);

	return r < 0 ? r : show_name(out, target, strlen(target));
}

static int add_line(struct ls *s, const struct item *i)
{
	struct buf *out = &s->look.text;
	int r = s->layers ? add_layer(s, i) : 0;

	if (r == 0 && s->with_stat)
		r = add_stat(s, i);
	if (r == 0 && i->is_path)
		r = buf_append(out, "/", 1);
	if (r == 0)
		r = show_name(out, i->name, i->len);
	if (r == 0 && s->with_stat)
		r = add_target(s, i);
	return r < 0 ? r : buf_append(out, "\n", 1);
}

static int add_json(struct ls *s, const struct item *i)
{
	struct json *j = &s->look.writer;
	struct buf path AUTO_BUF = {.max = SIZE_MAX / 2};
	struct o2r_layer_info info = {0};
	int r = buf_printf(&path, "/%s%s", i->dir, *i->dir ? "/" : "");

	if (r == 0)
		r = buf_append(&path, i->name, i->len);
	/* one object a line */
	if (r == 0 && j->comma)
		r = buf_append(&s->look.text, "\n", 1);
	if (r < 0)
		return r;
	json_open(j, NULL, '{');
	show_json_bytes(j, "path", path.data, path.len);
	show_json_stat(j, i->st);
	if (S_ISLNK(i->st->st_mode)) {
		const char *target;

		if (o2r_readlink(s->image, i->ino, &target, &s->error) < 0)
			return -EIO;
		show_json_bytes(j, "target", target, strlen(target));
	}
	r = show_json_xattrs(j, s->image, i->ino, &s->error);
	json_uint(j, "layer", i->layer + 1);
	if (o2r_image_layer(s->image, i->layer, &info) == 0)
		json_string(j, "layer_digest", info.digest);
	json_close(j, '}');
	return r < 0 ? r : j->status;
}

/* Non-zero ends the list: the reason is in s->error, in the look's status, or there is no
 * more memory. */
static int add_item(struct ls *s, const struct item *i)
{
	int r = s->look.json ? add_json(s, i) : add_line(s, i);

	if (r < 0)
		return r;
	return look_flush(&s->look) ? -EIO : 0;
}

static int add_walked(void *arg, const struct o2r_walk_entry *e)
{
	struct ls *s = arg;
	struct item i = {.name = e->path,
		.len = e->path_len,
		.is_path = true,
		.dir = "",
		.ino = e->ino,
		.layer = e->layer,
		.st = &e->st};

	return s->top && strcmp(s->top, e->path) == 0 ? 0 : add_item(s, &i);
}

static int list_dir(struct ls *s, const char *path, uint64_t dir)
{
	const char *name;
	size_t len;
	uint64_t ino;
	int r;

	for (uint64_t n = 0;; n++) {
		struct item i = {.dir = path};
		struct stat st;

		r = o2r_readdir(s->image, dir, n, &name, &len, &ino, &s->error);
		if (r <= 0)
			return r;
		r = o2r_readdir_layer(s->image, dir, n, &i.layer, &s->error);
		if (r == 0)
			r = o2r_stat(s->image, ino, &st, &s->error);
		i.name = name;
		i.len = len;
		i.ino = ino;
		i.st = &st;
		if (r == 0)
			r = add_item(s, &i);
		if (r < 0)
			return r;
	}
}

static int list_itself(struct ls *s, const char *path, uint64_t ino)
{
	struct item i = {.name = path,
		.len = strlen(path),
		.is_path = true,
		.dir = "",
		.ino = ino};
	struct stat st;
	int r = o2r_stat(s->image, ino, &st, &s->error);

	if (r == 0)
		r = o2r_path_layer(s->image, path, &i.layer, &s->error);
	i.st = &st;
	return r < 0 ? r : add_item(s, &i);
}

static int list(struct ls *s, const char *path)
{
	char *real AUTO_FREE = NULL;
	struct stat st;
	uint64_t ino;
	/* as ls does: a link is shown when its own facts are asked for */
	int r = o2r_resolve(s->image, path, !s->with_stat && !s->itself && !s->look.json,
		&ino, &real, &s->error);

	if (r == 0)
		r = o2r_stat(s->image, ino, &st, &s->error);
	if (r < 0)
		return r;
	if (s->itself || !S_ISDIR(st.st_mode))
		return list_itself(s, real, ino);
	if (!s->recursive)
		return list_dir(s, real, ino);
	s->top = real;
	r = o2r_walk_path(s->image, real, add_walked, s, &s->error);
	s->top = NULL;
	return r;
}

static int list_and_end(struct ls *s, const char *path)
{
	struct json *j = &s->look.writer;

	json_begin(j, &s->look.text);
	if (s->look.json) {
		json_open(j, NULL, '{');
		json_string(j, "reference", o2r_image_reference(s->image));
		json_string(j, "manifest_digest", o2r_image_manifest_digest(s->image));
		json_open(j, "entries", '[');
	}

	int r = list(s, path);

	if (s->look.status)
		return s->look.status;
	if (s->error.code)
		return cli_fail_library(s->look.cli, &s->error);
	if (r == 0 && s->look.json) {
		json_close(j, ']');
		json_close(j, '}');
		r = json_end(j);
	}
	return r < 0 ? look_nomem(&s->look) : look_end(&s->look);
}

static void ls_finish(struct ls *s)
{
	o2r_image_close(s->image);
	look_finish(&s->look);
}

static int ls_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {{"image", IMAGE_HINT}, {"path", NULL}};
	CLEANUP(ls_finish) struct ls s = {0};
	int r = look_begin(&s.look, cli, &cmd_ls, &s, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_ls, operands, 2, 1, argc, argv);
	if (r == CLI_GO_ON)
		r = image_args_open(&s.look.image, cli, argv[0], &s.image);
	return r == CLI_GO_ON ? list_and_end(&s, argc > 1 ? argv[1] : "/") : r;
}

static const struct option_group ls_groups[] = {
	LOOK_GROUPS(ls_options), EXTRA_ARGS_GROUP};

const struct command cmd_ls = {
	.name = "ls",
	.summary = "list the files of an image",
	.operands = "REFERENCE [PATH]",
	.about = "List a directory of the merged file tree (the root unless PATH is "
		 "given), "
		 "names\n"
		 "in byte order, one a line. No file data is read. Symbolic links are "
		 "followed\n"
		 "inside the image. In names, control bytes, backslashes and what is "
		 "not UTF-8\n"
		 "are shown as \\xNN, on a terminal and in pipes alike; --format json "
		 "has the\n"
		 "exact bytes.\n",
	.groups = ls_groups,
	.group_count = ARRAY_LEN(ls_groups),
	.run = ls_run,
};
