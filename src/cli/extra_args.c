#include "cli/extra_args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cli/image_args.h"
#include "cli/value.h"

static int malformed(const char *value, struct o2r_err *err)
{
	return err_set(err, ERR_USAGE, EINVAL,
		"'%s' is not SRC:DEST[:MODE[:UID[:GID]]], such as ./init:/sbin/init:755",
		text_quote(value, strlen(value)).s);
}

void extra_file_finish(struct extra_file *f)
{
	free(f->src);
	free(f->dest);
	f->src = f->dest = NULL;
}

static int parse_mode(const char *text, long *out, struct o2r_err *err)
{
	size_t n = strspn(text, "01234567");

	if (n == 0 || n > 5 || text[n])
		return err_set(err, ERR_USAGE, EINVAL,
			"'%s' is not a mode: octal digits, such as 755",
			text_quote(text, strlen(text)).s);
	*out = strtol(text, NULL, 8);
	return *out <= 07777
		       ? 0
		       : err_set(err, ERR_USAGE, EINVAL, "%s is more than 7777", text);
}

static int parse_id(const char *text, unsigned *out, struct o2r_err *err)
{
	uint64_t n;
	int r = value_number(text, UINT32_MAX - 1, &n, err);

	if (r == 0)
		*out = (unsigned)n;
	return r;
}

/* What stands behind DEST: at most three numbers. */
static int parse_rest(
	char *rest, struct extra_file *f, const char *value, struct o2r_err *err)
{
	char *part[3] = {NULL};
	int r = 0;

	for (size_t i = 0; rest; i++) {
		if (i == ARRAY_LEN(part))
			return malformed(value, err);
		part[i] = strsep(&rest, ":");
	}
	if (part[0])
		r = parse_mode(part[0], &f->mode, err);
	if (r == 0 && part[1])
		r = parse_id(part[1], &f->uid, err);
	f->gid = f->uid;
	if (r == 0 && part[2])
		r = parse_id(part[2], &f->gid, err);
	return r;
}

int extra_file_parse(const char *value, struct extra_file *out, struct o2r_err *err)
{
	CLEANUP(extra_file_finish) struct extra_file f = {.mode = -1};
	const char *colon = strstr(value, ":/");
	char *rest;
	int r;

	if (!colon || colon == value)
		return malformed(value, err);
	f.src = strndup(value, (size_t)(colon - value));
	f.dest = strdup(colon + 1);
	if (!f.src || !f.dest)
		return err_nomem(err);
	rest = f.dest;
	strsep(&rest, ":");
	r = parse_rest(rest, &f, value, err);
	if (r < 0)
		return r;
	*out = f;
	f.src = f.dest = NULL;
	return 0;
}

static int add_layer(void *state, const char *value, struct o2r_err *err)
{
	struct image_args *a = state;

	if (!*value)
		return err_set(err, ERR_USAGE, EINVAL, "the name is empty");
	return o2r_options_add_layer(a->options, value) < 0 ? err_nomem(err) : 0;
}

static int add_file(void *state, const char *value, struct o2r_err *err)
{
	CLEANUP(extra_file_finish) struct extra_file f = {0};
	struct image_args *a = state;
	int r = extra_file_parse(value, &f, err);

	if (r < 0)
		return r;
	r = o2r_options_add_file(a->options, f.src, f.dest, f.mode, f.uid, f.gid);
	return r == -EINVAL ? malformed(value, err) : r < 0 ? err_nomem(err) : 0;
}

const struct option_spec extra_args_options[EXTRA_ARGS_OPTION_COUNT] = {
	{0, "layer", "PATH",
		"lay a directory, an archive or an image on top (repeatable)", add_layer},
	{0, "add", "SRC:DEST[:MODE]", "add a file, owned by root unless :UID:GID follows",
		add_file},
};
