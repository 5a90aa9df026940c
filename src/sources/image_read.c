#include "sources/image_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/config.h"
#include "sources/platform.h"

/* The media type that a manifest goes by: its descriptor's, its own, or the usual one. */
static int set_manifest_type(struct image *image, const struct descriptor *d,
	const struct document *manifest, struct o2r_err *err)
{
	const char *type = d->media_type;

	if (!type || !*type)
		type = manifest->media_type;
	if (!type || !*type)
		type = "application/vnd.oci.image.manifest.v1+json";
	image->manifest_type = strdup(type);
	return image->manifest_type ? 0 : err_nomem(err);
}

static int open_layer(const struct layout *l, const struct layout_part *part,
	struct image_layer *layer, struct o2r_err *err)
{
	const struct descriptor *d = part->d;
	AUTO_BUF struct buf bytes = {0};
	int r;

	layer->digest = d->digest;
	layer->size = d->size;
	layer->codec = media_layer_codec(d->media_type);
	layer->media_type = strdup(d->media_type);
	if (!layer->media_type)
		return err_nomem(err);
	if (!d->data)
		return layout_blob(l, part, &layer->blob, err);
	r = descriptor_inline(d, &bytes, err);
	return r < 0 ? r : blob_open_memory(&layer->blob, bytes.data, bytes.len, 1, err);
}

static int open_layers(struct image *image, const struct layout *l,
	const struct document *manifest, const struct digest *diff_ids,
	struct o2r_err *err)
{
	image->layers =
		calloc(manifest->count ? manifest->count : 1, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; i < manifest->count; i++) {
		struct image_layer *layer = &image->layers[i];
		const struct layout_part part = {.role = LAYOUT_LAYER,
			.d = &manifest->entries[i],
			.number = i,
			.count = manifest->count};

		/* counted first, so that image_destroy sees it */
		image->layer_count = i + 1;
		layer->diff_id = diff_ids[i];

		int r = open_layer(l, &part, layer, err);

		if (r < 0)
			return err_wrap(err, "layer %u of %u (%.19s)", i + 1,
				manifest->count, digest_format(&layer->digest).s);
	}
	return 0;
}

static int read_config(struct image *image, const struct layout *l,
	const struct document *manifest, struct digest **diff_ids, struct o2r_err *err)
{
	const struct descriptor *d = &manifest->config;
	unsigned count = 0;
	int r = layout_config(l, d, &image->config, err);

	if (r < 0)
		return err_wrap(err, "config");
	image->config_digest = d->digest;
	r = config_parse(image->config.data, image->config.len, l->ctx, &image->parsed,
		diff_ids, &count, err);
	if (r < 0)
		return err_wrap(err, "config %s", digest_format(&d->digest).s);
	if (count != manifest->count)
		return err_set(err, ERR_CORRUPT, ERANGE,
			"the manifest has %u layers, but config %s has %u diff_ids",
			manifest->count, digest_format(&d->digest).s, count);
	return 0;
}

/* What was chosen by says one platform, the config another: of note, the choice stands.
 */
static void compare_platforms(const struct image *image, const struct descriptor *d,
	const struct wanted *want, const struct ctx *ctx)
{
	const struct platform *told = &image->parsed.platform;

	if (!d->has_platform)
		ctx_log(ctx, LOG_WARN,
			"the image does not tell its platform, taken for %s",
			platform_format(&want->platform).s);
	else if (told->os[0] && platform_rank(&d->platform, told) < 0)
		ctx_log(ctx, LOG_WARN, "the index calls the image %s, its config %s",
			platform_format(&d->platform).s, platform_format(told).s);
}

int image_read_manifest(struct image *image, const struct layout *l,
	const struct descriptor *d, struct o2r_err *err)
{
	CLEANUP(document_finish) struct document manifest = {0};
	AUTO_FREE struct digest *diff_ids = NULL;
	int r = layout_document(l, d, &manifest, &image->manifest, err);

	if (r < 0)
		return err_wrap(err, "manifest");
	image->manifest_digest = d->digest;
	if (manifest.kind != MEDIA_MANIFEST)
		return err_corrupt(
			err, "manifest %s is an index", digest_format(&d->digest).s);
	r = set_manifest_type(image, d, &manifest, err);
	if (r == 0)
		r = manifest_check_types(&manifest, err);
	if (r == 0)
		r = read_config(image, l, &manifest, &diff_ids, err);
	if (r == 0)
		r = open_layers(image, l, &manifest, diff_ids, err);
	return r < 0 ? err_wrap(err, "image %s", digest_format(&d->digest).s) : 0;
}

/* A manifest that is known by its digest: only its blob is needed. */
static int read_pinned(struct image *image, const struct layout *l,
	const struct digest *digest, struct o2r_err *err)
{
	struct descriptor d = {.digest = *digest};
	int r = layout_blob_size(l, digest, &d.size, err);

	if (r == 0)
		r = image_read_manifest(image, l, &d, err);
	return r < 0 ? err_wrap(err, "%s", l->name) : 0;
}

int image_read_chosen(struct image *image, const struct layout *l,
	const struct document *index, const struct wanted *want, struct o2r_err *err)
{
	CLEANUP(selected_finish) struct selected chosen = {0};
	int r = select_manifest(l, index, want, &chosen, err);

	if (r < 0)
		return r;
	r = image_read_manifest(image, l, &chosen.descriptor, err);
	if (r < 0)
		return err_wrap(err, "%s", l->name);
	compare_platforms(image, &chosen.descriptor, want, l->ctx);
	return 0;
}

int image_read(struct image *image, const struct layout *l, const struct wanted *want,
	struct o2r_err *err)
{
	CLEANUP(document_finish) struct document index = {0};
	int r = layout_check(l, err);

	if (r == 0 && want->manifest)
		return read_pinned(image, l, want->manifest, err);
	if (r == 0)
		r = layout_index(l, &index, err);
	return r < 0 ? r : image_read_chosen(image, l, &index, want, err);
}
