/* Decoding one span for whoever waits for it, and no further. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "blob/span_impl.h"

/* Where to decode to next, relative to the span; at most `ready`: nobody wants more. */
static size_t target(const struct span *s, size_t batch)
{
	uint64_t nearest = UINT64_MAX;
	size_t step = s->ready + batch, to = s->ahead;

	for (const struct span_link *l = s->wants.next; l != &s->wants; l = l->next)
		nearest = MIN(nearest, SPAN_OF(l, struct span_want, link)->end);
	if (nearest != UINT64_MAX) {
		to = DIV_ROUND_UP((size_t)(nearest - s->off), STREAM_PIECE) *
		     STREAM_PIECE;
		/* each step costs the decoder something, and what lies behind will be
		 * wanted next: he waits a little longer, and not again */
		to = MAX(to, MIN(s->ahead, step));
	}
	return MIN(MIN(to, s->len), step);
}

/* Give those their bytes whose pieces are all there; with the lock. */
static void serve(struct span_cache *c, struct span *s)
{
	struct span_link list;

	span_list_init(&list);
	span_wants_take(&s->wants, s->off + s->ready, &list);
	if (span_list_empty(&list))
		return;
	for (struct span_link *l = list.next; l != &list; l = l->next)
		span_lend(c, s, SPAN_OF(l, struct span_want, link));
	pthread_mutex_unlock(&c->lock);
	while (!span_list_empty(&list)) {
		struct span_want *w = SPAN_OF(list.next, struct span_want, link);

		span_list_remove(&w->link);
		if (!w->held)
			span_hand_out(s, w);
		span_want_done(c, w, 0, NULL);
	}
	pthread_mutex_lock(&c->lock);
}

static void fail_all(
	struct span_cache *c, struct span *s, int status, const struct o2r_err *err)
{
	struct span_link list;

	span_list_init(&list);
	span_wants_take(&s->wants, UINT64_MAX, &list);
	s->ahead = 0;
	pthread_mutex_unlock(&c->lock);
	span_wants_done(c, &list, status, err);
	pthread_mutex_lock(&c->lock);
}

/* Pieces of one want in a span that does not decode as a whole, each by itself: what is
 * behind a damaged one may be good. Without the lock. */
static int salvage(struct span *s, struct span_reader *r, const struct span_want *w,
	struct o2r_err *err)
{
	size_t from = (size_t)(w->off - s->off) / STREAM_PIECE * STREAM_PIECE;

	/* `ready` changes only by this thread; bytes behind it are nobody's */
	for (size_t at = from; at < w->end - s->off; at += STREAM_PIECE) {
		if (at < s->ready)
			continue;
		int failed = stream_reader_read(r->reader, s->off + at, s->data + at,
			MIN(s->len - at, STREAM_PIECE), err);

		if (failed < 0)
			return failed;
	}
	span_hand_out(s, w);
	return 0;
}

static void salvage_all(struct span_cache *c, struct span *s, struct span_reader *r)
{
	struct span_link list;

	span_list_init(&list);
	span_wants_take(&s->wants, UINT64_MAX, &list);
	s->ahead = 0;
	pthread_mutex_unlock(&c->lock);
	while (!span_list_empty(&list)) {
		struct span_want *w = SPAN_OF(list.next, struct span_want, link);
		struct o2r_err err = {0};

		span_list_remove(&w->link);
		span_want_done(c, w, salvage(s, r, w, &err), &err);
	}
	pthread_mutex_lock(&c->lock);
	span_count(c, r);
}

static int decode_to(struct span_cache *c, struct span *s, struct span_reader *r,
	size_t to, struct o2r_err *err)
{
	size_t from = s->ready;

	pthread_mutex_unlock(&c->lock);

	int failed = stream_reader_read(
		r->reader, s->off + from, s->data + from, to - from, err);

	pthread_mutex_lock(&c->lock);
	span_count(c, r);
	if (failed == 0)
		s->ready = to;
	return failed;
}

static void decode_on(
	struct span_cache *c, struct span *s, struct span_reader *r, bool there)
{
	bool entered = there && s->ready;
	size_t batch = SPAN_BATCH;

	for (;;) {
		struct o2r_err err = {0};

		serve(c, s);

		size_t to = target(s, batch);
		bool ahead = span_list_empty(&s->wants);

		if (c->workers.ended || to <= s->ready || (ahead && span_pressed(c)))
			return;
		if (!entered) {
			c->counters.decoded_spans++;
			c->counters.ahead_spans += ahead;
			entered = true;
		}

		int failed = decode_to(c, s, r, to, &err);

		if (failed == 0)
			continue;
		if (failed == -EBADMSG || failed == -EIO) {
			/* first as far as it goes, then around the damage, which a
			 * stream without random access has no way around */
			if (batch > STREAM_PIECE) {
				batch = STREAM_PIECE;
				continue;
			}
			if (!s->lane->serial) {
				salvage_all(c, s, r);
				continue;
			}
		}
		fail_all(c, s, failed, &err);
	}
}

void span_decode(struct span_cache *c, struct span_job *job)
{
	struct span *s = SPAN_OF(job, struct span, job);
	struct span_lane *lane = s->lane;
	struct span_reader *r = NULL;
	struct o2r_err err = {0};
	bool there = false;

	if (lane->serial && lane->busy) {
		span_list_add(&lane->blocked, &job->link);
		return;
	}
	s->state = SPAN_BUSY;
	span_hold(c, s);
	if (!s->data && span_list_empty(&s->wants) && !span_fits(c, s)) {
		/* all is in use by those who wait: nothing is decoded ahead */
		s->ahead = 0;
		s->state = SPAN_RESTS;
		span_release(c, s);
		return;
	}
	if (s->data || span_allocate(c, s, &err) == 0)
		r = span_reader_take(c, lane, s->off + s->ready, &there, &err);
	if (r) {
		decode_on(c, s, r, there);
		span_reader_put(c, r);
	} else {
		fail_all(c, s, err.code, &err);
	}
	s->state = SPAN_RESTS;
	/* somebody came since, or it made room for somebody */
	if (!span_list_empty(&s->wants) || target(s, SPAN_BATCH) > s->ready) {
		s->state = SPAN_QUEUED;
		s->urgency = span_list_empty(&s->wants) ? SPAN_AHEAD : SPAN_URGENT;
		span_push(c, &s->job, s->urgency);
	}
	span_release(c, s);
}
