/* Docker's own store, of the overlay2 driver. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/beneath.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "sources/docker_impl.h"
#include "sources/manifest.h"
#include "sources/overlay_dir.h"
#include "sources/stored.h"
#include "sources/synthetic.h"

enum {
	SMALL_FILE_MAX = 4096,
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* chainID of a layer and those below (image-spec config.md, "Layer ChainID"). */
static int next_chain(struct digest *chain, const struct digest *diff_id, unsigned i,
	struct o2r_err *err)
{
	char text[2 * sizeof(struct digest_text)];

	if (i == 0) {
		*chain = *diff_id;
		return 0;
	}
	snprintf(text, sizeof(text), "%s %s", digest_format(chain).s,
		digest_format(diff_id).s);
	return digest_of(DIGEST_SHA256, text, strlen(text), chain, err);
}

static int read_file(const struct docker *d, const char *path, size_t max,
	struct buf *out, struct o2r_err *err)
{
	int r = file_read(d->fd, path, max, out, err);

	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"%s/%s is missing: pull the image again", quote(d->root).s, path);
	return r < 0 ? err_wrap(err, "%s", quote(d->root).s) : 0;
}

static int add_layer(const struct docker *d, struct image *image, unsigned i, int driver,
	const struct digest *chain, struct o2r_err *err)
{
	AUTO_FREE char *where = NULL;
	AUTO_BUF struct buf cache_id = {0};
	char path[sizeof(DOCKER_IMAGES "/layerdb/sha256//cache-id") + 128];
	int r;

	snprintf(path, sizeof(path), DOCKER_IMAGES "/layerdb/sha256/%s/cache-id",
		strchr(digest_format(chain).s, ':') + 1);
	r = read_file(d, path, SMALL_FILE_MAX, &cache_id, err);
	if (r < 0)
		return r;
	if (asprintf(&where, "%s/overlay2", d->root) < 0) {
		where = NULL;
		return err_nomem(err);
	}
	return overlay_dir_layer(
		image, i, driver, where, cache_id.data, "diff", &d->rules, err);
}

static int add_layers(const struct docker *d, struct image *image,
	const struct digest *diff_ids, unsigned count, struct o2r_err *err)
{
	AUTO_FD int driver = open_beneath(d->fd, "overlay2", O_RDONLY | O_DIRECTORY);
	struct digest chain = {0};
	int r = 0;

	if (driver < 0)
		return overlay_dir_failed(-driver, d->root, "overlay2", err);
	image->layers = calloc(count + 1, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		image->layer_count = i + 1;
		image->layers[i].diff_id = diff_ids[i];
		r = next_chain(&chain, &diff_ids[i], i, err);
		if (r == 0)
			r = add_layer(d, image, i, driver, &chain, err);
		if (r < 0)
			err_wrap(err, "layer %u of %u", i + 1, count);
	}
	return r;
}

static int read_config(const struct docker *d, struct image *image,
	const struct digest *id, struct o2r_err *err)
{
	char path[sizeof(DOCKER_IMAGES "/imagedb/content/sha256/") + 64];
	struct digest is;
	int r;

	if (id->algo != DIGEST_SHA256)
		return err_corrupt(err, "the image ID is no SHA-256");
	snprintf(path, sizeof(path), DOCKER_IMAGES "/imagedb/content/sha256/%s",
		strchr(digest_format(id).s, ':') + 1);
	r = read_file(d, path, (size_t)d->ctx->limits.config, &image->config, err);
	if (r == 0)
		r = digest_of(
			DIGEST_SHA256, image->config.data, image->config.len, &is, err);
	if (r < 0)
		return r;
	return digest_equal(&is, id)
		       ? 0
		       : err_corrupt(err, "%s/%s does not have the digest of its name",
				 quote(d->root).s, path);
}

int docker_classic_open(const struct docker *d, struct image *image,
	const struct wanted *want, struct o2r_err *err)
{
	AUTO_FREE struct digest *diff_ids = NULL;
	struct digest id;
	unsigned count = 0;
	int r = docker_find_image(d, &id, err);

	if (r == 0)
		r = read_config(d, image, &id, err);
	if (r == 0)
		r = synthetic_make(
			image, &want->platform, d->ctx, &diff_ids, &count, err);
	if (r == 0)
		r = stored_check_platform(image, &want->platform, d->name, err);
	if (r == 0 && count > MANIFEST_LAYERS_MAX)
		r = err_corrupt(err, "the image has too many layers");
	if (r == 0)
		r = add_layers(d, image, diff_ids, count, err);
	return r < 0 ? r : docker_set_absolute(d, image, &id, err);
}
