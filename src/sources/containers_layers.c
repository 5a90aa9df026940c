#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "sources/containers_files.h"
#include "sources/json.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static void layer_finish(struct stored_layer *l)
{
	free(l->id);
	free(l->parent);
	*l = (struct stored_layer){0};
}

void stored_layers_finish(struct stored_layers *l)
{
	for (size_t i = 0; i < l->count; i++)
		layer_finish(&l->list[i]);
	free(l->list);
	*l = (struct stored_layers){0};
}

/* ---- layers.json */

/* A map that changes nothing is none. */
static int has_map(const struct json_ref *o, const char *key, struct o2r_err *err)
{
	struct json_ref list, item = {0};
	int r = json_get_array(o, key, &list, err);

	if (r <= 0)
		return r;
	while (json_next(&list, &item)) {
		uint64_t inside = 0, outside = 0;

		r = json_item_object(&item, err);
		if (r == 0)
			r = json_get_size(&item, "container_id", &inside, err);
		if (r >= 0)
			r = json_get_size(&item, "host_id", &outside, err);
		if (r < 0 || inside != outside)
			return r < 0 ? r : 1;
	}
	return 0;
}

static int set_mapped(
	struct stored_layer *l, const struct json_ref *o, struct o2r_err *err)
{
	int r = has_map(o, "uidmap", err);

	if (r == 0)
		r = has_map(o, "gidmap", err);
	l->is_mapped = r > 0;
	return r < 0 ? r : 0;
}

static int parse_layer(
	struct stored_layer *l, const struct json_ref *o, struct o2r_err *err)
{
	const char *id = NULL, *parent = NULL, *diff = NULL;
	int r = json_need(json_get_string(o, "id", &id, err), o, "id", err);

	if (r == 0)
		r = json_get_string(o, "parent", &parent, err);
	if (r >= 0)
		r = json_get_string(o, "diff-digest", &diff, err);
	if (r >= 0)
		r = set_mapped(l, o, err);
	if (r < 0)
		return r;
	if (!stored_id_ok(id) || (parent && *parent && !stored_id_ok(parent)))
		return err_corrupt(err, "%s \"%s\" or its parent is not an ID",
			json_path(o, "id").s, quote(id).s);
	l->has_diff =
		diff && *diff && digest_parse(diff, strlen(diff), &l->diff, NULL) == 0;
	l->id = strdup(id);
	l->parent = parent && *parent ? strdup(parent) : NULL;
	return l->id && (!parent || !*parent || l->parent) ? 0 : err_nomem(err);
}

struct adding {
	struct stored_layers *to;
	unsigned store;
};

static int add_layer(void *arg, const struct json_ref *o, struct o2r_err *err)
{
	const struct adding *a = arg;
	struct stored_layers *l = a->to;
	CLEANUP(layer_finish) struct stored_layer layer = {.store = a->store};
	int r = parse_layer(&layer, o, err);

	if (r < 0)
		return r;
	if (VEC_RESERVE(l->list, l->count, l->cap, 1, STORED_LAYERS_MAX) < 0)
		return err_corrupt(err, "there are too many layers");
	l->list[l->count++] = layer;
	layer = (struct stored_layer){0};
	return 0;
}

int stored_layers_read(struct stored_layers *l, const struct stores *s, unsigned at,
	const char *file, struct o2r_err *err)
{
	struct adding a = {l, at};

	return stores_list(s, at, file, add_layer, &a, err);
}

static int compare(const void *a, const void *b)
{
	const struct stored_layer *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void stored_layers_sort(struct stored_layers *l)
{
	if (l->count)
		qsort(l->list, l->count, sizeof(*l->list), compare);
}

const struct stored_layer *stored_layers_find(
	const struct stored_layers *l, const char *id)
{
	const struct stored_layer key = {.id = (char *)id};

	return l->count ? bsearch(&key, l->list, l->count, sizeof(key), compare) : NULL;
}

/* ---- of all stores */

/* Read when first asked for. */
static int look_in(struct stores *s, unsigned at, struct stored_chain *c, const char *id,
	const struct stored_layer **out, struct o2r_err *err)
{
	static const char *const files[] = {
		"layers/layers.json", "layers/volatile-layers.json"};

	for (size_t i = 0; !c->loaded[at] && i < ARRAY_LEN(files); i++) {
		int r = stored_layers_read(&c->layers[at], s, at, files[i], err);

		if (r < 0)
			return r;
	}
	if (!c->loaded[at])
		stored_layers_sort(&c->layers[at]);
	c->loaded[at] = true;
	*out = stored_layers_find(&c->layers[at], id);
	return 0;
}

/* In its own store first. */
static int find_layer(struct stores *s, unsigned own, struct stored_chain *c,
	const char *id, const struct stored_layer **out, struct o2r_err *err)
{
	for (unsigned i = 0; i < s->count; i++) {
		unsigned at = i == 0 ? own : i <= own ? i - 1 : i;
		int r = look_in(s, at, c, id, out, err);

		if (r < 0 || *out)
			return r;
	}
	return err_set(err, ERR_CORRUPT, ENOENT,
		"layer %s is missing: pull the image again", quote(id).s);
}

void stored_chain_finish(struct stored_chain *c)
{
	for (unsigned i = 0; i < STORES_MAX; i++)
		stored_layers_finish(&c->layers[i]);
	c->count = 0;
}

static void reverse(struct stored_chain *c)
{
	for (unsigned i = 0; i < c->count / 2; i++) {
		const struct stored_layer *t = c->list[i];

		c->list[i] = c->list[c->count - 1 - i];
		c->list[c->count - 1 - i] = t;
	}
}

int stores_chain(struct stores *s, unsigned store, const char *layer,
	struct stored_chain *out, struct o2r_err *err)
{
	while (layer) {
		const struct stored_layer *l = NULL;
		int r;

		if (out->count == STORED_CHAIN_MAX)
			return err_corrupt(err,
				"it has more than %d layers, or one is below itself",
				STORED_CHAIN_MAX);
		r = find_layer(s, store, out, layer, &l, err);
		if (r < 0)
			return r;
		out->list[out->count++] = l;
		store = l->store;
		layer = l->parent;
	}
	reverse(out);
	return 0;
}
