/*
 * What a scan noted about a stream, kept in a pack (base/pack.h) so that another process
 * needs no scan: sizes, digests, the checksum of each piece, the checkpoints.
 *
 * Decoder states are loaded when a reader needs them, from the pack's file, each checked
 * against its own SHA-256 before it is used: one that does not check is passed over, and
 * stream_index_damaged tells. The pack names the inflate library, its build and the size
 * of its state; one of another library, kind of checksum or span is of no use and class
 * CORRUPT with the code -ESTALE.
 */
#ifndef O2R_BLOB_STREAM_PACK_H
#define O2R_BLOB_STREAM_PACK_H

#include "base/pack.h"
#include "blob/stream.h"

/* The scan was told the blob's digest (otherwise it has none). */
int stream_pack(const struct stream *s, struct pack_writer *w,
	struct o2r_err *err) O2R_MUST_CHECK;

/*
 * The stream of a blob, as stream_scan would make it. fd is the pack's; the stream keeps
 * a duplicate. expect says what the digests, the codec and the span must be; the blob's
 * size must be that of the scanned one. The content of the blob is not looked at: whether
 * it is still the one that was scanned is for the caller to know.
 */
int stream_unpack(struct pack_reader *p, const struct blob *blob,
	const struct stream_expect *expect, const struct ctx *ctx, struct stream **out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
