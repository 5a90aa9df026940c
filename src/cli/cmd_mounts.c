#include "cli/cmd_mounts.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/json_write.h"
#include "base/text.h"
#include "cli/show.h"

enum {
	TEXT_MAX = 256 << 20,
	DIGEST_SHOWN = 19, /* "sha256:" and twelve digits, as container tools have it */
};

struct mounts {
	bool json;
	struct buf text;
	struct json writer;
};

static int set_format(void *state, const char *value, struct o2r_err *err)
{
	struct mounts *m = state;

	m->json = strcmp(value, "json") == 0;
	if (m->json || strcmp(value, "text") == 0)
		return 0;
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is not text or json",
		text_quote(value, strlen(value)).s);
}

static const struct option_spec mounts_options[] = {
	{0, "format", "text|json", "how the result is printed", set_format},
};

static const char *state_of(const struct o2r_view_info *v)
{
	return v->serving ? "serving" : "dead";
}

static void add_json(struct json *j, const struct o2r_view_info *v)
{
	json_open(j, NULL, '{');
	show_json_bytes(j, "mountpoint", v->mountpoint, strlen(v->mountpoint));
	if (v->reference)
		show_json_bytes(j, "reference", v->reference, strlen(v->reference));
	else
		json_string(j, "reference", NULL);
	json_string(j, "manifest_digest", v->manifest_digest);
	json_string(j, "platform", v->platform);
	json_uint(j, "pid", (uint64_t)v->pid);
	json_uint(j, "since", (uint64_t)MAX(v->since, 0));
	json_string(j, "state", state_of(v));
	json_close(j, '}');
}

/* Names come last: they are of any length. */
static int add_row(struct buf *b, const struct o2r_view_info *v)
{
	const char *reference = v->reference ? v->reference : "-";
	time_t since = (time_t)v->since;
	char when[32] = "-";
	struct tm tm;
	int r;

	if (localtime_r(&since, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	if (!b->len)
		r = buf_printf(b, "%-8s %8s  %-19s  %-*s  %s\n", "STATE", "PID", "SINCE",
			DIGEST_SHOWN, "DIGEST", "MOUNT POINT  IMAGE");
	else
		r = 0;
	if (r == 0)
		r = buf_printf(b, "%-8s %8d  %-19s  %.*s  ", state_of(v), v->pid, when,
			DIGEST_SHOWN, v->manifest_digest);
	if (r == 0)
		r = show_name(b, v->mountpoint, strlen(v->mountpoint));
	if (r == 0)
		r = buf_append(b, "  ", 2);
	if (r == 0)
		r = show_name(b, reference, strlen(reference));
	return r < 0 ? r : buf_append(b, "\n", 1);
}

static int add_view(void *arg, const struct o2r_view_info *v)
{
	struct mounts *m = arg;

	if (!m->json)
		return add_row(&m->text, v);
	add_json(&m->writer, v);
	return 0;
}

static void mounts_finish(struct mounts *m)
{
	buf_finish(&m->text);
}

static int print(struct cli *cli, struct mounts *m, int r)
{
	struct o2r_err err;

	if (m->json) {
		json_close(&m->writer, ']');
		json_close(&m->writer, '}');
		r = json_end(&m->writer);
	}
	if (r >= 0)
		return cli_print(cli, &m->text);
	err_nomem(&err);
	return cli_fail(cli, NULL, &err);
}

static int mounts_run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(mounts_finish) struct mounts m = {.text.max = TEXT_MAX};
	void *const states[] = {&m};
	struct o2r_error error = {0};
	int r = cli_begin(cli, &cmd_mounts, states, &argc, argv);

	if (r == CLI_GO_ON)
		r = cli_operands(cli, &cmd_mounts, NULL, 0, 0, argc, argv);
	if (r != CLI_GO_ON)
		return r;
	if (m.json) {
		json_begin(&m.writer, &m.text);
		json_open(&m.writer, NULL, '{');
		json_open(&m.writer, "views", '[');
	}
	r = o2r_views(add_view, &m, &error);
	return error.code ? cli_fail_library(cli, &error) : print(cli, &m, r);
}

static const struct option_group mounts_groups[] = {
	{.specs = mounts_options, .count = ARRAY_LEN(mounts_options)},
};

const struct command cmd_mounts = {
	.name = "mounts",
	.summary = "list the views of this user",
	.operands = "",
	.about = "List the views that this user has mounted, oldest first: the state and "
		 "the "
		 "number\n"
		 "of the server, since when it serves, the digest of the manifest, mount "
		 "point and\n"
		 "image. A dead server leaves its view in place until 'o2r umount'.\n",
	.groups = mounts_groups,
	.group_count = ARRAY_LEN(mounts_groups),
	.run = mounts_run,
};
