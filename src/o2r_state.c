#include "o2r_state.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/json_write.h"
#include "base/number.h"
#include "o2r_state_parts.h"
#include "sources/json.h"
#include "sources/platform.h"

enum {
	STATE_VERSION = 2,
	STATE_DEPTH = 4,       /* of the document */
	PID_LARGEST = 1 << 22, /* as far as Linux goes */
};

struct limit_member {
	const char *name;
	size_t offset;
};

/* Names as o2r_options_set_limit has them. */
static const struct limit_member limit_members[] = {
	{"entries", offsetof(struct limits, entries)},
	{"path", offsetof(struct limits, path)},
	{"pax-header", offsetof(struct limits, pax_header)},
	{"xattr-value", offsetof(struct limits, xattr_value)},
	{"manifest", offsetof(struct limits, manifest)},
	{"config", offsetof(struct limits, config)},
	{"json-depth", offsetof(struct limits, json_depth)},
	{"layer-bytes", offsetof(struct limits, layer_bytes)},
	{"zstd-window", offsetof(struct limits, zstd_window)},
};

static uint64_t *limit_of(struct limits *l, const struct limit_member *m)
{
	return (uint64_t *)((char *)l + m->offset);
}

void view_state_finish(struct view_state *s)
{
	free(s->reference);
	free(s->platform);
	free(s->layers);
	state_extras_finish(s->extras, s->extra_count);
	free(s->cache_dir);
	free(s->mountpoint);
	*s = (struct view_state){0};
}

/* ---- out */

/* As text, since a number of JSON is exact to 2^53 only. */
static void put_limits(struct json *j, const struct limits *limits)
{
	struct limits copy = *limits;

	json_open(j, "limits", '{');
	for (size_t i = 0; i < ARRAY_LEN(limit_members); i++) {
		char digits[24];

		snprintf(digits, sizeof(digits), "%" PRIu64,
			*limit_of(&copy, &limit_members[i]));
		json_string(j, limit_members[i].name, digits);
	}
	json_close(j, '}');
}

int view_state_format(const struct view_state *s, struct buf *out, struct o2r_err *err)
{
	struct json j;

	out->max = STATE_FILE_MAX;
	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_uint(&j, "version", STATE_VERSION);
	state_put_bytes(&j, "reference", s->reference);
	json_string(&j, "manifest", digest_format(&s->manifest).s);
	json_string(&j, "platform", s->platform);
	json_open(&j, "layers", '[');
	for (unsigned i = 0; i < s->layer_count; i++)
		json_string(&j, NULL, digest_format(&s->layers[i]).s);
	json_close(&j, ']');
	state_put_extras(&j, s->extras, s->extra_count);
	put_limits(&j, &s->limits);
	state_put_bytes(&j, "cache", s->cache_dir);
	json_uint(&j, "no-cache", s->no_cache);
	state_put_bytes(&j, "mountpoint", s->mountpoint);
	json_uint(&j, "pid", (uint64_t)s->process.pid);
	json_uint(&j, "start", s->process.start);
	json_string(&j, "boot", s->boot.s);
	json_uint(&j, "since", (uint64_t)MAX(s->since, 0));
	json_close(&j, '}');

	int r = json_end(&j);

	if (r == -EFBIG)
		return err_set(err, ERR_FAIL, EFBIG,
			"the state of the view has more than %d bytes", STATE_FILE_MAX);
	return r < 0 ? err_nomem(err) : 0;
}

/* ---- in */

static int take_layers(
	const struct json_ref *root, struct view_state *out, struct o2r_err *err)
{
	struct json_ref array, item = {0};
	int r = json_need(
		json_get_array(root, "layers", &array, err), root, "layers", err);
	size_t count = r == 0 ? json_count(&array) : 0;

	if (r < 0)
		return r;
	if (count > STATE_LAYERS_MAX)
		return err_corrupt(err, "layers has %zu elements", count);
	out->layers = calloc(count + 1, sizeof(*out->layers));
	if (!out->layers)
		return err_nomem(err);
	while (json_next(&array, &item)) {
		const char *text;

		r = json_item_string(&item, &text, err);
		if (r == 0 && digest_parse(text, strlen(text),
				      &out->layers[out->layer_count], err) < 0)
			r = err_wrap(err, "%s", json_path(&item, NULL).s);
		if (r < 0)
			return r;
		out->layer_count++;
	}
	return 0;
}

