#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "blob/decoder.h"
#include "blob/hasher.h"
#include "blob/stream_impl.h"

enum {
	IN_SLOT_MAX = 256 << 10,
	IN_SLOTS = 5,
	OUT_SLOT_MAX = 1 << 20,
	OUT_SLOTS = 3,
};

struct scan {
	const struct blob *blob;
	const struct stream_sink *sink;
	const struct ctx *ctx;
	_Atomic uint64_t *bytes_done;
	struct stream *stream;
	struct decoder *decoder; /* NULL: plain */
	struct hasher *hasher;
	struct hasher_slot *out;  /* being filled */
	size_t in_size, out_size; /* of a slot */
	uint64_t in_off;          /* blob bytes read */
	uint64_t out_off;         /* decoded bytes handed over */
	uint64_t next;            /* decoded offset from which a checkpoint is wanted */
	struct decoder_io io;
};

/* Hand n decoded bytes of the current slot to the hasher and to the sink. */
static int hand_over(struct scan *s, size_t n, struct o2r_err *err)
{
	uint64_t most = s->ctx->limits.layer_bytes;
	const unsigned char *p = s->out->data;
	int r = ctx_check(s->ctx, err);

	if (r < 0 || !n)
		return r;
	if (n > most - MIN(s->out_off, most))
		return err_corrupt(err,
			"decoded layer is larger than %llu bytes (raise it with "
			"--limit layer-bytes=N)",
			(unsigned long long)most);
	s->out_off += n;
	hasher_put(s->hasher, &s->hasher->decoded, n);
	return s->sink ? s->sink->data(s->sink->arg, p, n, err) : 0;
}

static int next_out(struct scan *s, struct o2r_err *err)
{
	int r = hasher_slot(s->hasher, &s->hasher->decoded, &s->out, err);

	s->io.out = s->out->data;
	s->io.out_left = s->out_size;
	return r;
}

static int read_blob(struct scan *s, unsigned char *p, size_t n, struct o2r_err *err)
{
	int r = ctx_check(s->ctx, err);

	if (r == 0)
		r = blob_pread_early(s->blob, p, n, s->in_off, err);
	if (r < 0)
		return r;
	s->in_off += n;
	if (s->bytes_done)
		atomic_fetch_add_explicit(s->bytes_done, n, memory_order_relaxed);
	return 0;
}

static int next_in(struct scan *s, struct o2r_err *err)
{
	struct hasher_slot *slot;
	size_t n = (size_t)MIN(s->blob->size - s->in_off, s->in_size);
	int r = hasher_slot(s->hasher, &s->hasher->blob, &slot, err);

	if (r == 0)
		r = read_blob(s, slot->data, n, err);
	if (r < 0)
		return r;
	s->io.in = slot->data;
	s->io.in_left = n;
	/* the decoder is done with it before the next slot is asked for */
	hasher_put(s->hasher, &s->hasher->blob, n);
	return 0;
}

/* Take a checkpoint if one is due and the decoder can give one here. */
static void note_checkpoint(struct scan *s)
{
	uint64_t pos = s->out_off + (s->out_size - s->io.out_left);
	struct hasher_slot *slot = s->out;

	s->io.pause = pos >= s->next;
	if (!s->io.pause || slot->has_state || !decoder_can_save(s->decoder))
		return;
	slot->has_state = true;
	slot->state_out = pos;
	slot->state_in = s->decoder->in_pos;
	slot->state_n = decoder_save(s->decoder, slot->state);
	s->next = pos + s->stream->span;
	s->io.pause = false;
}

static int decode(struct scan *s, struct o2r_err *err)
{
	int r = next_out(s, err);

	while (r == 0) {
		r = decoder_run(s->decoder, &s->io, err);
		if (r < 0)
			break;
		note_checkpoint(s);
		if (!s->io.out_left) {
			r = hand_over(s, s->out_size, err);
			if (r == 0)
				r = next_out(s, err);
		} else if (!s->io.in_left && s->in_off < s->blob->size) {
			r = next_in(s, err);
		} else if (!s->io.in_left) {
			r = decoder_end(s->decoder, err);
			return r < 0 ? r
				     : hand_over(s, s->out_size - s->io.out_left, err);
		}
	}
	return r;
}

static int copy_plain(struct scan *s, struct o2r_err *err)
{
	int r = 0;

	while (r == 0 && s->in_off < s->blob->size) {
		size_t n = (size_t)MIN(s->blob->size - s->in_off, s->out_size);

		r = next_out(s, err);
		if (r == 0)
			r = read_blob(s, s->out->data, n, err);
		if (r == 0)
			r = hand_over(s, n, err);
	}
	return r;
}

static int check_digest(const struct digest *want, const struct digest *is,
	const char *what, struct o2r_err *err)
{
	if (want->algo == DIGEST_NONE || digest_equal(want, is))
		return 0;
	return err_corrupt(err, "%s has the digest %s, not %s", what, digest_format(is).s,
		digest_format(want).s);
}

/* A blob that arrived wrong is the reason for whatever else went wrong with its bytes; r
 * is what the scan says. */
static int confirm(const struct scan *s, int r, struct o2r_err *err)
{
	struct o2r_err why = {0};

	if (r < 0 && err && err->cls != ERR_CORRUPT)
		return r;

	int ready = blob_ready(s->blob, &why);

	if (ready < 0 && err)
		*err = why;
	return ready < 0 ? ready : r;
}

