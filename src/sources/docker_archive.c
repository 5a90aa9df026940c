#include "sources/docker_archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/json_write.h"
#include "base/text.h"
#include "base/vec.h"
#include "sources/choices.h"
#include "sources/docker_archive_impl.h"
#include "sources/ref.h"

/* ---- manifest.json */

static int read_tags(
	struct docker_archive *d, struct docker_image *image, struct o2r_err *err)
{
	struct json_ref tags, item = {0};
	size_t cap = 0;
	int r = json_get_array(&image->entry, "RepoTags", &tags, err);

	if (r <= 0)
		return r;
	while (json_next(&tags, &item)) {
		const char *tag;

		r = json_item_string(&item, &tag, err);
		if (r < 0)
			return r;
		r = VEC_RESERVE(
			image->tags, image->tag_count, cap, 1, DOCKER_ARCHIVE_TAGS_MAX);
		if (r == -E2BIG)
			return err_corrupt(err, "an image has more than %d names",
				DOCKER_ARCHIVE_TAGS_MAX);
		if (r < 0)
			return err_nomem(err);
		tag = arena_dup(&d->arena, tag, strlen(tag));
		if (!tag)
			return err_nomem(err);
		image->tags[image->tag_count++] = tag;
	}
	return 0;
}

static int read_image(
	struct docker_archive *d, struct docker_image *image, struct o2r_err *err)
{
	const struct json_ref *entry = &image->entry;
	int r = json_item_object(entry, err);

	if (r == 0)
		r = json_need(json_get_string(entry, "Config", &image->config, err),
			entry, "Config", err);
	if (r == 0)
		r = json_get_array(entry, "Layers", &image->layers, err);
	/* none at all, which Go writes as null */
	if (r == 0)
		image->layers = (struct json_ref){.parent = entry, .key = "Layers"};
	return r < 0 ? r : read_tags(d, image, err);
}

static int read_images(struct docker_archive *d, struct o2r_err *err)
{
	const struct limits *limits = &d->ctx->limits;
	AUTO_BUF struct buf text = {0};
	struct json_ref item = {0};
	size_t count;
	int r = docker_read_named(
		d, "manifest.json", limits->manifest, "manifest", &text, err);

	if (r < 0)
		return r;
	r = json_doc_parse(text.data, text.len, limits->json_depth, &d->doc, err);
	if (r == 0)
		r = json_root_array(d->doc, &d->list, err);
	if (r < 0)
		return r;
	count = json_count(&d->list);
	if (count > DOCKER_ARCHIVE_IMAGES_MAX)
		return err_corrupt(
			err, "it has more than %d images", DOCKER_ARCHIVE_IMAGES_MAX);
	d->images = calloc(count + 1, sizeof(*d->images));
	if (!d->images)
		return err_nomem(err);
	while (r == 0 && json_next(&d->list, &item)) {
		struct docker_image *image = &d->images[d->image_count++];

		image->entry = item;
		r = read_image(d, image, err);
	}
	return r;
}

/* ---- which of the images */

/* How well an image's names suit the one asked for: 0 is best, -1 not at all. */
static int rank_of(const struct docker_image *image, const char *tag)
{
	int best = -1;

	for (size_t i = 0; i < image->tag_count; i++) {
		const char *has = image->tags[i];
		int rank = strcmp(has, tag) == 0      ? 0
			   : ref_same_image(has, tag) ? 1
			   : ref_same_local(tag, has) ? 2
						      : -1;

		if (rank >= 0 && (best < 0 || rank < best))
			best = rank;
	}
	return best;
}

static int no_such_image(const struct docker_archive *d, const char *tag,
	const char *name, struct o2r_err *err)
{
	struct choices list = {0};

	for (size_t i = 0; i < d->image_count; i++)
		for (size_t k = 0; k < d->images[i].tag_count; k++)
			choices_add(&list, d->images[i].tags[k]);
	return err_set(err, ERR_NOT_FOUND, ENOENT, "%s has no image \"%s\", only %s",
		name, text_quote(tag, strlen(tag)).s, choices_text(&list));
}

