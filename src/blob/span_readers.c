/*
 * The pool of decoders. One that is given back keeps its place in its stream, and whoever
 * wants to go on from there gets it: so a span that was left half decoded, or the one
 * behind it, needs no checkpoint.
 */
#include <errno.h>
#include <stdlib.h>

#include "blob/span_impl.h"

static void destroy(struct span_reader *r)
{
	if (!r)
		return;
	stream_reader_destroy(r->reader);
	free(r);
}

static struct span_reader *create(
	struct span_cache *c, struct span_lane *lane, struct o2r_err *err)
{
	struct span_reader *r = calloc(1, sizeof(*r));

	if (!r) {
		err_nomem(err);
		return NULL;
	}
	r->lane = lane;
	if (stream_reader_create(lane->stream, c->ctx, &r->reader, err) < 0) {
		free(r);
		return NULL;
	}
	return r;
}

/* An idle one that stands at pos, or, with any, the one of the lane not used for longest.
 */
static struct span_reader *idle_of(
	struct span_cache *c, const struct span_lane *lane, uint64_t pos, bool any)
{
	for (struct span_link *l = c->readers.next; l != &c->readers; l = l->next) {
		struct span_reader *r = SPAN_OF(l, struct span_reader, link);

		if (r->lane == lane && (any || stream_reader_at(r->reader) == pos))
			return r;
	}
	return NULL;
}

bool span_reader_stands(struct span_cache *c, const struct span_lane *lane, uint64_t pos)
{
	return idle_of(c, lane, pos, false);
}

/* With the lock, which is given up: a new one, in the place of an old one if need be. */
static struct span_reader *another(
	struct span_cache *c, struct span_lane *lane, struct o2r_err *err)
{
	struct span_reader *old = NULL, *r;

	if (c->reader_count < c->reader_most) {
		c->reader_count++;
	} else {
		old = SPAN_OF(c->readers.next, struct span_reader, link);
		span_list_remove(&old->link);
	}
	pthread_mutex_unlock(&c->lock);
	destroy(old);
	r = create(c, lane, err);
	pthread_mutex_lock(&c->lock);
	if (!r)
		c->reader_count--;
	return r;
}

static struct span_reader *take_serial(
	struct span_cache *c, struct span_lane *lane, struct o2r_err *err)
{
	lane->busy = true;
	if (!lane->reader) {
		pthread_mutex_unlock(&c->lock);

		struct span_reader *r = create(c, lane, err);

		pthread_mutex_lock(&c->lock);
		lane->reader = r;
		lane->busy = r != NULL;
	}
	return lane->reader;
}

struct span_reader *span_reader_take(struct span_cache *c, struct span_lane *lane,
	uint64_t pos, bool *there, struct o2r_err *err)
{
	struct span_reader *r = NULL;

	if (lane->serial) {
		r = take_serial(c, lane, err);
	} else {
		r = idle_of(c, lane, pos, false);
		if (!r && c->reader_count == c->reader_most)
			r = idle_of(c, lane, pos, true);
		if (r)
			span_list_remove(&r->link);
		else
			r = another(c, lane, err);
	}
	if (r)
		*there = stream_reader_at(r->reader) == pos;
	return r;
}

/* The next span for a stream's only decoder: one that lies ahead of it, if there is one.
 */
static void unblock(struct span_cache *c, struct span_lane *lane)
{
	uint64_t at = stream_reader_at(lane->reader->reader);
	struct span *best = NULL;

	for (struct span_link *l = lane->blocked.next; l != &lane->blocked; l = l->next) {
		struct span *s = SPAN_OF(l, struct span, job.link);

		if (!best || s->off - at < best->off - at)
			best = s; /* those behind wrap around to far ahead */
	}
	if (best) {
		span_list_remove(&best->job.link);
		span_push(c, &best->job, SPAN_URGENT);
	}
}

/* A zstd decoder may hold megabytes of window: then fewer keep their place. */
static void trim(struct span_cache *c)
{
	struct span_reader *oldest = SPAN_OF(c->readers.next, struct span_reader, link);
	size_t memory = 0;

	for (struct span_link *l = c->readers.next; l != &c->readers; l = l->next)
		memory += SPAN_OF(l, struct span_reader, link)->memory;
	if (memory <= SPAN_PARKED_MEMORY)
		return;
	span_list_remove(&oldest->link);
	c->reader_count--;
	pthread_mutex_unlock(&c->lock);
	destroy(oldest);
	pthread_mutex_lock(&c->lock);
}

void span_reader_put(struct span_cache *c, struct span_reader *r)
{
	struct span_lane *lane = r->lane;

	if (!lane->serial) {
		r->memory = stream_reader_memory(r->reader);
		span_list_add(&c->readers, &r->link);
		trim(c);
		return;
	}
	lane->busy = false;
	unblock(c, lane);
	if (lane->copy_state == COPY_WHOLE) {
		lane->reader = NULL;
		destroy(r);
	}
}

void span_readers_finish(struct span_cache *c)
{
	while (!span_list_empty(&c->readers)) {
		struct span_reader *r =
			SPAN_OF(c->readers.next, struct span_reader, link);

		span_list_remove(&r->link);
		destroy(r);
	}
	for (unsigned i = 0; i < c->count; i++)
		destroy(c->lanes[i].reader);
}

void span_count(struct span_cache *c, struct span_reader *r)
{
	uint64_t decoded = stream_reader_decoded(r->reader);

	c->counters.decoded_bytes += decoded - r->counted;
	r->counted = decoded;
}
