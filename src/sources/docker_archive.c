#include "sources/docker_archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/text.h"
#include "base/vec.h"
#include "blob/codec.h"
#include "sources/choices.h"
#include "sources/config.h"
#include "sources/json.h"
#include "sources/ref.h"

enum {
	HASH_CHUNK = 256 << 10,
};

/* A file that the layout shows under its digest. */
struct shown {
	struct digest digest;
	uint64_t size;
	const char *path; /* in the archive; NULL: data */
	struct buf data;
};

struct docker_image {
	const char **tags;
	size_t tag_count;
	struct digest manifest;
	uint64_t manifest_size;
};

struct docker_archive {
	const struct archive_file *archive;
	const struct ctx *ctx;
	struct arena arena;
	struct shown *shown;
	size_t shown_count, shown_cap;
	struct docker_image *images;
	size_t image_count, image_cap;
	struct buf index; /* index.json */
};

/* ---- what the layout shows */

static const struct shown *find_shown(
	const struct docker_archive *d, const struct digest *digest)
{
	for (size_t i = 0; i < d->shown_count; i++)
		if (digest_equal(&d->shown[i].digest, digest))
			return &d->shown[i];
	return NULL;
}

/* Takes over the data. */
static int show(struct docker_archive *d, struct shown *s, struct o2r_err *err)
{
	if (find_shown(d, &s->digest)) {
		buf_finish(&s->data);
		return 0;
	}
	if (VEC_RESERVE(d->shown, d->shown_count, d->shown_cap, 1,
		    DOCKER_ARCHIVE_FILES_MAX) < 0)
		return err_corrupt(err, "the images have more than %d layers and configs",
			DOCKER_ARCHIVE_FILES_MAX);
	if (s->path) {
		s->path = arena_dup(&d->arena, s->path, strlen(s->path));
		if (!s->path)
			return err_nomem(err);
	}
	d->shown[d->shown_count++] = *s;
	s->data = (struct buf){0};
	return 0;
}

/* ---- files of the archive */

static int open_named(const struct docker_archive *d, const char *path, struct blob *out,
	struct o2r_err *err)
{
	int r = archive_blob(d->archive, path, out, err);

	return r == -ENOENT ? err_corrupt(err,
				      "manifest.json names %s, which the archive does "
				      "not have: save the image again",
				      text_quote(path, strlen(path)).s)
			    : r;
}

static int read_named(const struct docker_archive *d, const char *path, uint64_t max,
	struct buf *out, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	int r = open_named(d, path, &blob, err);

	if (r < 0)
		return r;
	if (blob.size > max)
		return err_corrupt(err, "%s has %llu bytes, more than the %llu allowed",
			text_quote(path, strlen(path)).s, (unsigned long long)blob.size,
			(unsigned long long)max);
	out->max = (size_t)blob.size + 1;
	if (buf_reserve(out, (size_t)blob.size) < 0)
		return err_nomem(err);
	r = blob_pread(&blob, out->data, (size_t)blob.size, 0, err);
	if (r < 0)
		return r;
	out->len = (size_t)blob.size;
	out->data[out->len] = '\0';
	return 0;
}

static int hash_all(const struct docker_archive *d, const struct blob *blob,
	struct digest *out, struct o2r_err *err)
{
	CLEANUP(digester_finish) struct digester h = {0};
	AUTO_FREE unsigned char *buf = malloc(HASH_CHUNK);
	int r = buf ? digester_init(&h, DIGEST_SHA256, err) : err_nomem(err);

	for (uint64_t off = 0; r == 0 && off < blob->size; off += HASH_CHUNK) {
		size_t n = (size_t)MIN(blob->size - off, HASH_CHUNK);

		r = ctx_check(d->ctx, err);
		if (r == 0)
			r = blob_pread(blob, buf, n, off, err);
		if (r == 0)
			r = digester_update(&h, buf, n, err);
	}
	return r < 0 ? r : digester_final(&h, out, err);
}

/* ---- one image of manifest.json */