static int ambiguous(const struct docker_archive *d, const char *tag, int rank,
	const char *name, struct o2r_err *err)
{
	struct choices list = {0};

	for (size_t i = 0; i < d->image_count; i++) {
		char item[24];

		snprintf(item, sizeof(item), "@%zu", i);
		if (rank_of(&d->images[i], tag) == rank)
			choices_add(&list, item);
	}
	return err_set(err, ERR_USAGE, EINVAL,
		"%s has several images \"%s\": %s; choose with docker-archive:FILE:@N",
		name, text_quote(tag, strlen(tag)).s, choices_text(&list));
}

static int want_tag(
	struct docker_archive *d, const char *tag, const char *name, struct o2r_err *err)
{
	struct docker_image *found = NULL;
	int best = -1;
	bool several = false;

	for (size_t i = 0; i < d->image_count; i++) {
		struct docker_image *image = &d->images[i];
		int rank = rank_of(image, tag);

		if (rank < 0 || (best >= 0 && rank > best))
			continue;
		several =
			rank == best && (several || strcmp(image->config, found->config));
		found = image;
		best = rank;
	}
	if (best < 0)
		return no_such_image(d, tag, name, err);
	if (several)
		return ambiguous(d, tag, best, name, err);
	found->wanted = true;
	return 0;
}

static int want(struct docker_archive *d, const struct wanted *w, const char *name,
	struct o2r_err *err)
{
	if (w->tag && !w->manifest)
		return want_tag(d, w->tag, name, err);
	if (w->index >= (long)d->image_count && !w->manifest)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s has no entry @%ld: its manifest.json has %zu, counted from "
			"@0",
			name, w->index, d->image_count);
	for (size_t i = 0; i < d->image_count; i++)
		d->images[i].wanted =
			w->manifest || w->index < 0 || (size_t)w->index == i;
	return 0;
}

/* ---- as a layout */

static int make_images(struct docker_archive *d, struct o2r_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->image_count; i++) {
		if (!d->images[i].wanted)
			continue;
		r = ctx_check(d->ctx, err);
		if (r == 0)
			r = docker_image_make(d, &d->images[i], err);
		if (r < 0)
			return err_wrap(err, "image @%zu", i);
	}
	return r;
}

static void write_entry(struct json *j, const struct docker_image *image)
{
	json_open(j, NULL, '{');
	json_string(j, "mediaType", "application/vnd.oci.image.manifest.v1+json");
	json_string(j, "digest", digest_format(&image->manifest).s);
	json_uint(j, "size", image->manifest_size);
	if (image->tag_count) {
		json_open(j, "annotations", '{');
		json_string(j, "io.containerd.image.name", image->tags[0]);
		json_close(j, '}');
	}
	json_close(j, '}');
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
	for (size_t i = 0; i < d->image_count; i++)
		if (d->images[i].wanted)
			write_entry(&j, &d->images[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : 0;
}

static void destroy(struct docker_archive **d)
{
	docker_archive_destroy(*d);
}

int docker_archive_create(const struct archive_file *a, const struct wanted *w,
	const char *name, const struct ctx *ctx, struct docker_archive **out,
	struct o2r_err *err)
{
	CLEANUP(destroy) struct docker_archive *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_nomem(err);
	d->archive = a;
	d->ctx = ctx;
	r = read_images(d, err);
	if (r < 0)
		return err_wrap(err, "%s: manifest.json", name);
	r = want(d, w, name, err);
	if (r < 0)
		return r;
	r = make_images(d, err);
	if (r == 0)
		r = write_index(d, err);
	if (r < 0)
		return err_wrap(err, "%s", name);
	*out = STEAL(d);
	return 0;
}

void docker_archive_destroy(struct docker_archive *d)
{
	if (!d)
		return;
	shown_set_finish(&d->shown);
	for (size_t i = 0; i < d->image_count; i++)
		free(d->images[i].tags);
	free(d->images);
	json_doc_destroy(d->doc);
	buf_finish(&d->index);
	arena_finish(&d->arena);
	free(d);
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
	s = digest_parse(text, strlen(text), &digest, NULL) == 0
		    ? shown_find(&d->shown, &digest)
		    : NULL;
	if (!s)
		return -ENOENT;
	return s->path ? archive_blob(d->archive, s->path, out, err)
		       : blob_open_memory(out, s->data.data, s->data.len, 1, err);
}
