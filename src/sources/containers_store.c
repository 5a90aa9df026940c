#include "sources/containers_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/userns.h"
#include "sources/choices.h"
#include "sources/containers_files.h"
#include "sources/manifest.h"
#include "sources/overlay_dir.h"
#include "sources/platform.h"
#include "sources/ref.h"
#include "sources/storage_conf.h"
#include "sources/subid.h"
#include "sources/synthetic.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* ---- which image */

struct lookup {
	const char *name;
	const struct digest *manifest; /* pinned */
	struct stores *stores;
	int rank;
	bool ambiguous;
	struct stored_image best;
	struct choices names;
};

static int rank_of(const struct lookup *s, const struct stored_image *i)
{
	const char *at = strchr(s->name, '@');
	const char *hex = strncmp(s->name, "sha256:", 7) == 0 ? s->name + 7 : s->name;
	size_t n = strlen(hex);

	if (s->manifest)
		return i->has_digest && digest_equal(&i->digest, s->manifest) ? 0 : -1;
	for (size_t k = 0; k < i->name_count; k++)
		if (strcmp(i->names[k], s->name) == 0 ||
			ref_same_image(i->names[k], s->name))
			return 0;
	if (at && i->has_digest && strcmp(at + 1, digest_format(&i->digest).s) == 0)
		return 1;
	for (size_t k = 0; k < i->name_count; k++)
		if (ref_same_local(s->name, i->names[k]))
			return 2;
	if (n >= 4 && n <= 64 && strspn(hex, "0123456789abcdef") == n &&
		strncmp(i->id, hex, n) == 0)
		return 3;
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
	s->ambiguous = s->rank == rank && strcmp(s->best.id, i->id) != 0;
	/* of the same image in several stores the first */
	if (s->rank == rank && !s->ambiguous)
		return 0;
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

static int rules_of(
	const struct store_place *p, struct dir_rules *rules, struct o2r_err *err)
{
	bool overlay = strcmp(p->driver, "overlay") == 0;
	struct stat st;
	int r = 0;

	*rules = (struct dir_rules){.overlay = overlay,
		.names = overlay,
		.override_stat = true,
		.trusted = overlay && overlay_dir_is_roots(p->root)};
	/* seen from outside, the files of a user's store have the user's other ids */
	if (stat(p->root, &st) == 0 && st.st_uid != 0 && userns_is_initial()) {
		r = subid_map("/etc/subuid", st.st_uid, st.st_uid, &rules->uids, err);
		if (r == 0)
			r = subid_map(
				"/etc/subgid", st.st_uid, st.st_gid, &rules->gids, err);
	}
	return r;
}

static void rules_finish(struct dir_rules *r)
{
	free(r->uids.ranges);
	free(r->gids.ranges);
}

static int open_layer(struct image *image, unsigned number, const struct store_place *p,
	const char *id, struct o2r_err *err)
{
	CLEANUP(rules_finish) struct dir_rules rules = {0};
	bool overlay = strcmp(p->driver, "overlay") == 0;
	AUTO_FREE char *where = NULL;
	AUTO_FD int driver = -1;
	int r = rules_of(p, &rules, err);

	if (r < 0)
		return r;
	if (asprintf(&where, "%s/%s", p->root, overlay ? "overlay" : "vfs/dir") < 0) {
		where = NULL;
		return err_nomem(err);
	}
	driver = open_beneath(
		p->fd, overlay ? "overlay" : "vfs/dir", O_RDONLY | O_DIRECTORY);
	if (driver < 0)
		return err_errno(err, -driver, "cannot open %s", quote(where).s);
	return overlay_dir_layer(
		image, number, driver, where, id, overlay ? "diff" : NULL, &rules, err);
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
static int add_overlay(struct image *image, const struct stores *stores,
	const struct stored_layer *chain, unsigned count, const struct digest *diff_ids,
	struct o2r_err *err)
{
	int r = 0;

	image->layers = calloc(count + 1, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		image->layer_count = i + 1;
		image->layers[i].diff_id = diff_ids[i];
		r = check_diff_id(&chain[i], &diff_ids[i], err);
		if (r == 0)
			r = open_layer(image, i, &stores->list[chain[i].store],
				chain[i].id, err);
		if (r < 0)
			err_wrap(err, "layer %u of %u", i + 1, count);
	}
	return r;
}

/* One of the vfs driver is the whole tree up to it. */
static int add_vfs(struct image *image, const struct stores *stores,
	const struct stored_layer *top, struct o2r_err *err)
{
	image->layers = calloc(1, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	image->layer_count = 1;
	return open_layer(image, 0, &stores->list[top->store], top->id, err);
}

static int add_layers(const struct lookup *s, struct image *image,
	const struct digest *diff_ids, unsigned count, struct o2r_err *err)
{
	CLEANUP(stored_chain_finish) struct stored_chain chain = {0};
	int r = stores_chain(s->stores, s->best.store, s->best.layer, &chain, err);

	if (r < 0)
		return r;
	if (chain.count != count)
		return err_corrupt(err, "the store has %u layers of it, its config %u",
			chain.count, count);
	if (!count)
		return 0;
	return strcmp(s->stores->list[s->best.store].driver, "vfs") == 0
		       ? add_vfs(image, s->stores, &chain.list[count - 1], err)
		       : add_overlay(image, s->stores, chain.list, count, diff_ids, err);
}

static int check_platform(const struct image *image, const struct platform *want,
	const char *name, struct o2r_err *err)
{
	const struct platform *have = &image->parsed.platform;

	if (!have->os[0] || platform_rank(want, have) >= 0)
		return 0;
	return err_set(err, ERR_PLATFORM, ENOENT,
		"%s is for %s, not for %s: choose with --platform", quote(name).s,
		platform_format(have).s, platform_format(want).s);
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
		r = check_platform(image, &want->platform, name, err);
	if (r == 0)
		r = add_layers(&s, image, diff_ids, count, err);
	if (r == 0)
		r = set_absolute(image, &stores.list[s.best.store], s.best.id, err);
	return r < 0 ? err_wrap(err, "%s in containers-storage %s", quote(name).s,
			       quote(stores.list[s.best.store].root).s)
		     : 0;
}