static const char *const layer_types[] = {
	[CODEC_PLAIN] = "application/vnd.oci.image.layer.v1.tar",
	[CODEC_GZIP] = "application/vnd.oci.image.layer.v1.tar+gzip",
	[CODEC_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
};

static int describe_layer(struct docker_archive *d, const char *path,
	const struct digest *diff_id, struct json *j, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	struct shown s = {.digest = *diff_id, .path = path};
	unsigned char magic[4];
	enum codec codec;
	int r = open_named(d, path, &blob, err);

	if (r == 0)
		r = blob_pread(&blob, magic, MIN(blob.size, sizeof(magic)), 0, err);
	if (r < 0)
		return r;
	codec = codec_detect(magic, (size_t)MIN(blob.size, sizeof(magic)));
	s.size = blob.size;
	if (codec != CODEC_PLAIN) {
		r = hash_all(d, &blob, &s.digest, err);
		if (r < 0)
			return r;
	}
	json_open(j, NULL, '{');
	json_string(j, "mediaType", layer_types[codec]);
	json_string(j, "digest", digest_format(&s.digest).s);
	json_uint(j, "size", s.size);
	json_close(j, '}');
	return show(d, &s, err);
}

static int describe_layers(struct docker_archive *d, const struct json_ref *layers,
	const struct digest *diff_ids, struct json *j, struct o2r_err *err)
{
	struct json_ref item = {0};
	unsigned n = 0;
	int r = 0;

	json_open(j, "layers", '[');
	while (r == 0 && json_next(layers, &item)) {
		const char *path;

		r = json_item_string(&item, &path, err);
		if (r == 0)
			r = describe_layer(d, path, &diff_ids[n++], j, err);
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
	const char *hex = strchr(digest_format(digest).s, ':') + 1;

	if (n != 64 || (name[n] && strcmp(name + n, ".json") != 0) ||
		strncmp(name, hex, n) == 0)
		return 0;
	return err_corrupt(err, "%s has the digest %s, not that of its name",
		text_quote(path, strlen(path)).s, digest_format(digest).s);
}

static int read_config(struct docker_archive *d, const char *path, struct shown *config,
	struct digest **diff_ids, unsigned *count, struct o2r_err *err)
{
	struct image_config parsed = {0};
	struct ctx quiet = *d->ctx;
	int r = read_named(d, path, d->ctx->limits.config, &config->data, err);

	if (r == 0)
		r = digest_of(DIGEST_SHA256, config->data.data, config->data.len,
			&config->digest, err);
	if (r == 0)
		r = check_name(path, &config->digest, err);
	if (r < 0)
		return r;
	config->size = config->data.len;
	/* what there is to say of it is said when the image is opened */
	quiet.log = NULL;
	r = config_parse(config->data.data, config->data.len, &quiet, &parsed, diff_ids,
		count, err);
	if (r == 0)
		config_finish(&parsed);
	return r < 0 ? err_wrap(err, "%s", text_quote(path, strlen(path)).s) : 0;
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
	json_close(&j, '}');
	if (r == 0 && json_end(&j) < 0)
		r = err_nomem(err);
	return r;
}

static int add_tags(struct docker_archive *d, const struct json_ref *entry,
	struct docker_image *image, struct o2r_err *err)
{
	struct json_ref tags, item = {0};
	size_t cap = 0;
	int r = json_get_array(entry, "RepoTags", &tags, err);

	if (r <= 0)
		return r;
	while (json_next(&tags, &item)) {
		const char *tag;

		r = json_item_string(&item, &tag, err);
		if (r < 0)
			return r;
		if (VEC_RESERVE(image->tags, image->tag_count, cap, 1,
			    DOCKER_ARCHIVE_TAGS_MAX) < 0)
			return err_corrupt(err, "an image has more than %d names",
				DOCKER_ARCHIVE_TAGS_MAX);
		tag = arena_dup(&d->arena, tag, strlen(tag));
		if (!tag)
			return err_nomem(err);
		image->tags[image->tag_count++] = tag;
	}
	return 0;
}

static void shown_finish(struct shown *s)
{
	buf_finish(&s->data);
}

static int make_manifest(struct docker_archive *d, struct docker_image *image,
	const char *config_path, const struct json_ref *layers, struct o2r_err *err)
{
	CLEANUP(shown_finish) struct shown config = {0};
	CLEANUP(shown_finish) struct shown manifest = {.data.max = 4 << 20};
	AUTO_FREE struct digest *diff_ids = NULL;
	unsigned count = 0;
	int r = read_config(d, config_path, &config, &diff_ids, &count, err);

	if (r == 0 && (json_count(layers) != count || count > MANIFEST_LAYERS_MAX))
		r = err_corrupt(err,
			"manifest.json has %zu layers, config %s has %u diff_ids",
			json_count(layers),
			text_quote(config_path, strlen(config_path)).s, count);
	if (r == 0)
		r = write_manifest(d, &config, layers, diff_ids, &manifest.data, err);
	if (r == 0)
		r = digest_of(DIGEST_SHA256, manifest.data.data, manifest.data.len,
			&manifest.digest, err);
	if (r < 0)
		return r;
	manifest.size = image->manifest_size = manifest.data.len;
	image->manifest = manifest.digest;
	r = show(d, &config, err);
	return r < 0 ? r : show(d, &manifest, err);
}

static int add_image(
	struct docker_archive *d, const struct json_ref *entry, struct o2r_err *err)
{
	struct docker_image *image;
	const char *config = NULL;
	struct json_ref layers;
	int r;

	if (VEC_RESERVE(d->images, d->image_count, d->image_cap, 1,
		    DOCKER_ARCHIVE_IMAGES_MAX) < 0)
		return err_corrupt(err, "manifest.json has more than %d images",
			DOCKER_ARCHIVE_IMAGES_MAX);
	image = &d->images[d->image_count++];
	*image = (struct docker_image){0};
	r = json_need(
		json_get_string(entry, "Config", &config, err), entry, "Config", err);
	if (r == 0)
		r = json_need(json_get_array(entry, "Layers", &layers, err), entry,
			"Layers", err);
	if (r == 0)
		r = add_tags(d, entry, image, err);
	return r < 0 ? r : make_manifest(d, image, config, &layers, err);
}

static int write_index(struct docker_archive *d, struct o2r_err *err)
{
	struct json j;

	d->index.max = 4 << 20;
	json_begin(&j, &d->index);
	json_open(&j, NULL, '{');
	json_uint(&j, "schemaVersion", 2);
	json_string(&j, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_open(&j, "manifests", '[');
	for (size_t i = 0; i < d->image_count; i++) {
		const struct docker_image *image = &d->images[i];

		json_open(&j, NULL, '{');
		json_string(
			&j, "mediaType", "application/vnd.oci.image.manifest.v1+json");
		json_string(&j, "digest", digest_format(&image->manifest).s);
		json_uint(&j, "size", image->manifest_size);
		if (image->tag_count) {
			json_open(&j, "annotations", '{');
			json_string(&j, "io.containerd.image.name", image->tags[0]);
			json_close(&j, '}');
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : 0;
}

static int read_images(struct docker_archive *d, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref list, item = {0};
	int r = read_named(d, "manifest.json", d->ctx->limits.manifest, &text, err);

	if (r == 0)
		r = json_doc_parse(
			text.data, text.len, d->ctx->limits.json_depth, &doc, err);
	if (r == 0)
		r = json_root_array(doc, &list, err);
	while (r == 0 && json_next(&list, &item)) {
		r = json_item_object(&item, err);
		if (r == 0)
			r = add_image(d, &item, err);
	}
	return r < 0 ? err_wrap(err, "manifest.json") : 0;
}

static void destroy(struct docker_archive **d)
{
	docker_archive_destroy(*d);
}

int docker_archive_create(const struct archive_file *a, const struct ctx *ctx,
	struct docker_archive **out, struct o2r_err *err)
{
	CLEANUP(destroy) struct docker_archive *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_nomem(err);
	d->archive = a;
	d->ctx = ctx;
	r = read_images(d, err);
	if (r == 0)
		r = write_index(d, err);
	if (r == 0)
		*out = STEAL(d);
	return r;
}

void docker_archive_destroy(struct docker_archive *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->shown_count; i++)
		shown_finish(&d->shown[i]);
	for (size_t i = 0; i < d->image_count; i++)
		free(d->images[i].tags);
	free(d->shown);
	free(d->images);
	buf_finish(&d->index);
	arena_finish(&d->arena);
	free(d);
}

/* ---- finding */

int docker_archive_find(const struct docker_archive *d, const char *tag, const char *name,
	long *out, struct o2r_err *err)
{
	struct choices list = {0};

	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = 0; i < d->image_count; i++)
			for (size_t k = 0; k < d->images[i].tag_count; k++) {
				const char *has = d->images[i].tags[k];

				if (exact ? strcmp(has, tag) == 0
					  : ref_same_image(has, tag)) {
					*out = (long)i;
					return 0;
				}
			}
	for (size_t i = 0; i < d->image_count; i++)
		for (size_t k = 0; k < d->images[i].tag_count; k++)
			choices_add(&list, d->images[i].tags[k]);
	return err_set(err, ERR_NOT_FOUND, ENOENT, "%s has no image \"%s\", only %s",
		name, text_quote(tag, strlen(tag)).s, choices_text(&list));
}

int docker_archive_open(
	void *docker_archive, const char *path, struct blob *out, struct o2r_err *err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	static const char blobs[] = "blobs/sha256/";
	const struct docker_archive *d = docker_archive;
	const struct shown *s;
	struct digest digest;
	char text[8 + 64];

	if (strcmp(path, "oci-layout") == 0)
		return blob_open_memory(out, version, sizeof(version) - 1, 0, err);
	if (strcmp(path, "index.json") == 0)
		return blob_open_memory(out, d->index.data, d->index.len, 1, err);
	snprintf(text, sizeof(text), "sha256:%s",
		strncmp(path, blobs, sizeof(blobs) - 1) ? "" : path + sizeof(blobs) - 1);
	s = digest_parse(text, strlen(text), &digest, NULL) == 0 ? find_shown(d, &digest)
								 : NULL;
	if (!s)
		return -ENOENT;
	return s->path ? archive_blob(d->archive, s->path, out, err)
		       : blob_open_memory(out, s->data.data, s->data.len, 1, err);
}
