#include "sources/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/config.h"
#include "sources/image_read.h"
#include "sources/ref.h"
#include "sources/registry/registry.h"
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

/* A bare path takes no tag; who writes one gets told how. */
static int no_such_path(const char *path, int errnum, struct o2r_err *err)
{
	const char *colon = strrchr(path, ':');
	AUTO_FREE char *dir = colon ? strndup(path, (size_t)(colon - path)) : NULL;

	if (errnum == ENOENT && dir && exists(dir))
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s does not exist: to choose an image of %s write oci:%s:%s",
			text_quote(path, strlen(path)).s, text_quote(dir, strlen(dir)).s,
			text_quote(dir, strlen(dir)).s,
			text_quote(colon + 1, strlen(colon + 1)).s);
	return err_errno(err, errnum, "cannot open %s", text_quote(path, strlen(path)).s);
}

static int open_directory(const char *path, struct o2r_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR && exists(path))
		return err_set(err, ERR_USAGE, ENOTDIR,
			"%s is not a directory, and of local images this version reads "
			"OCI "
			"layout directories only: make one by `skopeo copy "
			"oci-archive:FILE oci:DIR:TAG` or "
			"`skopeo copy docker-archive:FILE oci:DIR:TAG`",
			text_quote(path, strlen(path)).s);
	return no_such_path(path, errno, err);
}

static int wanted_platform(
	const struct image_options *o, struct platform *out, struct o2r_err *err)
{
	return o && o->platform ? platform_parse(o->platform, out, err)
				: platform_host(out, err);
}

static int set_absolute(struct image *image, const char *path, struct o2r_err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);

	if (!real)
		return err_errno(err, errno, "cannot find the whole path of %s",
			text_quote(path, strlen(path)).s);
	/* the path of the prefixed form ends at the first colon */
	if (strchr(real, ':'))
		image->absolute = STEAL(real);
	else if (asprintf(&image->absolute, "oci:%s", real) < 0)
		image->absolute = NULL;
	return image->absolute ? 0 : err_nomem(err);
}

/* "oci:DIR@N" is the directory DIR@N when there is one. */
static int open_path(struct image *image, const struct ref *ref,
	const struct image_options *o, const struct ctx *ctx, struct o2r_err *err)
{
	bool shorten = ref->short_path && !exists(ref->path) && exists(ref->short_path);
	const char *path = shorten ? ref->short_path : ref->path;
	struct quoted name = text_quote(path, strlen(path));
	struct wanted want = {
		.manifest = o ? o->manifest : NULL,
		.tag = ref->tag,
		.index = shorten ? ref->short_index : ref->index,
	};
	int r = wanted_platform(o, &want.platform, err);

	if (r < 0)
		return r;

	AUTO_FD int fd = open_directory(path, err);

	if (fd < 0)
		return fd;
	r = set_absolute(image, path, err);
	if (r < 0)
		return r;

	struct layout layout = {
		.open = layout_open_at,
		.arg = &fd,
		.name = name.s,
		.ctx = ctx,
	};

	return image_read(image, &layout, &want, err);
}

static int open_name(struct image *image, const struct name *name,
	const struct image_options *o, const struct ctx *ctx, struct o2r_err *err)
{
	struct wanted want = {.manifest = o ? o->manifest : NULL, .index = -1};
	int r = wanted_platform(o, &want.platform, err);

	if (r < 0)
		return r;
	r = registry_open(image, name, o, &want, ctx, err);
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
	r = ref.kind == REF_REGISTRY ? open_name(image, &ref.name, o, ctx, err)
				     : open_path(image, &ref, o, ctx, err);
	if (r < 0)
		return r;
	*out = STEAL(image);
	return 0;
}

void image_destroy(struct image *image)
{
	if (!image)
		return;
	for (unsigned i = 0; i < image->layer_count; i++) {
		blob_close(&image->layers[i].blob);
		free(image->layers[i].media_type);
	}
	if (image->keep_destroy)
		image->keep_destroy(image->keep);
	free(image->layers);
	config_finish(&image->parsed);
	buf_finish(&image->manifest);
	buf_finish(&image->config);
	free(image->manifest_type);
	free(image->reference);
	free(image->absolute);
	free(image);
}
