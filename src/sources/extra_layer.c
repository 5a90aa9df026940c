#include "sources/extra_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/archive_convert.h"
#include "sources/manifest.h"
#include "sources/ref.h"

int extra_open(const char *path, struct stat *st, struct o2r_err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(err, errno, "cannot open it");
	if (fstat(fd, st) < 0)
		return err_errno(err, errno, "cannot stat it");
	return steal_fd(&fd);
}

int extra_whole_path(const char *path, char **out, struct o2r_err *err)
{
	*out = realpath(path, NULL);
	return *out ? 0 : err_errno(err, errno, "cannot find its whole path");
}

int extra_reserve(struct image *image, unsigned count, struct o2r_err *err)
{
	struct image_layer *more;

	if (count > MANIFEST_LAYERS_MAX - image->layer_count)
		return err_set(err, ERR_USAGE, E2BIG,
			"there are more than %d layers together", MANIFEST_LAYERS_MAX);
	more = reallocarray(
		image->layers, image->layer_count + count + 1, sizeof(*image->layers));
	if (!more)
		return err_nomem(err);
	image->layers = more;
	return 0;
}

int extra_next(struct image *image, struct image_layer **out, struct o2r_err *err)
{
	struct image_layer *layer = &image->layers[image->layer_count];

	*layer = (struct image_layer){.codec = -1};
	/* counted first, so that image_destroy sees it */
	image->layer_count++;
	layer->media_type = strdup("application/vnd.oci.image.layer.v1.tar");
	if (!layer->media_type)
		return err_nomem(err);
	*out = layer;
	return 0;
}

int extra_use_file(struct image_layer *layer, int fd, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return err_errno(err, errno, "cannot stat it");
	}
	layer->size = (uint64_t)st.st_size;
	return blob_open_fd(&layer->blob, fd, 0, layer->size, err);
}

/* A directory of the user: whoever made it may have marked what is to go in either way.
 */
static int use_directory(
	struct image_layer *layer, const char *path, int fd, struct o2r_err *err)
{
	AUTO_FD int owned = fd;

	layer->dir = calloc(1, sizeof(*layer->dir));
	if (!layer->dir)
		return err_nomem(err);
	*layer->dir = (struct dir_layer){.fd = steal_fd(&owned),
		.path = strdup(path),
		.rules = {.overlay = true, .names = true}};
	return layer->dir->path ? 0 : err_nomem(err);
}

static int use_archive(
	struct image_layer *layer, int fd, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FD int owned = fd;
	int converted = -1, r = archive_convert(fd, ctx, &converted, err);

	if (r < 0)
		return r;
	return extra_use_file(layer, r == 1 ? steal_fd(&owned) : converted, err);
}

/* ---- the layers of an image */

static void cleanup_image(struct image **image)
{
	image_destroy(*image);
}

static int take_layers(struct image *image, struct image *from, struct o2r_err *err)
{
	int r = extra_reserve(image, from->layer_count, err);

	if (r < 0)
		return r;
	if (from->layer_count)
		memcpy(&image->layers[image->layer_count], from->layers,
			from->layer_count * sizeof(*from->layers));
	image->layer_count += from->layer_count;
	from->layer_count = 0;
	/* nothing is on top of it, so it has taken none itself */
	from->taken = image->taken;
	image->taken = from;
	return 0;
}

static int use_image(struct image *image, const char *reference,
	const struct image_extra *e, const struct image_options *o, const struct ctx *ctx,
	char **path, struct digest *manifest, struct o2r_err *err)
{
	CLEANUP(cleanup_image) struct image *from = NULL;
	struct image_options io = *o;
	int r;

	io.extras = NULL;
	io.extra_count = 0;
	io.manifest = e->manifest.algo == DIGEST_NONE ? NULL : &e->manifest;
	if (io.manifest)
		io.platform = NULL;
	r = image_open(reference, &io, ctx, &from, err);
	if (r < 0)
		return r;
	*manifest = from->manifest_digest;
	if (from->absolute) {
		*path = strdup(from->absolute);
		if (!*path)
			return err_nomem(err);
	}
	r = take_layers(image, from, err);
	if (r == 0)
		from = NULL;
	return r;
}

/* ---- which of these it is */

/* A path, or a form that has a prefix; anything else is a path too, for names of
 * registries cannot be laid on top. */
static bool is_reference(const struct ref *ref)
{
	return ref->kind != REF_PATH && ref->kind != REF_REGISTRY &&
	       ref->kind != REF_SCRATCH;
}

static bool is_layout(int fd)
{
	return faccessat(fd, "oci-layout", F_OK, 0) == 0 &&
	       faccessat(fd, "index.json", F_OK, 0) == 0;
}

static int use_layout(struct image *image, const struct image_extra *e,
	const struct image_options *o, const struct ctx *ctx, char **path,
	struct digest *manifest, struct o2r_err *err)
{
	AUTO_FREE char *whole = NULL;
	int r = extra_whole_path(e->path, &whole, err);

	return r < 0 ? r : use_image(image, whole, e, o, ctx, path, manifest, err);
}

static int use_path(struct image *image, const struct image_extra *e,
	const struct image_options *o, const struct ctx *ctx, char **path,
	struct digest *manifest, struct o2r_err *err)
{
	struct image_layer *layer = NULL;
	struct stat st;
	AUTO_FD int fd = extra_open(e->path, &st, err);
	int r;

	if (fd < 0)
		return fd;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, EINVAL,
			"it is neither a directory nor an archive");
	if (S_ISDIR(st.st_mode) && is_layout(fd))
		return use_layout(image, e, o, ctx, path, manifest, err);
	r = extra_whole_path(e->path, path, err);
	if (r == 0)
		r = extra_reserve(image, 1, err);
	if (r == 0)
		r = extra_next(image, &layer, err);
	if (r < 0)
		return r;
	return S_ISDIR(st.st_mode) ? use_directory(layer, e->path, steal_fd(&fd), err)
				   : use_archive(layer, steal_fd(&fd), ctx, err);
}

int extra_layer_add(struct image *image, const struct image_extra *e,
	const struct image_options *o, const struct ctx *ctx, char **path,
	struct digest *manifest, struct o2r_err *err)
{
	CLEANUP(ref_finish) struct ref ref = {0};
	/* what is no reference at all may be a path */
	bool parsed = ref_parse(e->path, &ref, NULL) == 0;

	*path = NULL;
	*manifest = (struct digest){.algo = DIGEST_NONE};
	if (strcmp(e->path, "-") == 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"standard input is no layer: write ./- for a file of that name");
	return parsed && is_reference(&ref)
		       ? use_image(image, e->path, e, o, ctx, path, manifest, err)
		       : use_path(image, e, o, ctx, path, manifest, err);
}
