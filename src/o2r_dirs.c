#include "o2r_dirs.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "fs/dir_index.h"

static void cleanup_files(struct files **f)
{
	files_destroy(*f);
}

/* The layers from `number` down, if all of them are directories. */
static int index_stack(struct o2r_image *image, unsigned number, struct layer *layer,
	struct files **files, struct digest *identity, struct o2r_err *err)
{
	AUTO_FREE const struct dir_layer **stack =
		calloc(number + 1, sizeof(const struct dir_layer *));
	struct o2r_err alone = *err;

	if (!stack)
		return err_nomem(err);
	for (unsigned i = 0; i <= number; i++) {
		stack[i] = image->image->layers[number - i].dir;
		if (!stack[i]) {
			*err = alone;
			return -EXDEV;
		}
	}
	return dir_overlay(stack, number + 1, &image->ctx, layer, files, identity, err);
}

int o2r_dirs_index(struct o2r_image *image, unsigned number, struct layer *layer,
	struct stream **stream, struct o2r_err *err)
{
	CLEANUP(cleanup_files) struct files *files = NULL;
	struct image_layer *il = &image->image->layers[number];
	struct digest identity;
	int r = dir_index(il->dir, &image->ctx, layer, &files, &identity, err);

	if (r == -EXDEV && number) {
		layer_finish(layer);
		r = index_stack(image, number, layer, &files, &identity, err);
	}
	if (r < 0)
		return r;
	/* of an image that was loaded in vain before */
	blob_close(&il->blob);
	r = files_blob(STEAL(files), &il->blob, err);
	if (r == 0)
		r = stream_of(&il->blob,
			il->diff_id.algo == DIGEST_NONE ? &identity : &il->diff_id,
			stream, err);
	return r;
}
