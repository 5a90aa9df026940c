/* One --layer of the user: a directory, an archive of any format, or the layers of an
 * image. */
#ifndef O2R_SOURCES_EXTRA_LAYER_H
#define O2R_SOURCES_EXTRA_LAYER_H

#include "sources/image.h"

/*
 * Appends its layers to the image. *path (malloc'd) becomes what means the same from any
 * directory, NULL when that is nothing; *manifest the image's, if it is one. Errors do
 * not name it.
 */
int extra_layer_add(struct image *image, const struct image_extra *e,
	const struct image_options *o, const struct ctx *ctx, char **path,
	struct digest *manifest, struct o2r_err *err) O2R_MUST_CHECK;

/* Room for `count` more layers. */
int extra_reserve(
	struct image *image, unsigned count, struct o2r_err *err) O2R_MUST_CHECK;
/* The next of them, without content yet. */
int extra_next(struct image *image, struct image_layer **out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* All of a file, which is taken over. */
int extra_use_file(struct image_layer *layer, int fd, struct o2r_err *err) O2R_MUST_CHECK;

/* Open for reading, without waiting for whoever is to write; of any type. */
int extra_open(const char *path, struct stat *st, struct o2r_err *err) O2R_MUST_CHECK;
/* realpath, malloc'd. */
int extra_whole_path(const char *path, char **out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
