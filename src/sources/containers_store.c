#include "sources/containers_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/choices.h"
#include "sources/containers_files.h"
#include "sources/manifest.h"
#include "sources/overlay_dir.h"
#include "sources/ref.h"
#include "sources/stored.h"
#include "sources/synthetic.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* ---- which image */

enum {
	RANK_ID = 3, /* by the beginning of its ID */
};

struct lookup {
	const char *name;
	const struct digest *manifest; /* pinned */
	struct stores *stores;
	int rank;
	bool ambiguous;
	struct stored_image best;
	struct choices names;
};

static bool has_digest(const struct stored_image *i, const struct digest *digest)
{
	for (size_t k = 0; k < i->digest_count; k++)
		if (digest_equal(&i->digests[k], digest))
			return true;
	return false;
}

static int rank_of(const struct lookup *s, const struct stored_image *i)
{
	const char *at = strchr(s->name, '@');
	const char *hex = strncmp(s->name, "sha256:", 7) == 0 ? s->name + 7 : s->name;
	size_t n = strlen(hex);
	struct digest digest;

	if (s->manifest)
		return has_digest(i, s->manifest) ? 0 : -1;
	for (size_t k = 0; k < i->name_count; k++)
		if (strcmp(i->names[k], s->name) == 0 ||
			ref_same_image(i->names[k], s->name))
			return 0;
	if (at && digest_parse(at + 1, strlen(at + 1), &digest, NULL) == 0 &&
		has_digest(i, &digest))
		return 1;
	for (size_t k = 0; k < i->name_count; k++)
		if (ref_same_local(s->name, i->names[k]))
			return 2;
	if (n >= 4 && n <= 64 && strspn(hex, "0123456789abcdef") == n &&
		strncmp(i->id, hex, n) == 0)
		return RANK_ID;
	return -1;
}

static int offer(void *arg, struct stored_image *i, struct o2r_err *err)
{
	struct lookup *s = arg;
	int rank = rank_of(s, i);

	(void)err;
	for (size_t k = 0; k < i->name_count; k++)
		choices_add(&s->names, i->names[k]);
	if (rank < 0 || (s->rank >= 0 && rank > s->rank))
		return 0;
	/* of the same image, or name, in several stores the first */
	if (s->rank == rank) {
		s->ambiguous |= strcmp(s->best.id, i->id) != 0 &&
				(rank == RANK_ID || s->best.store == i->store);
		return 0;
	}
	s->ambiguous = false;
	stored_image_finish(&s->best);
	s->best = *i;
	*i = (struct stored_image){0};
	s->rank = rank;
	return 0;
}

static int find_image(struct lookup *s, struct o2r_err *err)
{
	int r = stores_images(s->stores, offer, s, err);

	if (r < 0)
		return r;
	if (s->rank < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"containers-storage %s has no image \"%s\", only %s",
			quote(s->stores->list[0].root).s, quote(s->name).s,
			choices_text(&s->names));
	if (s->ambiguous)
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" means several images: %s; give a whole name or ID",
			quote(s->name).s, choices_text(&s->names));
	return 0;
}

/* ---- its documents */

