#include "sources/extra.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/archive_convert.h"
#include "sources/extra_layer.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static void destroy_writer(struct tar_out **w)
{
	tar_out_destroy(*w);
}

/* What is to be remembered of an extra; takes path over. */
static int remember(struct image *image, const struct image_extra *e, char *path,
	const struct digest *manifest, struct o2r_err *err)
{
	struct image_extra *mine = &image->extras[image->extra_count];

	*mine = *e;
	mine->path = path;
	mine->manifest = *manifest;
	mine->dest = e->dest ? strdup(e->dest) : NULL;
	image->extra_count++;
	return e->dest && !mine->dest ? err_nomem(err) : 0;
}

static int write_file(struct image *image, struct tar_out *w, const struct image_extra *e,
	const struct ctx *ctx, struct o2r_err *err)
{
	const char *name = e->dest + strspn(e->dest, "/");
	const struct digest none = {.algo = DIGEST_NONE};
	char *path = NULL;
	struct stat st;
	AUTO_FD int fd = extra_open(e->path, &st, err);
	int r;

	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, EINVAL,
			"it is no regular file: lay a directory on top with --layer");
	r = tar_out_file(w, fd, name,
		e->mode < 0 ? st.st_mode & 07777 : (unsigned)e->mode & 07777, e->uid,
		e->gid, ctx, err);
	if (r == 0)
		r = extra_whole_path(e->path, &path, err);
	return r < 0 ? r : remember(image, e, path, &none, err);
}

/* A layer of its own. */
static int add_file(struct image *image, const struct image_extra *e,
	const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(destroy_writer) struct tar_out *w = NULL;
	struct image_layer *layer = NULL;
	int fd = -1, r = tar_out_begin(&w, err);

	if (r == 0)
		r = write_file(image, w, e, ctx, err);
	if (r == 0)
		r = extra_reserve(image, 1, err);
	if (r == 0)
		r = extra_next(image, &layer, err);
	if (r == 0)
		r = tar_out_end(w, &fd, err);
	if (r == 0)
		r = extra_use_file(layer, fd, err);
	return r < 0 ? err_wrap(err, "--add %s", quote(e->path).s) : 0;
}

static int add_layer(struct image *image, const struct image_options *o,
	const struct image_extra *e, const struct ctx *ctx, struct o2r_err *err)
{
	struct digest manifest;
	char *path;
	int r = extra_layer_add(image, e, o, ctx, &path, &manifest, err);

	if (r == 0 && path)
		return remember(image, e, path, &manifest, err);
	free(path);
	if (r < 0)
		return err_wrap(err, "--layer %s", quote(e->path).s);
	/* it is gone, and with it all that this image can be made of again */
	free(image->absolute);
	image->absolute = NULL;
	return 0;
}

int extra_add(struct image *image, const struct image_options *o, const struct ctx *ctx,
	struct o2r_err *err)
{
	int r = 0;

	if (!o || !o->extra_count)
		return 0;
	image->extras = calloc(o->extra_count, sizeof(*image->extras));
	if (!image->extras)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < o->extra_count; i++)
		r = o->extras[i].kind == EXTRA_FILE
			    ? add_file(image, &o->extras[i], ctx, err)
			    : add_layer(image, o, &o->extras[i], ctx, err);
	return r;
}
