#include "sources/extra.h"

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

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static int open_extra(const char *path, struct stat *st, struct o2r_err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(err, errno, "cannot open it");
	if (fstat(fd, st) < 0)
		return err_errno(err, errno, "cannot stat it");
	return steal_fd(&fd);
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

static int use_file(struct image_layer *layer, int fd, struct o2r_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return err_errno(err, errno, "cannot stat it");
	}
	layer->size = (uint64_t)st.st_size;
	return blob_open_fd(&layer->blob, fd, 0, layer->size, err);
}

static int use_archive(
	struct image_layer *layer, int fd, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FD int owned = fd;
	int converted = -1, r = archive_convert(fd, ctx, &converted, err);

	if (r < 0)
		return r;
	return use_file(layer, r == 1 ? steal_fd(&owned) : converted, err);
}

static int add_layer(struct image_layer *layer, const char *path, const struct ctx *ctx,
	struct o2r_err *err)
{
	struct stat st;
	AUTO_FD int fd = open_extra(path, &st, err);

	if (fd < 0)
		return fd;
	if (S_ISDIR(st.st_mode))
		return use_directory(layer, path, steal_fd(&fd), err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, EINVAL,
			"it is neither a directory nor an archive");
	return use_archive(layer, steal_fd(&fd), ctx, err);
}

static void destroy_writer(struct tar_out **w)
{
	tar_out_destroy(*w);
}

static int write_file(struct tar_out *w, const struct image_extra *e,
	const struct ctx *ctx, struct o2r_err *err)
{
	const char *name = e->dest + strspn(e->dest, "/");
	struct stat st;
	AUTO_FD int fd = open_extra(e->path, &st, err);

	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, EINVAL,
			"it is no regular file: lay a directory on top with --layer");
	return tar_out_file(w, fd, name,
		e->mode < 0 ? st.st_mode & 07777 : (unsigned)e->mode & 07777, e->uid,
		e->gid, ctx, err);
}

/* The files from *at on, up to the next layer. */
static int add_files(struct image_layer *layer, const struct image_options *o, size_t *at,
	const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(destroy_writer) struct tar_out *w = NULL;
	int fd = -1, r = tar_out_begin(&w, err);

	for (; r == 0 && *at < o->extra_count && o->extras[*at].kind == EXTRA_FILE;
		(*at)++) {
		r = write_file(w, &o->extras[*at], ctx, err);
		if (r < 0)
			err_wrap(err, "--add %s", quote(o->extras[*at].path).s);
	}
	if (r == 0)
		r = tar_out_end(w, &fd, err);
	return r < 0 ? r : use_file(layer, fd, err);
}

static int add_next(struct image *image, const struct image_options *o, size_t *at,
	const struct ctx *ctx, struct o2r_err *err)
{
	struct image_layer *layer = &image->layers[image->layer_count];
	int r;

	*layer = (struct image_layer){.codec = -1};
	/* counted first, so that image_destroy sees it */
	image->layer_count++;
	layer->media_type = strdup("application/vnd.oci.image.layer.v1.tar");
	if (!layer->media_type)
		return err_nomem(err);
	if (o->extras[*at].kind == EXTRA_FILE)
		return add_files(layer, o, at, ctx, err);
	r = add_layer(layer, o->extras[*at].path, ctx, err);
	if (r < 0)
		return err_wrap(err, "--layer %s", quote(o->extras[*at].path).s);
	(*at)++;
	return 0;
}

int extra_add(struct image *image, const struct image_options *o, const struct ctx *ctx,
	struct o2r_err *err)
{
	struct image_layer *more;
	int r = 0;

	if (!o || !o->extra_count)
		return 0;
	if (o->extra_count > MANIFEST_LAYERS_MAX - image->layer_count)
		return err_set(err, ERR_USAGE, E2BIG, "there are too many layers");
	more = reallocarray(image->layers, image->layer_count + o->extra_count,
		sizeof(*image->layers));
	if (!more)
		return err_nomem(err);
	image->layers = more;
	for (size_t at = 0; r == 0 && at < o->extra_count;)
		r = add_next(image, o, &at, ctx, err);
	return r;
}
