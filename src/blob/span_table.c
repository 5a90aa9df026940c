/* The spans of each stream, and which of them are kept in memory. */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "blob/span_impl.h"

enum {
	READ_SHARE = 8, /* of the memory, for spans that have been read */
};

static uint64_t piece_up(uint64_t off)
{
	return DIV_ROUND_UP(off, STREAM_PIECE) * STREAM_PIECE;
}

/*
 * A span reaches from one checkpoint to the next, both moved up to a whole piece: then
 * whatever is decoded on the way to a byte is kept. Without checkpoints it is a stretch
 * of fixed length.
 */
void span_bounds(const struct span_lane *lane, uint64_t off, uint64_t *from, uint64_t *to,
	size_t *index)
{
	const struct stream *s = lane->stream;
	const struct checkpoints *all = &s->checkpoints;

	if (lane->serial) {
		*index = (size_t)(off / s->span);
		*from = *index * s->span;
		*to = MIN(*from + s->span, s->size);
		return;
	}

	const struct checkpoint *p =
		checkpoints_find(all, off & ~(uint64_t)(STREAM_PIECE - 1));

	*index = p ? (size_t)(p - all->v) + 1 : 0;
	*from = p ? piece_up(p->out_off) : 0;
	*to = *index < all->n ? MIN(piece_up(all->v[*index].out_off), s->size) : s->size;
}

uint64_t span_longest(const struct span_lane *lane)
{
	const struct checkpoints *all = &lane->stream->checkpoints;
	uint64_t most = lane->stream->span, last = 0;

	for (size_t i = 0; i < all->n && !lane->serial; i++) {
		most = MAX(most, piece_up(all->v[i].out_off) - last);
		last = piece_up(all->v[i].out_off);
	}
	if (!lane->serial && last < lane->stream->size)
		most = MAX(most, lane->stream->size - last);
	return MIN(most, lane->stream->size);
}

static size_t table_size(const struct span_lane *l)
{
	const struct stream *s = l->stream;

	return l->serial ? (size_t)DIV_ROUND_UP(s->size, s->span) : s->checkpoints.n + 1;
}

struct span *span_at(struct span_lane *lane, uint64_t off)
{
	uint64_t from, to;
	size_t index;

	if (!lane->spans) {
		lane->spans = calloc(table_size(lane), sizeof(struct span *));
		if (!lane->spans)
			return NULL;
		lane->count = table_size(lane);
	}
	span_bounds(lane, off, &from, &to, &index);
	if (lane->spans[index])
		return lane->spans[index];

	struct span *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct span){.lane = lane,
		.index = index,
		.off = from,
		.len = (size_t)(to - from),
		.job.run = span_decode};
	span_list_init(&s->wants);
	lane->spans[index] = s;
	return s;
}

static void drop_data(struct span_cache *c, struct span *s)
{
	if (s->data)
		c->used -= s->len;
	free(s->data);
	s->data = NULL;
}

/* Out of whichever list it is in. */
static void in_use(struct span_cache *c, struct span *s)
{
	span_list_remove(&s->idle);
	if (s->in_read)
		c->read_bytes -= s->len;
	s->in_read = false;
}

static void at_rest(struct span_cache *c, struct span *s)
{
	/* all but the headers and ends of small files */
	s->in_read = s->handed_out >= s->len - s->len / 8;
	if (s->in_read)
		c->read_bytes += s->len;
	span_list_add(s->in_read ? &c->read : &c->idle, &s->idle);
}

static void forget(struct span_cache *c, struct span *s)
{
	in_use(c, s);
	span_list_remove(&s->job.link);
	s->lane->spans[s->index] = NULL;
	drop_data(c, s);
	free(s);
}

/* Whom to give up first: what has been read goes before what is older. */
static struct span *oldest(const struct span_cache *c)
{
	const struct span_link *list = span_list_empty(&c->read) ? &c->idle : &c->read;

	return span_list_empty(list) ? NULL : SPAN_OF(list->next, struct span, idle);
}

bool span_fits(const struct span_cache *c, const struct span *s)
{
	return c->used + s->len <= c->memory || oldest(c);
}

/* Also when there is room yet: memory that was used a moment ago is in the processor's
 * cache, new memory has to be brought there, and from the system. */
static bool should_give_up(const struct span_cache *c, const struct span *s)
{
	return c->used + s->len > c->memory || c->read_bytes > c->memory / READ_SHARE;
}

int span_allocate(struct span_cache *c, struct span *s, struct o2r_err *err)
{
	struct span *old;

	while (!s->data && should_give_up(c, s) && (old = oldest(c))) {
		if (old->len == s->len) {
			/* most spans are of one length: no need to ask the system */
			s->data = STEAL(old->data);
			c->used -= old->len;
		}
		forget(c, old);
	}
	while (!s->data && !(s->data = malloc(s->len)) && (old = oldest(c)))
		forget(c, old);
	if (!s->data)
		return err_nomem(err);
	c->used += s->len;
	return 0;
}

void span_hold(struct span_cache *c, struct span *s)
{
	s->users++;
	in_use(c, s);
}

void span_release(struct span_cache *c, struct span *s)
{
	s->users--;
	if (s->users || s->state == SPAN_BUSY || !span_list_empty(&s->wants))
		return;
	/* one that waits to be decoded ahead may go like any other: nobody has asked */
	if (s->ready)
		at_rest(c, s);
	else
		drop_data(c, s);
	if (!s->ready && s->state == SPAN_RESTS)
		forget(c, s);
	/* more workers than that had one at the same time */
	while (c->used > c->memory && (s = oldest(c)))
		forget(c, s);
}

void span_want_in(struct span_cache *c, struct span *s, struct span_want *w)
{
	span_list_add(&s->wants, &w->link);
	if (s->state == SPAN_BUSY)
		return;
	if (s->state == SPAN_QUEUED && s->urgency == SPAN_URGENT)
		return;
	span_list_remove(&s->job.link);
	in_use(c, s);
	s->state = SPAN_QUEUED;
	s->urgency = SPAN_URGENT;
	span_push(c, &s->job, SPAN_URGENT);
}

void span_want_ahead(struct span_cache *c, struct span *s)
{
	s->ahead = s->len;
	if (s->state != SPAN_RESTS || s->ready == s->len)
		return;
	s->state = SPAN_QUEUED;
	s->urgency = SPAN_AHEAD;
	span_push(c, &s->job, SPAN_AHEAD);
}

void span_table_finish(struct span_cache *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		struct span_lane *l = &c->lanes[i];

		for (size_t k = 0; k < l->count; k++)
			if (l->spans[k])
				forget(c, l->spans[k]);
		free(l->spans);
	}
}
