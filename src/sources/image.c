#include "sources/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/config.h"
#include "sources/containers_store.h"
#include "sources/docker_store.h"
#include "sources/extra.h"
#include "sources/local.h"
#include "sources/overlay_dir.h"
#include "sources/ref.h"
#include "sources/registry/docker_daemon.h"
#include "sources/registry/registry.h"
#include "sources/scratch.h"
#include "sources/select.h"

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static void add_hint(
	struct o2r_err *err, const char *what, const char *path, const char *advice)
{
	size_t at = strlen(err->text);

	snprintf(err->text + at, sizeof(err->text) - at, " (if %s %s is meant, %s)", what,
		text_quote(path, strlen(path)).s, advice);
}

/* A name that is not a path may have been meant as the folder of that name. */
static int hint_folder(const char *reference, int r, struct o2r_err *err)
{
	AUTO_FREE char *path = NULL;
	char *colon;

	if (!err || !*reference)
		return r;
	if (asprintf(&path, "./%s", reference) < 0) {
		path = NULL;
		return r;
	}
	if (exists(path)) {
		add_hint(err, "the file or folder", path, "write it so");
		return r;
	}
	colon = strchr(path, ':');
	if (!colon)
		return r;
	*colon = 0;
	if (exists(path))
		add_hint(err, "an image of the layout", path, "write oci: in front");
	return r;
}

static int wanted_platform(
	const struct image_options *o, struct platform *out, struct o2r_err *err)
{
	return o && o->platform ? platform_parse(o->platform, out, err)
				: platform_host(out, err);
}

static int open_ref(struct image *image, const struct ref *ref,
	const struct image_options *o, const struct ctx *ctx, struct o2r_err *err)
{
	struct wanted want = {.manifest = o ? o->manifest : NULL, .index = -1};
	int r = wanted_platform(o, &want.platform, err);

	if (r < 0)
		return r;
	switch (ref->kind) {
	case REF_SCRATCH:
		return scratch_open(image, &want.platform, ctx, err);
	case REF_OVERLAY:
		return overlay_dir_open(image, ref->path, &want.platform, ctx, err);
	case REF_DOCKER_STORE:
		return docker_store_open(image, ref->path, ref->tag, &want, ctx, err);
	case REF_CONTAINERS:
		return containers_store_open(image, ref->path, ref->tag, &want, ctx, err);
	case REF_DOCKER_DAEMON:
		return docker_daemon_open(image, ref->tag, o, &want, ctx, err);
	default:
		break;
	}
	if (ref->kind != REF_REGISTRY)
		return local_open(image, ref, o, &want, ctx, err);
	r = registry_open(image, &ref->name, o, &want, ctx, err);
	return r < 0 ? hint_folder(image->reference, r, err) : 0;
}

static void image_cleanup(struct image **image)
{
	image_destroy(*image);
}

int image_open(const char *reference, const struct image_options *o,
	const struct ctx *ctx, struct image **out, struct o2r_err *err)
{
	CLEANUP(ref_finish) struct ref ref = {0};
	CLEANUP(image_cleanup) struct image *image = NULL;
	int r = ref_parse(reference, &ref, err);

	if (r < 0)
		return hint_folder(reference, r, err);
	image = calloc(1, sizeof(*image));
	if (!image)
		return err_nomem(err);
	image->reference = strdup(reference);
	if (!image->reference)
		return err_nomem(err);
	r = open_ref(image, &ref, o, ctx, err);
	if (r >= 0)
		r = extra_add(image, o, ctx, err);
	if (r < 0)
		return r;
	*out = STEAL(image);
	return 0;
}

void image_clear(struct image *image)
{
	char *reference = image->reference;
	struct image *taken = image->taken;

	for (unsigned i = 0; i < image->layer_count; i++) {
		blob_close(&image->layers[i].blob);
		dir_layer_finish(image->layers[i].dir);
		free(image->layers[i].dir);
		free(image->layers[i].media_type);
	}
	if (image->keep_destroy)
		image->keep_destroy(image->keep);
	for (size_t i = 0; i < image->extra_count; i++) {
		free((char *)image->extras[i].path);
		free((char *)image->extras[i].dest);
	}
	free(image->extras);
	free(image->layers);
	config_finish(&image->parsed);
	buf_finish(&image->manifest);
	buf_finish(&image->config);
	free(image->manifest_type);
	free(image->absolute);
	*image = (struct image){.reference = reference, .taken = taken};
}

void image_destroy(struct image *image)
{
	while (image) {
		struct image *next = image->taken;

		image_clear(image);
		free(image->reference);
		free(image);
		image = next;
	}
}
