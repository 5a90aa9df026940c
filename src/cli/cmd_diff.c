#include "cli/cmd_diff.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "base/text.h"
#include "cli/layer_arg.h"
#include "cli/look.h"
#include "cli/seen.h"
#include "cli/show.h"

enum {
	EXIT_DIFFERENT = 8, /* no class of failure has it */
};

struct total {
	uint64_t paths, bytes;
};

struct diff {
	struct look look;
	struct o2r_image *a, *b; /* b NULL: a layer of a */
	const char *layer;
	unsigned layer_index;
	bool exit_code;
	struct total added, removed, changed_before, changed_after;
	/* a file with several names counts once */
	struct seen seen_before, seen_after;
	struct o2r_error error;
};

static int set_layer(void *state, const char *value, struct o2r_err *err)
{
	(void)err;
	((struct diff *)state)->layer = value;
	return 0;
}

static int set_exit_code(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct diff *)state)->exit_code = true;
	return 0;
}

static const struct option_spec diff_options[] = {
	{0, "layer", "N|DIGEST", "what this layer of the image changes (1: the lowest)",
		set_layer},
	{0, "exit-code", NULL, "exit with 8 when there are differences", set_exit_code},
};

static const struct {
	enum o2r_difference bit;
	const char *name;
} kinds[] = {
	{O2R_DIFF_TYPE, "type"},
	{O2R_DIFF_MODE, "mode"},
	{O2R_DIFF_OWNER, "owner"},
	{O2R_DIFF_MTIME, "mtime"},
	{O2R_DIFF_XATTRS, "xattrs"},
	{O2R_DIFF_DATA, "data"},
	{O2R_DIFF_TARGET, "target"},
	{O2R_DIFF_DEVICE, "device"},
	{O2R_DIFF_LINKS, "links"},
};

/* ---- totals */

static int count_bytes(struct seen *s, const struct stat *st, struct total *t)
{
	int r = S_ISREG(st->st_mode) ? seen_first(s, st->st_ino) : 0;

	if (r > 0)
		t->bytes += (uint64_t)st->st_size;
	return r;
}

static int count(struct diff *d, const struct o2r_diff_entry *e)
{
	int r;

	switch (e->change) {
	case O2R_ADDED:
		d->added.paths++;
		return count_bytes(&d->seen_after, e->after, &d->added);
	case O2R_REMOVED:
		d->removed.paths++;
		return count_bytes(&d->seen_before, e->before, &d->removed);
	case O2R_CHANGED:
	default:
		d->changed_before.paths++;
		if (!(e->differences & (O2R_DIFF_DATA | O2R_DIFF_TYPE)))
			return 0;
		r = count_bytes(&d->seen_before, e->before, &d->changed_before);
		return r < 0 ? r
			     : count_bytes(&d->seen_after, e->after, &d->changed_after);
	}
}

/* ---- text */

static int add_one(
	struct buf *out, unsigned bit, const char *name, const struct o2r_diff_entry *e)
{
	const struct stat *a = e->before, *b = e->after;

	switch (bit) {
	case O2R_DIFF_TYPE:
		return buf_printf(
			out, "%s -> %s", show_type(a->st_mode), show_type(b->st_mode));
	case O2R_DIFF_MODE:
		return buf_printf(
			out, "mode %04o -> %04o", a->st_mode & 07777, b->st_mode & 07777);
	case O2R_DIFF_OWNER:
		return buf_printf(out, "owner %u:%u -> %u:%u", a->st_uid, a->st_gid,
			b->st_uid, b->st_gid);
	case O2R_DIFF_DATA:
		return buf_printf(out, "data %" PRId64 " -> %" PRId64 " bytes",
			(int64_t)a->st_size, (int64_t)b->st_size);
	case O2R_DIFF_DEVICE:
		return buf_printf(out, "device %u:%u -> %u:%u", major(a->st_rdev),
			minor(a->st_rdev), major(b->st_rdev), minor(b->st_rdev));
	default:
		return buf_printf(out, "%s", name);
	}
}

static int add_text(struct diff *d, const struct o2r_diff_entry *e)
{
	struct buf *out = &d->look.text;
	int r = buf_printf(out, "%c /", "ADC"[e->change]);
	const char *comma = ": ";

	if (r == 0)
		r = show_name(out, e->path, e->path_len);
	for (size_t i = 0; r == 0 && e->change == O2R_CHANGED && i < ARRAY_LEN(kinds);
		i++) {
		if (!(e->differences & kinds[i].bit))
			continue;
		r = buf_printf(out, "%s", comma);
		if (r == 0)
			r = add_one(out, kinds[i].bit, kinds[i].name, e);
		comma = ", ";
	}
	return r < 0 ? r : buf_append(out, "\n", 1);
}

static int add_summary(struct diff *d)
{
	return buf_printf(&d->look.text,
		"%" PRIu64 " added (%s), %" PRIu64 " removed (%s), %" PRIu64
		" changed (%s -> %s)\n",
		d->added.paths, text_size(d->added.bytes).s, d->removed.paths,
		text_size(d->removed.bytes).s, d->changed_before.paths,
		text_size(d->changed_before.bytes).s,
		text_size(d->changed_after.bytes).s);
}

/* ---- JSON */

static void add_side(struct json *j, const char *name, const struct stat *st)
{
	if (!st)
		return;
	json_open(j, name, '{');
	show_json_stat(j, st);
	json_close(j, '}');
}