static int read_documents(const struct lookup *s, struct image *image,
	const struct ctx *ctx, struct o2r_err *err)
{
	const struct stored_image *i = &s->best;
	const struct store_place *p = &s->stores->list[i->store];
	CLEANUP(document_finish) struct document doc = {0};
	struct digest is;
	int r = stored_data(p, i->id, "manifest", (size_t)ctx->limits.manifest,
		&image->manifest, err);

	if (r == 0)
		r = document_parse(image->manifest.data, image->manifest.len, NULL,
			&ctx->limits, &doc, err);
	if (r == 0 && doc.kind != MEDIA_MANIFEST)
		r = err_corrupt(err, "its manifest is an index");
	if (r == 0)
		r = digest_of(DIGEST_SHA256, image->manifest.data, image->manifest.len,
			&image->manifest_digest, err);
	if (r == 0)
		r = stored_data(p, i->id, digest_format(&doc.config.digest).s,
			(size_t)ctx->limits.config, &image->config, err);
	if (r == 0)
		r = digest_of(doc.config.digest.algo, image->config.data,
			image->config.len, &is, err);
	if (r < 0)
		return r;
	if (!has_digest(i, &image->manifest_digest) && i->digest_count)
		return err_corrupt(err, "its manifest has the digest %s, not %s",
			digest_format(&image->manifest_digest).s,
			digest_format(&i->digests[0]).s);
	if (!digest_equal(&is, &doc.config.digest))
		return err_corrupt(err, "its config has the digest %s, not %s",
			digest_format(&is).s, digest_format(&doc.config.digest).s);
	image->manifest_type =
		strdup(doc.media_type ? doc.media_type
				      : "application/vnd.oci.image.manifest.v1+json");
	return image->manifest_type ? 0 : err_nomem(err);
}

/* synthetic_make parses the config; manifest and digest stay those of the store. */
static int parse_config(struct image *image, const struct platform *platform,
	const struct ctx *ctx, struct digest **diff_ids, unsigned *count,
	struct o2r_err *err)
{
	struct buf manifest = image->manifest;
	struct digest digest = image->manifest_digest;
	char *type = image->manifest_type;
	int r;

	image->manifest = (struct buf){0};
	image->manifest_type = NULL;
	r = synthetic_make(image, platform, ctx, diff_ids, count, err);
	buf_finish(&image->manifest);
	free(image->manifest_type);
	image->manifest = manifest;
	image->manifest_type = type;
	image->manifest_digest = digest;
	return r;
}

/* ---- its layers */

/* A store of the chain, once opened. */
struct opened {
	int driver; /* of its layers; 0: not opened yet */
	char *path;
	struct dir_rules rules;
};

struct adding {
	struct image *image;
	const struct stores *stores;
	struct opened places[STORES_MAX];
};

static void adding_finish(struct adding *a)
{
	for (unsigned i = 0; i < STORES_MAX; i++) {
		if (a->places[i].driver > 0)
			close(a->places[i].driver);
		free(a->places[i].path);
		stored_rules_finish(&a->places[i].rules);
	}
}

static int open_place(struct opened *o, const struct store_place *p, struct o2r_err *err)
{
	bool overlay = store_place_is_overlay(p);
	const char *folder = overlay ? "overlay" : "vfs/dir";
	int r = stored_rules(p->fd, p->root, overlay, &o->rules, err);

	if (r < 0)
		return r;
	o->rules.names = overlay;
	o->rules.override_stat = true;
	if (asprintf(&o->path, "%s/%s", p->root, folder) < 0) {
		o->path = NULL;
		return err_nomem(err);
	}
	o->driver = open_beneath(p->fd, folder, O_RDONLY | O_DIRECTORY);
	return o->driver < 0 ? overlay_dir_failed(-o->driver, p->root, folder, err) : 0;
}

static int open_layer(struct adding *a, unsigned number, const struct stored_layer *l,
	struct o2r_err *err)
{
	const struct store_place *p = &a->stores->list[l->store];
	struct opened *o = &a->places[l->store];
	int r = o->driver ? 0 : open_place(o, p, err);

	if (r < 0)
		return r;
	if (l->is_mapped)
		return err_set(err, ERR_USAGE, EOPNOTSUPP,
			"layer %s was unpacked with ids mapped for one container, which "
			"is not read: copy the image by `skopeo copy "
			"containers-storage:NAME oci:DIR:TAG`",
			l->id);
	return overlay_dir_layer(a->image, number, o->driver, o->path, l->id,
		store_place_is_overlay(p) ? "diff" : NULL, &o->rules, err);
}