static int take_limits(
	const struct json_ref *root, struct limits *out, struct o2r_err *err)
{
	struct json_ref object;
	int r = json_need(
		json_get_object(root, "limits", &object, err), root, "limits", err);

	*out = (struct limits)LIMITS_DEFAULT;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(limit_members); i++) {
		const char *name = limit_members[i].name, *text;

		r = json_need(
			json_get_string(&object, name, &text, err), &object, name, err);
		if (r == 0 && !number_parse(text, limit_of(out, &limit_members[i])))
			r = err_corrupt(
				err, "%s is not a number", json_path(&object, name).s);
	}
	return r;
}

static int take_platform(
	const struct json_ref *root, struct view_state *out, struct o2r_err *err)
{
	struct platform parsed;
	const char *text;
	int r = json_need(
		json_get_string(root, "platform", &text, err), root, "platform", err);

	if (r < 0)
		return r;
	/* a config that tells none is "unknown" */
	if (strcmp(text, "unknown") != 0 && platform_parse(text, &parsed, err) < 0)
		return err_corrupt(err, "platform is none");
	out->platform = strdup(text);
	return out->platform ? 0 : err_nomem(err);
}

static int take_process(
	const struct json_ref *root, struct view_state *out, struct o2r_err *err)
{
	uint64_t pid = 0, since = 0;
	const char *boot;
	int r = state_take_number(root, "pid", 1, PID_LARGEST, &pid, err);

	if (r == 0)
		r = state_take_number(
			root, "start", 0, UINT64_MAX, &out->process.start, err);
	if (r == 0)
		r = state_take_number(root, "since", 0, INT64_MAX, &since, err);
	if (r == 0)
		r = json_need(
			json_get_string(root, "boot", &boot, err), root, "boot", err);
	if (r < 0)
		return r;
	if (!boot_id_valid(boot))
		return err_corrupt(err, "boot is not a UUID");
	memcpy(out->boot.s, boot, sizeof(out->boot.s));
	out->process.pid = (int)pid;
	out->since = (int64_t)since;
	return 0;
}

static int take_all(
	const struct json_ref *root, struct view_state *out, struct o2r_err *err)
{
	uint64_t number;
	int r = state_take_number(
		root, "version", STATE_VERSION, STATE_VERSION, &number, err);

	if (r == 0)
		r = state_take_reference(root, "reference", false, &out->reference, err);
	if (r == 0)
		r = state_take_digest(root, "manifest", &out->manifest, err);
	if (r == 0)
		r = take_platform(root, out, err);
	if (r == 0)
		r = take_layers(root, out, err);
	if (r == 0)
		r = state_take_extras(root, &out->extras, &out->extra_count, err);
	if (r == 0)
		r = take_limits(root, &out->limits, err);
	if (r == 0)
		r = state_take_path(root, "cache", false, &out->cache_dir, err);
	if (r == 0)
		r = state_take_number(root, "no-cache", 0, 1, &number, err);
	if (r == 0)
		r = state_take_path(root, "mountpoint", true, &out->mountpoint, err);
	if (r < 0)
		return r;
	out->no_cache = number;
	return take_process(root, out, err);
}

int view_state_parse(
	const char *text, size_t n, struct view_state *out, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root;
	int r = json_doc_parse(text, n, STATE_DEPTH, &doc, err);

	*out = (struct view_state){0};
	if (r == 0)
		r = json_root(doc, &root, err);
	return r < 0 ? r : take_all(&root, out, err);
}
