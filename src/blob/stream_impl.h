/* What a stream is made of, for scan.c, stream.c and reader.c. */
#ifndef O2R_BLOB_STREAM_IMPL_H
#define O2R_BLOB_STREAM_IMPL_H

#include "blob/checkpoints.h"
#include "blob/stream.h"

struct stream {
	const struct blob *blob;
	enum codec codec;
	bool unchecked; /* there are no crcs: the blob vouches for itself */
	bool zlib;      /* which implementation the checkpoints are of */
	uint64_t span;
	uint64_t size; /* decoded bytes */
	struct digest blob_digest, diff_id;
	uint32_t *crcs; /* of each piece, see piece_sum.h */
	size_t n_crcs, cap_crcs;
	struct checkpoints checkpoints;
};

#endif
