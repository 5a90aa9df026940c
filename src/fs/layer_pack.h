/*
 * A layer's entries, kept in a pack (base/pack.h). What is read back passes the same
 * checks as what a tar reader delivers (layer.h states them): a pack cannot say what an
 * archive could not.
 */
#ifndef O2R_FS_LAYER_PACK_H
#define O2R_FS_LAYER_PACK_H

#include "base/ctx.h"
#include "base/pack.h"
#include "fs/layer.h"

int layer_pack(
	const struct layer *l, struct pack_writer *w, struct o2r_err *err) O2R_MUST_CHECK;

/* Fills an empty layer. decoded_size: of the layer's stream, in which all data lies. */
int layer_unpack(struct pack_reader *p, uint64_t decoded_size, const struct ctx *ctx,
	struct layer *l, struct o2r_err *err) O2R_MUST_CHECK;

#endif
