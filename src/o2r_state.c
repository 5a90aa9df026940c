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
#include "sources/json.h"
#include "sources/platform.h"

enum {
	STATE_VERSION = 1,
	STATE_DEPTH = 4, /* of the document */
	STATE_TEXT_MAX = 3 * PATH_MAX + 64,
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
	free(s->cache_dir);
	free(s->mountpoint);
	*s = (struct view_state){0};
}

/* ---- out */

/* Paths are bytes and JSON is text: what is not printable ASCII becomes %XX, so does %.
 */
static void put_bytes(struct json *j, const char *name, const char *bytes)
{
	AUTO_BUF struct buf text = {0};
	int r = 0;

	for (const char *p = bytes ? bytes : ""; *p && r == 0; p++)
		r = *p < 0x20 || *p > 0x7e || *p == '%'
			    ? buf_printf(&text, "%%%02X", (unsigned char)*p)
			    : buf_append(&text, p, 1);
	if (r < 0 && !j->status)
		j->status = r;
	json_string(j, name, !bytes ? NULL : text.data ? text.data : "");
}

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
	put_bytes(&j, "reference", s->reference);
	json_string(&j, "manifest", digest_format(&s->manifest).s);
	json_string(&j, "platform", s->platform);
	json_open(&j, "layers", '[');
	for (unsigned i = 0; i < s->layer_count; i++)
		json_string(&j, NULL, digest_format(&s->layers[i]).s);
	json_close(&j, ']');
	put_limits(&j, &s->limits);
	put_bytes(&j, "cache", s->cache_dir);
	json_uint(&j, "no-cache", s->no_cache);
	put_bytes(&j, "mountpoint", s->mountpoint);
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

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte as put_bytes wrote it, *at moved behind it; 0 for what it does not write. */
static unsigned char take_byte(const char **at)
{
	unsigned char c = (unsigned char)*(*at)++;

	if (c != '%')
		return c < 0x20 || c > 0x7e ? 0 : c;

	int high = hex_digit((*at)[0]);
	int low = high < 0 ? -1 : hex_digit((*at)[1]);

	if (low < 0)
		return 0;
	*at += 2;
	return (unsigned char)(high * 16 + low);
}

static int take_bytes(const struct json_ref *at, const char *name, const char *text,
	char **out, struct o2r_err *err)
{
	size_t n = strlen(text), o = 0;
	AUTO_FREE char *bytes = n <= STATE_TEXT_MAX ? malloc(n + 1) : NULL;

	if (n > STATE_TEXT_MAX)
		return err_corrupt(err, "%s is too long", json_path(at, name).s);
	if (!bytes)
		return err_nomem(err);
	while (*text) {
		unsigned char c = take_byte(&text);

		if (!c)
			return err_corrupt(err, "%s holds what no path holds",
				json_path(at, name).s);
		bytes[o++] = (char)c;
	}
	bytes[o] = '\0';
	*out = STEAL(bytes);
	return 0;
}

/* How a reference begins that means the same in any directory: as image.h has it. */
static const char *const places[] = {
	"/",
	"oci:/",
	"oci-archive:/",
	"docker-archive:/",
	"overlay:/",
	"docker-store:[/",
	"containers-storage:[",
	"docker://",
	"scratch",
};

static bool begins_with_any(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(text, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/* What begins with one of the first `count` places; *out stays NULL when there is none
 * and it may be missing. */
static int take_place(const struct json_ref *root, const char *name, size_t count,
	bool needed, char **out, struct o2r_err *err)
{
	const char *text;
	int r = json_get_string(root, name, &text, err);

	if (r == 0 && !needed)
		return 0;
	r = json_need(r, root, name, err);
	if (r == 0)
		r = take_bytes(root, name, text, out, err);
	if (r < 0)
		return r;

	if (!begins_with_any(*out, places, count))
		return err_corrupt(
			err, "%s is not an absolute path", json_path(root, name).s);
	return 0;
}

static int take_path(const struct json_ref *root, const char *name, bool needed,
	char **out, struct o2r_err *err)
{
	return take_place(root, name, 1, needed, out, err);
}

static int take_number(const struct json_ref *root, const char *name, uint64_t min,
	uint64_t max, uint64_t *out, struct o2r_err *err)
{
	int r = json_need(json_get_size(root, name, out, err), root, name, err);

	if (r == 0 && (*out < min || *out > max))
		return err_corrupt(err, "%s is out of range", json_path(root, name).s);
	return r;
}

static int take_digest(const struct json_ref *root, const char *name, struct digest *out,
	struct o2r_err *err)
{
	const char *text;
	int r = json_need(json_get_string(root, name, &text, err), root, name, err);

	if (r == 0 && digest_parse(text, strlen(text), out, err) < 0)
		return err_wrap(err, "%s", json_path(root, name).s);
	return r;
}

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
	int r = take_number(root, "pid", 1, PID_LARGEST, &pid, err);

	if (r == 0)
		r = take_number(root, "start", 0, UINT64_MAX, &out->process.start, err);
	if (r == 0)
		r = take_number(root, "since", 0, INT64_MAX, &since, err);
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
	int r = take_number(root, "version", STATE_VERSION, STATE_VERSION, &number, err);

	if (r == 0)
		r = take_place(root, "reference", ARRAY_LEN(places), false,
			&out->reference, err);
	if (r == 0)
		r = take_digest(root, "manifest", &out->manifest, err);
	if (r == 0)
		r = take_platform(root, out, err);
	if (r == 0)
		r = take_layers(root, out, err);
	if (r == 0)
		r = take_limits(root, &out->limits, err);
	if (r == 0)
		r = take_path(root, "cache", false, &out->cache_dir, err);
	if (r == 0)
		r = take_number(root, "no-cache", 0, 1, &number, err);
	if (r == 0)
		r = take_path(root, "mountpoint", true, &out->mountpoint, err);
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