static int add_json(struct diff *d, const struct o2r_diff_entry *e)
{
	static const char *const changes[] = {"added", "removed", "changed"};
	struct json *j = &d->look.writer;
	struct buf path AUTO_BUF = {.max = SIZE_MAX / 2};

	if (buf_append(&path, "/", 1) < 0 ||
		buf_append(&path, e->path, e->path_len) < 0 ||
		(j->comma && buf_append(&d->look.text, "\n", 1) < 0))
		return -ENOMEM;
	json_open(j, NULL, '{');
	show_json_bytes(j, "path", path.data, path.len);
	json_string(j, "change", changes[e->change]);
	json_open(j, "differences", '[');
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (e->change == O2R_CHANGED && e->differences & kinds[i].bit)
			json_string(j, NULL, kinds[i].name);
	json_close(j, ']');
	add_side(j, "before", e->before);
	add_side(j, "after", e->after);
	json_close(j, '}');
	return j->status;
}

static void begin_json(struct diff *d)
{
	struct json *j = &d->look.writer;
	struct o2r_layer_info info;

	json_open(j, NULL, '{');
	json_string(j, "reference", o2r_image_reference(d->a));
	json_string(j, "manifest_digest", o2r_image_manifest_digest(d->a));
	if (d->b) {
		json_string(j, "other_reference", o2r_image_reference(d->b));
		json_string(j, "other_manifest_digest", o2r_image_manifest_digest(d->b));
	} else if (o2r_image_layer(d->a, d->layer_index, &info) == 0) {
		json_uint(j, "layer", d->layer_index + 1);
		json_string(j, "layer_digest", info.digest);
	}
	json_open(j, "changes", '[');
}

static void add_total(struct json *j, const char *name, const struct total *t)
{
	json_open(j, name, '{');
	json_uint(j, "paths", t->paths);
	json_uint(j, "bytes", t->bytes);
	json_close(j, '}');
}

static int end_json(struct diff *d)
{
	struct json *j = &d->look.writer;

	json_close(j, ']');
	add_total(j, "added", &d->added);
	add_total(j, "removed", &d->removed);
	json_open(j, "changed", '{');
	json_uint(j, "paths", d->changed_before.paths);
	json_uint(j, "bytes_before", d->changed_before.bytes);
	json_uint(j, "bytes_after", d->changed_after.bytes);
	json_close(j, '}');
	json_close(j, '}');
	return json_end(j);
}

/* ---- the comparison */

static int hear(void *arg, const struct o2r_diff_entry *e)
{
	struct diff *d = arg;
	int r = count(d, e);

	if (r >= 0)
		r = d->look.json ? add_json(d, e) : add_text(d, e);
	if (r < 0)
		return r;
	return look_flush(&d->look) ? -EIO : 0;
}

static int compare(struct diff *d)
{
	int r;

	json_begin(&d->look.writer, &d->look.text);
	if (d->look.json)
		begin_json(d);
	if (d->b)
		r = o2r_diff(d->a, d->b, hear, d, &d->error);
	else
		r = o2r_diff_layer(d->a, d->layer_index, hear, d, &d->error);
	if (d->look.status)
		return d->look.status;
	if (d->error.code)
		return cli_fail_library(d->look.cli, &d->error);
	if (r == 0 && d->look.json)
		r = end_json(d);
	else if (r == 0 && !d->look.cli->quiet)
		r = add_summary(d);
	if (r < 0)
		return look_nomem(&d->look);
	r = look_end(&d->look);
	if (r == 0 && d->exit_code &&
		(d->added.paths || d->removed.paths || d->changed_before.paths))
		return EXIT_DIFFERENT;
	return r;
}

static int open_and_compare(struct diff *d, struct cli *cli, char **argv)
{
	struct o2r_err err = {0};
	int r = image_args_open(&d->look.image, cli, argv[0], &d->a);

	if (r != CLI_GO_ON)
		return r;
	if (!d->layer)
		r = image_args_open(&d->look.image, cli, argv[1], &d->b);
	else if (layer_arg(d->a, d->layer, &d->layer_index, &err) < 0)
		r = cli_fail(cli, &cmd_diff, &err);
	return r == CLI_GO_ON ? compare(d) : r;
}

static void diff_finish(struct diff *d)
{
	o2r_image_close(d->a);
	o2r_image_close(d->b);
	seen_finish(&d->seen_before);
	seen_finish(&d->seen_after);
	look_finish(&d->look);
}

static int diff_run(struct cli *cli, int argc, char **argv)
{
	static const struct operand operands[] = {{"image", IMAGE_HINT},
		{"second image", "one, or a layer of the first with --layer"}};
	CLEANUP(diff_finish) struct diff d = {0};
	int r = look_begin(&d.look, cli, &cmd_diff, &d, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(
			cli, &cmd_diff, operands, d.layer ? 1 : 2, 0, argc, argv);
	return r == CLI_GO_ON ? open_and_compare(&d, cli, argv) : r;
}

static const struct option_group diff_groups[] = {LOOK_GROUPS(diff_options)};

const struct command cmd_diff = {
	.name = "diff",
	.summary = "compare two images, or see what a layer changes",
	.operands = "REFERENCE REFERENCE | REFERENCE --layer N",
	.about = "List the paths that differ between the file trees of two images, or "
		 "between an\n"
		 "image's layers below one layer and with it: A added, D deleted, C "
		 "changed and\n"
		 "what of it. Content that both have from the same place of a layer is "
		 "not read.\n"
		 "Differences are no failure: the exit status is 0 unless --exit-code "
		 "is given.\n",
	.groups = diff_groups,
	.group_count = ARRAY_LEN(diff_groups),
	.run = diff_run,
};
