/* One image of a Docker archive: its manifest, made of its config and layers. */
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/text.h"
#include "blob/codec.h"
#include "sources/config.h"
#include "sources/docker_archive_impl.h"

static const char *const layer_types[] = {
	[CODEC_PLAIN] = "application/vnd.oci.image.layer.v1.tar",
	[CODEC_GZIP] = "application/vnd.oci.image.layer.v1.tar+gzip",
	[CODEC_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
};

static void shown_finish(struct shown *s)
{
	buf_finish(&s->data);
}

/* Its size and digest: that is the diff_id unless it is compressed. */
static int look_at_layer(struct docker_archive *d, const struct digest *diff_id,
	struct shown *s, enum codec *codec, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	unsigned char magic[4];
	int r = docker_open_named(d, s->path, &blob, err);

	if (r < 0)
		return r;
	r = blob_pread(&blob, magic, MIN(blob.size, sizeof(magic)), 0, err);
	if (r < 0)
		return r;
	*codec = codec_detect(magic, (size_t)MIN(blob.size, sizeof(magic)));
	s->size = blob.size;
	s->digest = *diff_id;
	return *codec == CODEC_PLAIN ? 0 : docker_hash(d, &blob, &s->digest, err);
}

static int describe_layer(struct docker_archive *d, const char *path,
	const struct digest *diff_id, struct json *j, struct o2r_err *err)
{
	struct shown s = {.path = path};
	enum codec codec;
	int r = look_at_layer(d, diff_id, &s, &codec, err);

	if (r == 0)
		r = shown_add(d, &s, err);
	if (r < 0)
		return r;
	json_open(j, NULL, '{');
	json_string(j, "mediaType", layer_types[codec]);
	json_string(j, "digest", digest_format(&s.digest).s);
	json_uint(j, "size", s.size);
	json_close(j, '}');
	return 0;
}

static int describe_layers(struct docker_archive *d, const struct json_ref *layers,
	const struct digest *diff_ids, struct json *j, struct o2r_err *err)
{
	struct json_ref item = {0};
	size_t n = 0, count = json_count(layers);
	int r = 0;

	json_open(j, "layers", '[');
	/* a list that is null has no place to begin at */
	while (r == 0 && n < count && json_next(layers, &item)) {
		const char *path;

		r = json_item_string(&item, &path, err);
		if (r < 0)
			return r;
		r = describe_layer(d, path, &diff_ids[n++], j, err);
		if (r < 0)
			return err_wrap(err, "layer %zu of %zu (%s)", n, count,
				text_quote(path, strlen(path)).s);
	}
	json_close(j, ']');
	return r;
}

/* What is behind a digest in a file's name, of the forms that writers use, must have it.
 */
static int check_name(const char *path, const struct digest *digest, struct o2r_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strspn(name, "0123456789abcdef");
	const struct digest_text text = digest_format(digest);

	if (n != 64 || (name[n] && strcmp(name + n, ".json") != 0) ||
		strncmp(name, strchr(text.s, ':') + 1, n) == 0)
		return 0;
	return err_corrupt(err, "it has the digest %s, not that of its name", text.s);
}

static int read_config(struct docker_archive *d, const char *path, struct shown *config,
	struct digest **diff_ids, unsigned *count, struct o2r_err *err)
{
	struct image_config parsed = {0};
	struct ctx quiet = *d->ctx;
	int r = docker_read_named(
		d, path, d->ctx->limits.config, "config", &config->data, err);

	if (r < 0)
		return r;
	r = digest_of(
		DIGEST_SHA256, config->data.data, config->data.len, &config->digest, err);
	if (r == 0)
		r = check_name(path, &config->digest, err);
	config->size = config->data.len;
	/* what there is to say of it is said when the image is opened */
	quiet.log = NULL;
	if (r == 0)
		r = config_parse(config->data.data, config->data.len, &quiet, &parsed,
			diff_ids, count, err);
	if (r < 0)
		return err_wrap(err, "config %s", text_quote(path, strlen(path)).s);
	config_finish(&parsed);
	return 0;
}

static int write_manifest(struct docker_archive *d, const struct shown *config,
	const struct json_ref *layers, const struct digest *diff_ids, struct buf *out,
	struct o2r_err *err)
{
	struct json j;
	int r;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_uint(&j, "schemaVersion", 2);
	json_string(&j, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	json_open(&j, "config", '{');
	json_string(&j, "mediaType", "application/vnd.oci.image.config.v1+json");
	json_string(&j, "digest", digest_format(&config->digest).s);
	json_uint(&j, "size", config->size);
	json_close(&j, '}');
	r = describe_layers(d, layers, diff_ids, &j, err);
	if (r < 0)
		return r;
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : 0;
}

static int check_counts(
	const struct docker_image *image, unsigned diff_ids, struct o2r_err *err)
{
	size_t layers = json_count(&image->layers);

	if (layers != diff_ids)
		return err_corrupt(err,
			"manifest.json has %zu layers, but config %s has %u diff_ids",
			layers, text_quote(image->config, strlen(image->config)).s,
			diff_ids);
	if (layers > MANIFEST_LAYERS_MAX)
		return err_corrupt(err, "the image has %zu layers, more than %d", layers,
			MANIFEST_LAYERS_MAX);
	return 0;
}

int docker_image_make(
	struct docker_archive *d, struct docker_image *image, struct o2r_err *err)
{
	CLEANUP(shown_finish) struct shown config = {0};
	CLEANUP(shown_finish) struct shown manifest = {.data.max = 4 << 20};
	AUTO_FREE struct digest *diff_ids = NULL;
	unsigned count = 0;
	int r = read_config(d, image->config, &config, &diff_ids, &count, err);

	if (r == 0)
		r = check_counts(image, count, err);
	if (r == 0)
		r = write_manifest(
			d, &config, &image->layers, diff_ids, &manifest.data, err);
	if (r == 0)
		r = digest_of(DIGEST_SHA256, manifest.data.data, manifest.data.len,
			&manifest.digest, err);
	if (r < 0)
		return r;
	manifest.size = image->manifest_size = manifest.data.len;
	image->manifest = manifest.digest;
	r = shown_add(d, &config, err);
	return r < 0 ? r : shown_add(d, &manifest, err);
}
