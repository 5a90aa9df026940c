#include "blob/hasher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/vec.h"
#include "blob/piece_sum.h"

/* Decoded slots begin at multiples of the piece, and only the last one ends elsewhere. */
static int note_pieces(
	struct stream *st, const struct hasher_slot *s, struct o2r_err *err)
{
	size_t more = DIV_ROUND_UP(s->n, STREAM_PIECE);

	if (VEC_RESERVE(st->crcs, st->n_crcs, st->cap_crcs, more, SIZE_MAX / 8) < 0)
		return err_nomem(err);
	for (size_t off = 0; off < s->n; off += STREAM_PIECE)
		st->crcs[st->n_crcs++] =
			piece_sum(s->data + off, MIN(s->n - off, STREAM_PIECE));
	return 0;
}

int hasher_slot_hashed(struct hasher_ring *ring, struct o2r_err *err)
{
	struct hasher *h = ring->owner;
	const struct hasher_slot *s = hasher_oldest(ring);

	if (ring != &h->decoded)
		return 0;

	int r = note_pieces(h->stream, s, err);

	/* a plain layer whose two digests are of different algorithms: one ring for both
	 */
	if (r == 0 && !h->blob.count)
		r = digester_update(&h->blob.digester, s->data, s->n, err);
	if (r == 0 && s->has_state)
		r = checkpoints_add(&h->stream->checkpoints, s->state_out, s->state_in,
			s->state, s->state_n, err);
	return r;
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

static void join(struct hasher *h)
{
	pthread_mutex_lock(&h->crew->lock);
	h->next = h->crew->hashers;
	h->crew->hashers = h;
	pthread_mutex_unlock(&h->crew->lock);
}

static void leave(struct hasher *h)
{
	struct hasher **p = &h->crew->hashers;

	pthread_mutex_lock(&h->crew->lock);
	if (!h->failed)
		h->failed = -ECANCELED;
	while (h->blob.busy || h->decoded.busy)
		pthread_cond_wait(&h->to_scan, &h->crew->lock);
	while (*p && *p != h)
		p = &(*p)->next;
	if (*p)
		*p = h->next;
	pthread_mutex_unlock(&h->crew->lock);
}

int hasher_init(struct hasher *h, struct stream *stream, struct hash_crew *crew,
	const struct hasher_sizes *sizes, enum digest_algo blob, enum digest_algo decoded,
	struct o2r_err *err)
{
	size_t state = (sizes->state + 63) & ~(size_t)63;

	*h = (struct hasher){.stream = stream, .crew = crew};
	h->blob.owner = h->decoded.owner = h;
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
	if (r == 0)
		join(h);
	return r;
}

void hasher_finish(struct hasher *h)
{
	leave(h);
	digester_finish(&h->blob.digester);
	digester_finish(&h->decoded.digester);
	free(h->memory);
	h->memory = NULL;
	pthread_cond_destroy(&h->to_scan);
}

/* With the lock held: let the crew get on, or be the crew where there is none. */
static void wait_for_crew(struct hasher *h)
{
	h->waits = true;
	pthread_cond_signal(&h->crew->to_crew);
	if (h->crew->threads || !hash_crew_work(h->crew))
		pthread_cond_wait(&h->to_scan, &h->crew->lock);
	h->waits = false;
}

int hasher_slot(struct hasher *h, struct hasher_ring *ring, struct hasher_slot **slot,
	struct o2r_err *err)
{
	int r;

	pthread_mutex_lock(&h->crew->lock);
	while (!h->failed && ring->put - ring->got == ring->count)
		wait_for_crew(h);
	r = h->failed;
	if (r < 0 && err)
		*err = h->err;
	pthread_mutex_unlock(&h->crew->lock);
	*slot = &ring->slot[ring->put % ring->count];
	(*slot)->has_state = false;
	return r;
}

void hasher_put(struct hasher *h, struct hasher_ring *ring, size_t n)
{
	pthread_mutex_lock(&h->crew->lock);
	ring->slot[ring->put % ring->count].n = n;
	ring->put++;
	pthread_cond_signal(&h->crew->to_crew);
	pthread_mutex_unlock(&h->crew->lock);
}

static bool is_drained(const struct hasher_ring *r)
{
	return !r->busy && r->put == r->got;
}

int hasher_end(struct hasher *h, struct o2r_err *err)
{
	int r;

	pthread_mutex_lock(&h->crew->lock);
	while (!h->failed && !(is_drained(&h->blob) && is_drained(&h->decoded)))
		wait_for_crew(h);
	r = h->failed;
	if (r < 0 && err)
		*err = h->err;
	pthread_mutex_unlock(&h->crew->lock);
	if (r == 0)
		r = digester_final(&h->blob.digester, &h->stream->blob_digest, err);
	return r < 0 ? r : digester_final(&h->decoded.digester, &h->stream->diff_id, err);
}
