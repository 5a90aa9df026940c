/*
 * Stream: the decoded bytes of one layer blob. It is made by one pass from front to back
 * (stream_scan) that computes both digests, hands the decoded bytes to a consumer, and
 * notes what random access needs: checkpoints at exact multiples of the span size, and a
 * checksum for each piece of 64 KiB of decoded bytes. Afterwards any span can be decoded
 * by itself, by any thread (stream_reader), and no byte is handed out whose piece does
 * not have the checksum noted by the scan. Checkpoints
 * stand at exact span boundaries where gzip is decoded by ISA-L, at the next block end
 * where zlib does it, and at frame starts of zstd: the reader makes up the difference.
 *
 * The stream borrows its blob, which must outlive it. After the scan it is immutable.
 */
#ifndef O2R_BLOB_STREAM_H
#define O2R_BLOB_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"
#include "blob/blob.h"
#include "blob/codec.h"

enum {
	STREAM_PIECE = 64 << 10, /* unit of verification, decoded bytes */
	STREAM_SPAN = 1 << 20,   /* the default span (docs/decoding.md) */
};

struct stream;
struct hash_crew;

/* Where decoded bytes go while scanning, in order, in chunks of any size. */
struct stream_sink {
	int (*data)(void *arg, const void *p, size_t n, struct o2r_err *err);
	void *arg;
};

struct stream_expect {
	struct digest blob_digest; /* DIGEST_NONE: not checked. For a blob that checks
				      itself (blob_checks) it is waited for */
	struct digest diff_id;     /* DIGEST_NONE: not checked, SHA-256 is computed */
	int codec;                 /* enum codec, or -1: whatever the magic bytes say */
	uint64_t span; /* decoded bytes between checkpoints: a power of two of at least
			  STREAM_PIECE, 0: the default */
	bool zlib;     /* gzip by zlib even where ISA-L is built in */
	/* Bytes of checkpoints that may be kept in memory, shared by all streams given
	 * the same one (and not given back); the rest goes to an unlinked file. NULL: 16
	 * MiB. */
	_Atomic uint64_t *index_budget;
	/* Whose threads compute the digests; several scans at once share one. NULL: a
	 * thread of this scan's own. */
	struct hash_crew *crew;
};

/*
 * Read, verify and index the whole blob. Decoding and the sink run on
 * the calling thread, digests on the crew's, with bounded buffers between them. Errors
 * (class CORRUPT unless the system failed): digest or diff_id mismatch, bad CRC or length
 * in a gzip trailer, truncation, bytes after the last member or frame, more than
 * limits.layer_bytes, a codec that is not the expected one, a zstd window over
 * limits.zstd_window. An error of the sink is passed on unchanged; the digest is not
 * known then. *bytes_done, when given, grows with the blob bytes consumed (for progress,
 * read by other threads).
 */
int stream_scan(const struct blob *blob, const struct stream_expect *expect,
	const struct stream_sink *sink, const struct ctx *ctx,
	_Atomic uint64_t *bytes_done, struct stream **out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* The bytes of a blob as they are, not checked by anybody but the blob itself (files.h).
 * id: what stream_diff_id is to say. */
int stream_of(const struct blob *blob, const struct digest *id, struct stream **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void stream_destroy(struct stream *s);

uint64_t stream_size(const struct stream *s); /* decoded bytes */
uint64_t stream_span(const struct stream *s); /* decoded bytes between checkpoints */
enum codec stream_codec(const struct stream *s);
const struct digest *stream_blob_digest(const struct stream *s);
const struct digest *stream_diff_id(const struct stream *s);
/* Bytes held in memory, and in the unlinked spill file, for random access. */
uint64_t stream_index_memory(const struct stream *s);
uint64_t stream_index_spilled(const struct stream *s);

/*
 * Decoder for spans of one stream; owned by one thread, many may work on one stream.
 * Going forward from where the last read ended needs no checkpoint and decodes nothing
 * twice. A gzip stream restarts at any checkpoint; a zstd one at frame starts only (a
 * single-frame stream is decoded forward from its start).
 */
struct stream_reader;

int stream_reader_create(const struct stream *s, const struct ctx *ctx,
	struct stream_reader **out, struct o2r_err *err) O2R_MUST_CHECK;
void stream_reader_destroy(struct stream_reader *r);

/*
 * Decode exactly [off, off + n); off is a multiple of STREAM_PIECE, and so is n unless
 * the range ends at the end of the stream. Every piece is checked against its checksum.
 * Class CORRUPT when the blob no longer holds what was scanned.
 */
int stream_reader_read(struct stream_reader *r, uint64_t off, void *buf, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Where the reader stands, so that going on from there costs least; UINT64_MAX: nowhere.
 */
uint64_t stream_reader_at(const struct stream_reader *r);
/* Bytes of memory, about. */
size_t stream_reader_memory(const struct stream_reader *r);
/* Bytes decoded so far, those on the way to what was asked for too. */
uint64_t stream_reader_decoded(const struct stream_reader *r);

/* Whether a decoder state could not be used since; reads went on from an earlier one, or
 * from the start. Only those of a stream from a pack (stream_pack.h) may be damaged. */
bool stream_index_damaged(const struct stream *s);

/* For the bytes of files that stand somewhere as they are (stream_of, files.h): */
bool stream_is_files(const struct stream *s);
/* Which file decoded byte off is in, as files_locate tells it. */
int stream_locate(const struct stream *s, uint64_t off, int *fd, uint64_t *fd_off,
	uint64_t *len, struct o2r_err *err) O2R_MUST_CHECK;
/* After bytes were taken from there: is it still the file that was added? */
int stream_locate_check(
	const struct stream *s, uint64_t off, int fd, struct o2r_err *err) O2R_MUST_CHECK;
/* The name of that file in front of an error. */
void stream_locate_wrap(const struct stream *s, uint64_t off, struct o2r_err *err);

/* 1 when the stream can restart at (or at a checkpoint just before) any span, 0 when a
 * range can only be reached by decoding everything before it (single-frame zstd). */
int stream_is_seekable(const struct stream *s);

#endif
