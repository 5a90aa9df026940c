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