static int check_diff_id(
	const struct stored_layer *l, const struct digest *diff_id, struct o2r_err *err)
{
	if (!l->has_diff || digest_equal(&l->diff, diff_id))
		return 0;
	return err_corrupt(err, "layer %s has the diff_id %s, the config says %s", l->id,
		digest_format(&l->diff).s, digest_format(diff_id).s);
}

/* A layer of the overlay driver is what it adds. */
static int add_overlay(struct adding *a, const struct stored_chain *chain,
	const struct digest *diff_ids, struct o2r_err *err)
{
	struct image *image = a->image;
	int r = 0;

	image->layers = calloc(chain->count, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; r == 0 && i < chain->count; i++) {
		image->layer_count = i + 1;
		image->layers[i].diff_id = diff_ids[i];
		r = check_diff_id(chain->list[i], &diff_ids[i], err);
		if (r == 0)
			r = open_layer(a, i, chain->list[i], err);
		if (r < 0)
			err_wrap(err, "layer %u of %u", i + 1, chain->count);
	}
	return r;
}

/* One of the vfs driver is the whole tree up to it. */
static int add_vfs(struct adding *a, const struct stored_layer *top, struct o2r_err *err)
{
	a->image->layers = calloc(1, sizeof(*a->image->layers));
	if (!a->image->layers)
		return err_nomem(err);
	a->image->layer_count = 1;
	return open_layer(a, 0, top, err);
}

static void chain_destroy(struct stored_chain **c)
{
	if (*c)
		stored_chain_finish(*c);
	free(*c);
}

static int add_layers(const struct lookup *s, struct image *image,
	const struct digest *diff_ids, unsigned count, struct o2r_err *err)
{
	CLEANUP(adding_finish)
	struct adding a = {.image = image, .stores = s->stores};
	CLEANUP(chain_destroy) struct stored_chain *chain = calloc(1, sizeof(*chain));
	int r = chain ? stores_chain(s->stores, s->best.store, s->best.layer, chain, err)
		      : err_nomem(err);

	if (r < 0)
		return r;
	if (chain->count != count)
		return err_corrupt(err, "the store has %u layers of it, its config %u",
			chain->count, count);
	if (!count)
		return 0;
	return store_place_is_overlay(&s->stores->list[s->best.store])
		       ? add_overlay(&a, chain, diff_ids, err)
		       : add_vfs(&a, chain->list[count - 1], err);
}

static int set_absolute(struct image *image, const struct store_place *p, const char *id,
	struct o2r_err *err)
{
	if (asprintf(&image->absolute, "containers-storage:[%s@%s]%s", p->driver, p->root,
		    id) >= 0)
		return 0;
	image->absolute = NULL;
	return err_nomem(err);
}

static void lookup_finish(struct lookup *s)
{
	stored_image_finish(&s->best);
}

int containers_store_open(struct image *image, const char *root, const char *name,
	const struct wanted *want, const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(stores_finish) struct stores stores = {0};
	CLEANUP(lookup_finish)
	struct lookup s = {
		.name = name, .manifest = want->manifest, .stores = &stores, .rank = -1};
	AUTO_FREE struct digest *diff_ids = NULL;
	unsigned count = 0;
	int r = stores_open(&stores, root, ctx, err);

	if (r == 0)
		r = find_image(&s, err);
	if (r < 0)
		return r;
	r = read_documents(&s, image, ctx, err);
	if (r == 0)
		r = parse_config(image, &want->platform, ctx, &diff_ids, &count, err);
	if (r == 0)
		r = stored_check_platform(image, &want->platform, name, err);
	if (r == 0)
		r = add_layers(&s, image, diff_ids, count, err);
	if (r == 0)
		r = set_absolute(image, &stores.list[s.best.store], s.best.id, err);
	return r < 0 ? err_wrap(err, "%s in containers-storage %s", quote(name).s,
			       quote(stores.list[s.best.store].root).s)
		     : 0;
}
