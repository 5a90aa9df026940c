/*
 * The directories of overlay storage drivers (Docker's overlay2, containers-storage's
 * overlay): a layer is a directory ID with its files in ID/diff, its short name in
 * ID/link, and the layers below in ID/lower, nearest first, by their short names (l/SHORT
 * is a link to ../ID/diff).
 */
#ifndef O2R_SOURCES_OVERLAY_DIR_H
#define O2R_SOURCES_OVERLAY_DIR_H

#include "sources/image.h"

/* Is this a layer's directory: diff is there, and link or lower beside it? */
bool overlay_dir_is(int fd);

/* Why a directory of a store could not be opened by open_beneath. */
int overlay_dir_failed(
	int errnum, const char *path, const char *name, struct o2r_err *err);

/* image->layers[number] is ID/below (below NULL: ID) of the driver's directory; path: of
 * that, for messages. id is checked: no slash, no dots in front. */
int overlay_dir_layer(struct image *image, unsigned number, int driver, const char *path,
	const char *id, const char *below, const struct dir_rules *rules,
	struct o2r_err *err) O2R_MUST_CHECK;

/* An image of the directory at path and those below it, by its `lower`: reference
 * overlay:DIR. CORRUPT: malformed, dangling, twice the same, leads outside. */
int overlay_dir_open(struct image *image, const char *path,
	const struct platform *platform, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
