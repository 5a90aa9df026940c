/* What was laid on top of the image that a view shows. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "o2r_state_parts.h"

enum {
	MODE_MAX = 07777,
};

static void put_extra(struct json *j, const struct image_extra *e)
{
	json_open(j, NULL, '{');
	if (e->kind == EXTRA_LAYER) {
		state_put_bytes(j, "layer", e->path);
		if (e->manifest.algo != DIGEST_NONE)
			json_string(j, "manifest", digest_format(&e->manifest).s);
	} else {
		state_put_bytes(j, "file", e->path);
		state_put_bytes(j, "dest", e->dest);
		/* as the file has it: not there */
		if (e->mode >= 0)
			json_uint(j, "mode", (uint64_t)e->mode);
		json_uint(j, "uid", e->uid);
		json_uint(j, "gid", e->gid);
	}
	json_close(j, '}');
}

void state_put_extras(struct json *j, const struct image_extra *extras, size_t count)
{
	json_open(j, "extras", '[');
	for (size_t i = 0; i < count; i++)
		put_extra(j, &extras[i]);
	json_close(j, ']');
}

static int take_layer(
	const struct json_ref *item, struct image_extra *e, struct o2r_err *err)
{
	int r = state_take_reference(item, "layer", true, (char **)&e->path, err);

	e->kind = EXTRA_LAYER;
	if (r == 0 && json_has(item, "manifest"))
		r = state_take_digest(item, "manifest", &e->manifest, err);
	return r;
}

static int take_file(
	const struct json_ref *item, struct image_extra *e, struct o2r_err *err)
{
	uint64_t mode = 0, uid = 0, gid = 0;
	int r = state_take_path(item, "file", true, (char **)&e->path, err);

	e->kind = EXTRA_FILE;
	if (r == 0)
		r = state_take_path(item, "dest", true, (char **)&e->dest, err);
	if (r == 0 && json_has(item, "mode"))
		r = state_take_number(item, "mode", 0, MODE_MAX, &mode, err);
	if (r == 0)
		r = state_take_number(item, "uid", 0, UINT32_MAX, &uid, err);
	if (r == 0)
		r = state_take_number(item, "gid", 0, UINT32_MAX, &gid, err);
	e->mode = json_has(item, "mode") ? (long)mode : -1;
	e->uid = (uint32_t)uid;
	e->gid = (uint32_t)gid;
	return r;
}

int state_take_extras(const struct json_ref *root, struct image_extra **extras,
	size_t *count, struct o2r_err *err)
{
	struct json_ref array, item = {0};
	int r = json_need(
		json_get_array(root, "extras", &array, err), root, "extras", err);
	size_t n = r == 0 ? json_count(&array) : 0;

	if (r < 0)
		return r;
	if (n > STATE_EXTRAS_MAX)
		return err_corrupt(err, "extras has %zu elements", n);
	*extras = calloc(n + 1, sizeof(**extras));
	if (!*extras)
		return err_nomem(err);
	while (r == 0 && json_next(&array, &item)) {
		struct image_extra *e = &(*extras)[(*count)++];

		r = json_item_object(&item, err);
		if (r == 0)
			r = json_has(&item, "layer") ? take_layer(&item, e, err)
						     : take_file(&item, e, err);
	}
	return r;
}

int state_copy_extras(const struct image_extra *from, size_t n,
	struct image_extra **extras, size_t *count, struct o2r_err *err)
{
	*extras = calloc(n + 1, sizeof(**extras));
	if (!*extras)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		struct image_extra *e = &(*extras)[(*count)++];

		*e = from[i];
		e->path = strdup(from[i].path);
		e->dest = from[i].dest ? strdup(from[i].dest) : NULL;
		if (!e->path || (from[i].dest && !e->dest))
			return err_nomem(err);
	}
	return 0;
}

void state_extras_finish(struct image_extra *extras, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free((char *)extras[i].path);
		free((char *)extras[i].dest);
	}
	free(extras);
}
