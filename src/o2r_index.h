/*
 * The kept index of a layer: what a scan noted about its blob (blob/stream_pack.h,
 * fs/layer_pack.h), in the cache folder under the blob's digest, so that the next run
 * need not scan. docs/cache.md says when it is believed.
 *
 * Nothing that is wrong with the cache fails an operation: it is said once, and the layer
 * is scanned. Functions may be called from several threads for different layers.
 */
#ifndef O2R_INDEX_H
#define O2R_INDEX_H

#include <time.h>

#include "fs/layer.h"
#include "handle.h"

struct index_layer {
	struct o2r_image *image;
	unsigned number;  /* of the layer, the lowest is 0 */
	const char *name; /* for messages */
};

/* The cache folder of an image: opened when first asked for, NULL when none is used. Not
 * for several threads at once before o2r_image_load has returned. */
struct store *o2r_image_store(struct o2r_image *image);
/* Open it now, to hear what is wrong with it. At most once. */
int o2r_image_open_store(struct o2r_image *image, struct o2r_err *err) O2R_MUST_CHECK;

/* Whether there is a kept index that o2r_index_get would try. */
bool o2r_index_has(const struct index_layer *il);

/*
 * 1: layer and stream are what a scan would have made, and the blob is the one that they
 * were made of; 0: there is no index that can be used. An error is the blob's (CORRUPT:
 * it is not what its digest says), memory's or an interruption. *bytes_done grows by the
 * blob's size.
 */
int o2r_index_get(const struct index_layer *il, _Atomic uint64_t *bytes_done,
	struct layer *layer, struct stream **stream, struct o2r_err *err) O2R_MUST_CHECK;

/* Keep what a scan that began at `began` noted. *stream is replaced by one that has its
 * decoder states in the kept file. */
void o2r_index_put(const struct index_layer *il, const struct timespec *began,
	const struct layer *layer, struct stream **stream);

/* Before the streams go: an index that turned out to be damaged when its states were
 * wanted is not kept. */
void o2r_index_end(struct o2r_image *image);

#endif
