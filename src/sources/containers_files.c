#include "sources/containers_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/vec.h"
#include "sources/json.h"
#include "sources/storage_conf.h"

enum {
	ID_LEN = 64,
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* ---- stores */

void stores_finish(struct stores *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		close(s->list[i].fd);
		free(s->list[i].root);
	}
	s->count = 0;
}

static const char *const drivers[] = {"overlay", "vfs"};

static int add_place(struct stores *s, const char *root, int fd, const char *driver,
	struct o2r_err *err)
{
	struct store_place *p = &s->list[s->count];
	char path[32];

	snprintf(path, sizeof(path), "%s-images", driver);
	if (faccessat(fd, path, F_OK, 0) < 0)
		return 0;
	if (s->count == STORES_MAX)
		return err_corrupt(err, "there are more than %d stores", STORES_MAX);
	*p = (struct store_place){.root = strdup(root),
		.driver = driver,
		.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)};
	if (!p->root || p->fd < 0) {
		free(p->root);
		return p->root ? err_errno(err, errno, "%s", quote(root).s)
			       : err_nomem(err);
	}
	s->count++;
	return 0;
}

static int add_root(struct stores *s, const char *path, const char *driver, bool must,
	struct o2r_err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	AUTO_FD int fd = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = 0;

	if (fd < 0 && !must)
		return 0;
	if (fd < 0)
		return err_errno(
			err, errno, "cannot open containers-storage %s", quote(path).s);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(drivers); i++)
		if (!driver || strcmp(driver, drivers[i]) == 0)
			r = add_place(s, real, fd, drivers[i], err);
	return r;
}

/* "[DRIVER@]ROOT[+RUNROOT][:OPTIONS]" */
static int parse_root(struct storage_roots *r, const char *text, struct o2r_err *err)
{
	const char *at = strchr(text, '@'), *slash = strchr(text, '/');

	if (at && (!slash || at < slash)) {
		r->driver = strndup(text, (size_t)(at - text));
		if (!r->driver)
			return err_nomem(err);
		text = at + 1;
	}
	if (text[0] != '/' && text[0] != '.')
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" is not the path of a store: write "
			"containers-storage:[/path]name",
			quote(text).s);
	return storage_roots_add(r, text, strcspn(text, "+:"), err);
}

int stores_open(
	struct stores *s, const char *root, const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(storage_roots_finish) struct storage_roots roots = {0};
	int r = root ? parse_root(&roots, root, err) : storage_roots_find(&roots, err);

	s->ctx = ctx;
	for (size_t i = 0; r == 0 && i < roots.count; i++)
		r = add_root(s, roots.list[i], root ? roots.driver : NULL, i == 0, err);
	if (r < 0)
		return r;
	if (!s->count)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s has no images of the drivers overlay and vfs: for others, "
			"save "
			"the image by `skopeo copy containers-storage:NAME oci:DIR:TAG`",
			quote(roots.list[0]).s);
	return 0;
}

/* ---- images.json */

void stored_image_finish(struct stored_image *i)
{
	for (size_t k = 0; k < i->name_count; k++)
		free(i->names[k]);
	free(i->names);
	free(i->id);
	free(i->layer);
	*i = (struct stored_image){0};
}

static int copy(char **to, const char *from, struct o2r_err *err)
{
	*to = strdup(from);
	return *to ? 0 : err_nomem(err);
}

static bool is_id(const char *id)
{
	return strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN;
}

