/*
 * An image in a registry, or in the store that was filled from one: the part of
 * image_open for names. Without libcurl (-Dregistry=disabled) registry_none.c says so.
 */
#ifndef O2R_SOURCES_REGISTRY_REGISTRY_H
#define O2R_SOURCES_REGISTRY_REGISTRY_H

#include "sources/image.h"
#include "sources/name.h"
#include "sources/select.h"

/*
 * Fills *image (zero-initialised but for its reference), which owns what its blobs need.
 * want->tag and want->index are not looked at. A manifest that is wanted by its digest
 * and stands in the store needs no request; a tag is asked for (one GET), and what it
 * names is noted in the store for --offline. Errors are those of image_open, and ACCESS.
 */
int registry_open(struct image *image, const struct name *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
