#include "blob/hasher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/vec.h"

static size_t queued(const struct hasher_ring *r)
{
	return (size_t)(r->put - r->got);
}

static struct hasher_slot *slot_at(struct hasher_ring *r, uint64_t i)
{
	return &r->slot[i % r->count];
}

/* What is left of the oldest slot; nothing when the ring is empty. */
static size_t pending(struct hasher_ring *r, const unsigned char **p)
{
	if (!queued(r))
		return 0;

	struct hasher_slot *s = slot_at(r, r->got);

	*p = s->data + r->done;
	return s->n - r->done;
}

/* Decoded slots begin at multiples of the piece, and only the last one ends elsewhere. */
static int note_pieces(struct hasher *h, const struct hasher_slot *s, struct o2r_err *err)
{
	struct stream *st = h->stream;
	size_t more = DIV_ROUND_UP(s->n, STREAM_PIECE);

	if (VEC_RESERVE(st->crcs, st->n_crcs, st->cap_crcs, more, SIZE_MAX / 8) < 0)
		return err_nomem(err);
	for (size_t off = 0; off < s->n; off += STREAM_PIECE)
		st->crcs[st->n_crcs++] =
			crc32c(~0u, s->data + off, MIN(s->n - off, STREAM_PIECE));
	return 0;
}

static int finish_decoded(struct hasher *h, const struct hasher_slot *s)
{
	int r = note_pieces(h, s, &h->err);

	if (r == 0 && s->has_state)
		r = checkpoints_add(&h->stream->checkpoints, s->state_out, s->state_in,
			s->state, s->state_n, &h->err);
	return r;
}

/* n bytes of the oldest slot are hashed; true when that was all of it. */
static bool advance(struct hasher_ring *r, size_t n)
{
	r->done += n;
	if (r->done < slot_at(r, r->got)->n)
		return false;
	r->done = 0;
	return true;
}

/*
 * Hash what both rings have, or what one has. Called with the lock held, which is given
 * up meanwhile; the oldest slots are the hasher's alone. The blob's bytes wait for
 * decoded bytes to be paired with, unless `alone`. False: there was nothing to do.
 */
static bool work(struct hasher *h, bool alone)
{
	const unsigned char *b = NULL, *d = NULL;
	bool have_b = queued(&h->blob) > 0, have_d = queued(&h->decoded) > 0;
	size_t nb = pending(&h->blob, &b), nd = pending(&h->decoded, &d);

	if (h->failed || (!have_d && (!have_b || !alone)))
		return false;
	if (have_b && have_d)
		nb = nd = MIN(nb, nd);
	pthread_mutex_unlock(&h->lock);
	if (h->same) {
		b = d;
		nb = nd;
	}

	int r = digester_update2(
		&h->blob.digester, b, nb, &h->decoded.digester, d, nd, &h->err);
	bool end_b = have_b && advance(&h->blob, nb);
	bool end_d = have_d && advance(&h->decoded, nd);

	if (r == 0 && end_d)
		r = finish_decoded(h, slot_at(&h->decoded, h->decoded.got));
	pthread_mutex_lock(&h->lock);
	h->blob.got += end_b;
	h->decoded.got += end_d;
	if (r < 0)
		h->failed = r;
	if (end_b || end_d || r < 0)
		pthread_cond_signal(&h->to_scan);
	return true;
}

static void *hasher_main(void *arg)
{
	struct hasher *h = arg;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		if (work(h, h->starved || h->ended))
			continue;
		if (h->ended || h->failed)
			break;
		pthread_cond_wait(&h->to_hasher, &h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static unsigned char *lay_ring(struct hasher_ring *r, unsigned char *p, unsigned count,
	size_t size, size_t state)
{
	r->count = count;
	for (unsigned i = 0; i < count; i++) {
		r->slot[i].data = p;
		p += size;
		r->slot[i].state = p;
		p += state;
	}
	return p;
}

int hasher_init(struct hasher *h, struct stream *stream, const struct hasher_sizes *sizes,
	enum digest_algo blob, enum digest_algo decoded, struct o2r_err *err)
{
	size_t state = (sizes->state + 63) & ~(size_t)63;

	*h = (struct hasher){.stream = stream, .same = !sizes->blob_slots};
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->to_hasher, NULL);
	pthread_cond_init(&h->to_scan, NULL);
	h->memory = malloc(sizes->blob_slots * sizes->blob_slot +
			   sizes->decoded_slots * (sizes->decoded_slot + state));
	if (!h->memory)
		return err_nomem(err);

	unsigned char *p =
		lay_ring(&h->blob, h->memory, sizes->blob_slots, sizes->blob_slot, 0);

	lay_ring(&h->decoded, p, sizes->decoded_slots, sizes->decoded_slot, state);

	int r = digester_init(&h->blob.digester, blob, err);

	if (r == 0)
		r = digester_init(&h->decoded.digester, decoded, err);
	if (r < 0)
		return r;
	h->threaded = pthread_create(&h->thread, NULL, hasher_main, h) == 0;
	return 0;
}

static void stop(struct hasher *h, bool abandon)
{
	pthread_mutex_lock(&h->lock);
	h->ended = true;
	if (abandon && !h->failed)
		h->failed = -ECANCELED;
	pthread_cond_signal(&h->to_hasher);
	pthread_mutex_unlock(&h->lock);
	if (h->threaded)
		pthread_join(h->thread, NULL);
	h->threaded = false;
}

void hasher_finish(struct hasher *h)
{
	stop(h, true);
	digester_finish(&h->blob.digester);
	digester_finish(&h->decoded.digester);
	free(h->memory);
	h->memory = NULL;
	pthread_cond_destroy(&h->to_hasher);
	pthread_cond_destroy(&h->to_scan);
	pthread_mutex_destroy(&h->lock);
}

int hasher_slot(struct hasher *h, struct hasher_ring *ring, struct hasher_slot **slot,
	struct o2r_err *err)
{
	int r;

	pthread_mutex_lock(&h->lock);
	while (!h->failed && queued(ring) == ring->count) {
		if (!h->threaded) {
			work(h, true);
			continue;
		}
		h->starved = true;
		pthread_cond_signal(&h->to_hasher);
		pthread_cond_wait(&h->to_scan, &h->lock);
	}
	h->starved = false;
	r = h->failed;
	if (r < 0 && err)
		*err = h->err;
	pthread_mutex_unlock(&h->lock);
	*slot = slot_at(ring, ring->put);
	(*slot)->has_state = false;
	return r;
}

void hasher_put(struct hasher *h, struct hasher_ring *ring, size_t n)
{
	pthread_mutex_lock(&h->lock);
	slot_at(ring, ring->put)->n = n;
	ring->put++;
	pthread_cond_signal(&h->to_hasher);
	pthread_mutex_unlock(&h->lock);
}

int hasher_end(struct hasher *h, struct o2r_err *err)
{
	stop(h, false);
	pthread_mutex_lock(&h->lock);
	while (work(h, true))
		;
	pthread_mutex_unlock(&h->lock);
	if (h->failed) {
		if (err)
			*err = h->err;
		return h->failed;
	}

	int r = digester_final(&h->blob.digester, &h->stream->blob_digest, err);

	return r < 0 ? r : digester_final(&h->decoded.digester, &h->stream->diff_id, err);
}