static int run(struct scan *s, const struct stream_expect *expect, struct o2r_err *err)
{
	CLEANUP(hash_crew_finish) struct hash_crew own = {0};
	CLEANUP(hasher_finish) struct hasher hasher;
	struct stream *st = s->stream;
	enum digest_algo blob = expect->blob_digest.algo, diff = expect->diff_id.algo;
	struct hasher_sizes sizes = {
		.decoded_slot = s->out_size, .decoded_slots = OUT_SLOTS};

	if (s->decoder) {
		sizes.blob_slot = s->in_size;
		sizes.blob_slots = IN_SLOTS;
		sizes.state = s->decoder->save_max;
	}
	if (diff == DIGEST_NONE)
		diff = DIGEST_SHA256;

	/* two digests of the same bytes are one; and its maker's may be none of ours */
	bool shared = !s->decoder && blob == diff;
	bool checked = blob_checks(s->blob);

	hash_crew_init(&own, expect->crew ? 0 : 1);

	int r = hasher_init(&hasher, st, expect->crew ? expect->crew : &own, &sizes,
		shared || checked ? DIGEST_NONE : blob, diff, err);

	s->hasher = &hasher;
	if (r == 0)
		r = s->decoder ? decode(s, err) : copy_plain(s, err);
	if (r == 0)
		r = hasher_end(&hasher, err);
	if (checked)
		r = confirm(s, r, err);
	if (r < 0)
		return r;
	st->size = s->out_off;
	if (shared)
		st->blob_digest = st->diff_id;
	else if (checked)
		st->blob_digest = expect->blob_digest;
	r = check_digest(&expect->blob_digest, &st->blob_digest, "blob", err);
	if (r < 0)
		blob_doubt(s->blob, true);
	return r < 0 ? r
		     : check_digest(&expect->diff_id, &st->diff_id, "decoded layer", err);
}

static int tell_codec(const struct blob *blob, const struct stream_expect *expect,
	enum codec *out, struct o2r_err *err)
{
	unsigned char magic[4];
	size_t n = (size_t)MIN(blob->size, sizeof(magic));
	int r = blob_pread_early(blob, magic, n, 0, err);

	if (r < 0)
		return r;

	enum codec codec = codec_detect(magic, n);

	if (expect->codec >= 0 && (int)codec != expect->codec)
		return err_corrupt(err, "blob is %s, but its media type says %s",
			codec_name(codec), codec_name((enum codec)expect->codec));
	*out = codec;
	return 0;
}

static void cleanup_decoder(struct decoder **d)
{
	decoder_destroy(*d);
}

static void cleanup_stream(struct stream **s)
{
	stream_destroy(*s);
}

/* A power of two, so that slots end where spans do; small blobs need small ones. */
static void choose_slots(struct scan *s)
{
	s->in_size = (size_t)MIN(s->blob->size, IN_SLOT_MAX);
	s->out_size = (size_t)MIN(s->stream->span, OUT_SLOT_MAX);
	while (s->out_size > STREAM_PIECE && s->out_size / 16 > s->blob->size)
		s->out_size /= 2;
}

static int scan_stream(
	struct scan *s, const struct stream_expect *expect, struct o2r_err *err)
{
	CLEANUP(cleanup_decoder) struct decoder *decoder = NULL;
	struct stream *st = s->stream;
	struct decoder_options options = {
		.zlib = st->zlib, .verify = true, .limits = s->ctx->limits};
	int r = tell_codec(s->blob, expect, &st->codec, err);

	if (r < 0 && blob_checks(s->blob))
		r = confirm(s, r, err);
	if (r == 0 && st->codec != CODEC_PLAIN)
		r = decoder_create(st->codec, &options, &decoder, err);
	if (r < 0)
		return r;
	s->decoder = decoder;
	choose_slots(s);
	s->next = st->span;
	r = run(s, expect, err);
	checkpoints_seal(&st->checkpoints);
	return r;
}

int stream_scan(const struct blob *blob, const struct stream_expect *expect,
	const struct stream_sink *sink, const struct ctx *ctx,
	_Atomic uint64_t *bytes_done, struct stream **out, struct o2r_err *err)
{
	uint64_t span = expect->span ? expect->span : STREAM_SPAN;
	CLEANUP(cleanup_stream) struct stream *st = NULL;
	struct scan s = {
		.blob = blob, .sink = sink, .ctx = ctx, .bytes_done = bytes_done};

	if (span < STREAM_PIECE || (span & (span - 1)))
		return err_set(err, ERR_USAGE, EINVAL,
			"a span of %llu bytes is not a power of two of at least %d",
			(unsigned long long)span, STREAM_PIECE);
	st = calloc(1, sizeof(*st));
	if (!st)
		return err_nomem(err);
	st->blob = blob;
	st->span = span;
	st->zlib = expect->zlib;
	checkpoints_init(&st->checkpoints, expect->index_budget);
	s.stream = st;

	int r = scan_stream(&s, expect, err);

	/* or it was never right: then looking once more does no harm */
	if (r == -EBADMSG)
		blob_doubt(blob, false);
	if (r == 0)
		*out = STEAL(st);
	return r;
}
