#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "sources/containers_files.h"
#include "sources/json.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

void stored_image_finish(struct stored_image *i)
{
	for (size_t k = 0; k < i->name_count; k++)
		free(i->names[k]);
	free(i->names);
	free(i->digests);
	free(i->id);
	free(i->layer);
	*i = (struct stored_image){0};
}

static int copy(char **to, const char *from, struct o2r_err *err)
{
	*to = strdup(from);
	return *to ? 0 : err_nomem(err);
}

static int get_id(const struct json_ref *o, char **out, struct o2r_err *err)
{
	const char *id = NULL;
	int r = json_need(json_get_string(o, "id", &id, err), o, "id", err);

	if (r < 0)
		return r;
	if (!stored_id_ok(id))
		return err_corrupt(
			err, "%s \"%s\" is not an ID", json_path(o, "id").s, quote(id).s);
	return copy(out, id, err);
}

static int add_names(
	struct stored_image *i, const struct json_ref *o, struct o2r_err *err)
{
	struct json_ref names, item = {0};
	int r = json_get_array(o, "names", &names, err);

	if (r <= 0)
		return r;
	while (json_next(&names, &item)) {
		const char *name = NULL;

		r = json_item_string(&item, &name, err);
		if (r < 0)
			return r;
		if (VEC_RESERVE(i->names, i->name_count, i->name_cap, 1,
			    STORED_NAMES_MAX) < 0)
			return err_corrupt(err, "an image has too many names");
		r = copy(&i->names[i->name_count], name, err);
		if (r < 0)
			return r;
		i->name_count++;
	}
	return 0;
}

static int add_digest(struct stored_image *i, const char *text, struct o2r_err *err)
{
	struct digest digest;

	if (!*text || digest_parse(text, strlen(text), &digest, NULL) < 0)
		return 0;
	if (VEC_RESERVE(i->digests, i->digest_count, i->digest_cap, 1,
		    STORED_DIGESTS_MAX) < 0)
		return err_corrupt(err, "an image has too many manifests");
	i->digests[i->digest_count++] = digest;
	return 0;
}

/* An image that was chosen from an index has the index too. */
static int add_digests(
	struct stored_image *i, const struct json_ref *o, struct o2r_err *err)
{
	struct json_ref all, item = {0};
	const char *text = NULL;
	int r = json_get_string(o, "digest", &text, err);

	if (r > 0)
		r = add_digest(i, text, err);
	if (r == 0)
		r = json_get_object(o, "big-data-digests", &all, err);
	if (r <= 0)
		return r;
	r = 0;
	while (r == 0 && json_next_member(&all, &item)) {
		if (strncmp(item.key, "manifest", 8) != 0)
			continue;
		r = json_item_string(&item, &text, err);
		if (r == 0)
			r = add_digest(i, text, err);
	}
	return r;
}

static int parse_image(
	struct stored_image *i, const struct json_ref *o, struct o2r_err *err)
{
	const char *layer = NULL;
	int r = get_id(o, &i->id, err);

	if (r == 0)
		r = add_names(i, o, err);
	if (r == 0)
		r = add_digests(i, o, err);
	if (r == 0)
		r = json_get_string(o, "layer", &layer, err);
	if (r <= 0 || !*layer)
		return r < 0 ? r : 0;
	return copy(&i->layer, layer, err);
}

struct listing {
	unsigned store;
	stored_image_fn *fn;
	void *arg;
};

static int pass_image(void *arg, const struct json_ref *o, struct o2r_err *err)
{
	const struct listing *l = arg;
	CLEANUP(stored_image_finish) struct stored_image i = {.store = l->store};
	int r = parse_image(&i, o, err);

	return r < 0 ? r : l->fn(l->arg, &i, err);
}

int stores_images(struct stores *s, stored_image_fn *fn, void *arg, struct o2r_err *err)
{
	struct listing l = {0, fn, arg};
	int r = 0;

	for (; r == 0 && l.store < s->count; l.store++)
		r = stores_list(s, l.store, "images/images.json", pass_image, &l, err);
	return r;
}
