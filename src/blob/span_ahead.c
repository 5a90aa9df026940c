/*
 * Read-ahead. Who reads forwards is told by what he has read already: two spans in a row
 * must have gone by before one is decoded that nobody has asked for. So a file of up to
 * two spans costs the spans it lies in and no other, and reads at random cost nothing.
 */
#include "base/checked.h"
#include "blob/span_impl.h"

enum {
	/* requests overtake each other, and headers lie between files */
	SLACK = 512 << 10,
	LOOK = 16, /* at so many queued jobs */
};

/* Whom to forget first: reads at random must not push out who has read long. */
static bool less(
	const struct span_cursor *a, const struct span_cursor *b, uint64_t established)
{
	bool ea = a->run >= established, eb = b->run >= established;

	return ea != eb ? eb : a->used < b->used;
}

/* The cursor that goes on at off; otherwise the one that is missed least begins there. */
static struct span_cursor *cursor_at(struct span_lane *l, uint64_t off, uint64_t clock)
{
	struct span_cursor *least = &l->cursors[0];

	for (unsigned i = 0; i < SPAN_CURSORS; i++) {
		struct span_cursor *p = &l->cursors[i];

		if (p->used && off + SLACK >= p->next && off <= p->next + SLACK)
			return p;
		if (less(p, least, 2 * stream_span(l->stream)))
			least = p;
	}
	*least = (struct span_cursor){.next = off, .used = clock};
	return least;
}

void span_ahead(struct span_cache *c, struct span_lane *l, uint64_t off, uint64_t end)
{
	if (l->plain || l->serial || off == end)
		return;

	uint64_t span = stream_span(l->stream), size = stream_size(l->stream);
	struct span_cursor *p = cursor_at(l, off, ++c->clock);

	p->used = c->clock;
	if (end > p->next) {
		p->run += end - MAX(off, p->next);
		p->next = end;
	}
	if (p->run < 2 * span)
		return;

	/* what was read is the measure of what will be */
	uint64_t most = MIN(p->run / span - 1, 2 * (uint64_t)c->workers.most);
	uint64_t bytes = MIN(most * span, c->memory / 4), from, to;
	size_t index;

	for (uint64_t at = p->next; at < size && at < p->next + bytes; at = to) {
		struct span *s = span_at(l, at);

		span_bounds(l, at, &from, &to, &index);
		if (!s)
			return;
		span_want_ahead(c, s);
	}
}

/* Whether somebody is about to arrive at the start of the span. */
static bool is_next_of_busy(const struct span *s)
{
	const struct span *before = s->index ? s->lane->spans[s->index - 1] : NULL;

	return before && before->state == SPAN_BUSY && !s->ready;
}

/*
 * To begin at a checkpoint costs a decoder as much as a tenth of a span. So go on where
 * one stands, and leave to others where they will stand in a moment: several workers that
 * decode ahead of one reader take two spans at a time, not every other one.
 */
struct span_job *span_ahead_next(struct span_cache *c)
{
	struct span_link *queue = &c->workers.queue[SPAN_AHEAD], *l = queue->next;
	struct span_job *best = NULL;

	for (unsigned i = 0; l != queue && i < LOOK; l = l->next, i++) {
		struct span_job *job = SPAN_OF(l, struct span_job, link);
		const struct span *s = SPAN_OF(job, struct span, job);

		if (job->run != span_decode || s->lane->serial)
			continue;
		if (span_reader_stands(c, s->lane, s->off + s->ready))
			return job;
		if (!best && !is_next_of_busy(s))
			best = job;
	}
	return best ? best : SPAN_OF(queue->next, struct span_job, link);
}
