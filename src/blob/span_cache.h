/*
 * Span cache: random access to the decoded bytes of several streams at once. Worker
 * threads decode; callers queue what they want and are called back, so that a thread that
 * serves a filesystem never decodes. Decoded spans are kept in bounded memory, least
 * recently used ones go first.
 *
 * - A span is what lies between two checkpoints. It is decoded once however many wait for
 *   it, and who waits is served as soon as the pieces (STREAM_PIECE) that he needs are
 *   there and checked.
 * - Decoding stops behind the last piece that somebody wants; a later want goes on from
 *   there.
 * - When a reader has gone forwards through two spans of a stream, the next ones are
 *   decoded ahead, by workers that have nothing else to do.
 * - Plain streams are read by pread and checked, without the cache; from the page cache
 *   on the caller's thread, otherwise by a worker.
 * - A stream without random access (a zstd frame larger than a few spans) is decoded
 *   once, forwards, into a file (docs/decoding.md), from which all reads are served.
 * - What fails is told to whoever needs those pieces, and tried again for the next one:
 *   a blob may be back. Pieces that were good stay good.
 *
 * Threads are started when there is work for them: a process may fork between making a
 * cache and its first fetch. All functions may be called from any thread, except create
 * and destroy.
 */
#ifndef O2R_BLOB_SPAN_CACHE_H
#define O2R_BLOB_SPAN_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/ctx.h"
#include "blob/stream.h"

enum {
	SPAN_CACHE_MEMORY = 64 << 20, /* the default */
};

struct span_cache;

struct span_cache_options {
	/* bytes of decoded spans, 0: the default; at least a few spans. Besides, each
	 * worker and a few more decoders take half a megabyte, zstd ones their window. */
	uint64_t memory;
	unsigned threads; /* workers; 0: ctx->threads */
	/*
	 * Where the decoded copy of stream number `stream` is kept: open returns 1 and a
	 * descriptor of a whole copy, 0 and one of an empty file to fill, or a negative
	 * errno; `whole` is told when that is full. NULL: an unlinked temporary file. The
	 * cache owns the descriptors. Called from workers.
	 */
	int (*open)(void *arg, unsigned stream, int *fd, struct o2r_err *err);
	void (*whole)(void *arg, unsigned stream, int fd);
	/* A copy that open or whole had to do with turned out to be damaged: it is not to
	 * be given out again. The next call for the stream is open. May be NULL. */
	void (*bad)(void *arg, unsigned stream);
	void *arg;
};

/* streams[0 .. count) are borrowed and outlive the cache; some may be NULL and are then
 * not asked for. */
int span_cache_create(struct stream *const *streams, unsigned count,
	const struct span_cache_options *o, const struct ctx *ctx,
	struct span_cache **out, struct o2r_err *err) O2R_MUST_CHECK;
/* Whoever still waits gets -ECANCELED first, on this thread. NULL is fine. */
void span_cache_destroy(struct span_cache *c);

/* n decoded bytes of a stream from off, wanted at dst. */
struct span_part {
	uint64_t off;
	unsigned char *dst;
	size_t n;
	unsigned stream;
};

/*
 * Fetch all parts. `done` is called exactly once: with 0 when all bytes are at their
 * place, or with a negative errno and the error (which names no stream), on this thread
 * before the return or on a worker. parts are copied; what dst points to must live until
 * then.
 */
void span_cache_fetch(struct span_cache *c, const struct span_part *parts, unsigned count,
	void (*done)(void *arg, int status, const struct o2r_err *err), void *arg);

/*
 * The same, without copying what can be lent: with 0, `done` is told where the bytes are,
 * in v[0 .. n) in the order of the parts, until it returns: at the parts' dst or in the
 * cache. It holds up a worker, and must not wait for another fetch.
 */
void span_cache_lend(struct span_cache *c, const struct span_part *parts, unsigned count,
	void (*done)(void *arg, int status, const struct iovec *v, unsigned n,
		const struct o2r_err *err),
	void *arg);

/* The same, waiting. */
int span_cache_read(struct span_cache *c, const struct span_part *parts, unsigned count,
	struct o2r_err *err) O2R_MUST_CHECK;

struct span_cache_counters {
	/* entered by a decoder; going on in one counts no more, a copy counts once */
	uint64_t decoded_spans;
	uint64_t decoded_bytes; /* skipped ones too */
	uint64_t plain_bytes;   /* read from plain streams and decoded copies */
	uint64_t hits;          /* reads of one span that was kept */
	uint64_t ahead_spans;   /* of decoded_spans: before anybody asked */
	uint64_t failed;        /* fetches that failed */
};
void span_cache_counters(struct span_cache *c, struct span_cache_counters *out);

#endif