static int get_id(const struct json_ref *o, char **out, struct o2r_err *err)
{
	const char *id = NULL;
	int r = json_need(json_get_string(o, "id", &id, err), o, "id", err);

	if (r < 0)
		return r;
	if (!is_id(id))
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

static int parse_image(
	struct stored_image *i, const struct json_ref *o, struct o2r_err *err)
{
	const char *layer = NULL, *digest = NULL;
	int r = get_id(o, &i->id, err);

	if (r == 0)
		r = add_names(i, o, err);
	if (r == 0)
		r = json_get_string(o, "layer", &layer, err);
	if (r >= 0)
		r = json_get_string(o, "digest", &digest, err);
	if (r < 0)
		return r;
	i->has_digest = digest && *digest &&
			digest_parse(digest, strlen(digest), &i->digest, NULL) == 0;
	return layer && *layer ? copy(&i->layer, layer, err) : 0;
}

/* A list of objects; fn for each. A file that is not there is empty. */
static int each(const struct stores *s, const struct store_place *p, const char *file,
	int (*fn)(void *arg, const struct json_ref *o, struct o2r_err *err), void *arg,
	struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref list, item = {0};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "%s-%s", p->driver, file);
	r = file_read(p->fd, path, STORED_LIST_MAX, &text, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = json_doc_parse(
			text.data, text.len, s->ctx->limits.json_depth, &doc, err);
	if (r == 0)
		r = json_root_array(doc, &list, err);
	while (r == 0 && json_next(&list, &item)) {
		r = json_item_object(&item, err);
		if (r == 0)
			r = fn(arg, &item, err);
	}
	return r < 0 ? err_wrap(err, "%s/%s", quote(p->root).s, path) : 0;
}

struct images_call {
	unsigned store;
	int (*fn)(void *arg, struct stored_image *i, struct o2r_err *err);
	void *arg;
};

static int one_image(void *arg, const struct json_ref *o, struct o2r_err *err)
{
	CLEANUP(stored_image_finish) struct stored_image i = {0};
	const struct images_call *c = arg;
	int r = parse_image(&i, o, err);

	i.store = c->store;
	return r < 0 ? r : c->fn(c->arg, &i, err);
}

int stores_images(struct stores *s,
	int (*fn)(void *arg, struct stored_image *i, struct o2r_err *err), void *arg,
	struct o2r_err *err)
{
	struct images_call c = {.fn = fn, .arg = arg};
	int r = 0;

	for (; r == 0 && c.store < s->count; c.store++)
		r = each(s, &s->list[c.store], "images/images.json", one_image, &c, err);
	return r;
}

/* ---- layers.json */

struct layer_search {
	const char *id;
	bool found;
	char *parent;
	struct stored_layer *out;
};

static int one_layer(void *arg, const struct json_ref *o, struct o2r_err *err)
{
	struct layer_search *s = arg;
	const char *id = NULL, *parent = NULL, *diff = NULL;
	int r = json_need(json_get_string(o, "id", &id, err), o, "id", err);

	if (r < 0 || s->found || strcmp(id, s->id) != 0)
		return r;
	r = json_get_string(o, "parent", &parent, err);
	if (r >= 0)
		r = json_get_string(o, "diff-digest", &diff, err);
	if (r < 0)
		return r;
	s->found = true;
	s->out->has_diff = diff && *diff &&
			   digest_parse(diff, strlen(diff), &s->out->diff, NULL) == 0;
	return parent && *parent ? copy(&s->parent, parent, err) : 0;
}

/* In any store; its own first. */
static int find_layer(
	struct stores *s, unsigned own, struct layer_search *l, struct o2r_err *err)
{
	static const char *const files[] = {
		"layers/layers.json", "layers/volatile-layers.json"};

	for (unsigned i = 0; i < s->count; i++) {
		unsigned at = i == 0 ? own : i <= own ? i - 1 : i;

		for (size_t f = 0; f < ARRAY_LEN(files); f++) {
			int r = each(s, &s->list[at], files[f], one_layer, l, err);

			if (r < 0)
				return r;
			if (l->found) {
				l->out->store = at;
				return 0;
			}
		}
	}
	return err_set(err, ERR_CORRUPT, ENOENT,
		"layer %s is missing: pull the image again", quote(l->id).s);
}

void stored_chain_finish(struct stored_chain *c)
{
	for (unsigned i = 0; i < c->count; i++)
		free(c->list[i].id);
	free(c->list);
	*c = (struct stored_chain){0};
}

static void reverse(struct stored_chain *c)
{
	for (unsigned i = 0; i < c->count / 2; i++) {
		struct stored_layer t = c->list[i];

		c->list[i] = c->list[c->count - 1 - i];
		c->list[c->count - 1 - i] = t;
	}
}

int stores_chain(struct stores *s, unsigned store, const char *layer,
	struct stored_chain *out, struct o2r_err *err)
{
	AUTO_FREE char *id = layer ? strdup(layer) : NULL;

	if (layer && !id)
		return err_nomem(err);
	out->list = calloc(STORED_CHAIN_MAX, sizeof(*out->list));
	if (!out->list)
		return err_nomem(err);
	while (id) {
		struct stored_layer *l = &out->list[out->count];
		struct layer_search search = {.id = id, .out = l};
		int r;

		if (out->count == STORED_CHAIN_MAX)
			return err_corrupt(err,
				"it has more than %d layers, or one is below itself",
				STORED_CHAIN_MAX);
		r = find_layer(s, store, &search, err);
		if (r < 0) {
			free(search.parent);
			return r;
		}
		store = l->store;
		l->id = STEAL(id);
		out->count++;
		id = search.parent;
	}
	reverse(out);
	return 0;
}

/* ---- documents */

/* Keys of plain characters are file names; others "=" and their base64. */
static int file_name(const char *key, struct buf *out, struct o2r_err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(key);
	int r = 0;

	if (strspn(key, plain) == n && key[0] != '.')
		return buf_printf(out, "%s", key) < 0 ? err_nomem(err) : 0;
	r = buf_append(out, "=", 1);
	for (size_t i = 0; r == 0 && i < n; i += 3) {
		const unsigned char *p = (const unsigned char *)key + i;
		size_t k = MIN(n - i, 3);
		unsigned v = (unsigned)p[0] << 16 | (k > 1 ? p[1] : 0u) << 8 |
			     (k > 2 ? p[2] : 0u);
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
			k > 1 ? digits[v >> 6 & 63] : '=', k > 2 ? digits[v & 63] : '='};

		r = buf_append(out, four, 4);
	}
	return r < 0 ? err_nomem(err) : 0;
}

int stored_data(const struct store_place *p, const char *image, const char *key,
	size_t max, struct buf *out, struct o2r_err *err)
{
	AUTO_BUF struct buf name = {0}, path = {0};
	int r = file_name(key, &name, err);

	if (r < 0)
		return r;
	if (buf_printf(&path, "%s-images/%s/%s", p->driver, image, name.data) < 0)
		return err_nomem(err);
	r = file_read(p->fd, path.data, max, out, err);
	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"its %s is missing: pull the image again", quote(key).s);
	return r;
}
