/* The front of the cache: fetches are taken apart into wants, one for each span. */
#include "blob/span_cache.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "blob/span_impl.h"

static uint64_t memory_floor(const struct span_cache *c)
{
	uint64_t most = STREAM_PIECE;

	/* each worker may hold a span, and something should be kept besides */
	for (unsigned i = 0; i < c->count; i++)
		if (c->lanes[i].stream && !c->lanes[i].plain)
			most = MAX(most, span_longest(&c->lanes[i]));
	return (c->workers.most + 2) * most;
}

static void lane_init(struct span_cache *c, unsigned number, const struct stream *s)
{
	struct span_lane *l = &c->lanes[number];

	*l = (struct span_lane){.stream = s, .cache = c, .number = number};
	l->copying.run = span_copy_make;
	span_list_init(&l->waiting);
	span_list_init(&l->blocked);
	if (!s)
		return;
	l->plain = stream_codec(s) == CODEC_PLAIN;
	l->serial = !stream_is_seekable(s);
}

int span_cache_create(struct stream *const *streams, unsigned count,
	const struct span_cache_options *o, const struct ctx *ctx,
	struct span_cache **out, struct o2r_err *err)
{
	struct span_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return err_nomem(err);
	c->lanes = calloc((size_t)count + 1, sizeof(*c->lanes));
	if (!c->lanes) {
		free(c);
		return err_nomem(err);
	}
	pthread_mutex_init(&c->lock, NULL);
	c->ctx = ctx;
	c->options = *o;
	c->count = count;
	span_list_init(&c->idle);
	span_list_init(&c->read);
	span_list_init(&c->readers);
	span_workers_init(&c->workers, o->threads ? o->threads : ctx->threads);
	for (unsigned i = 0; i < count; i++)
		lane_init(c, i, streams[i]);
	c->memory = MAX(o->memory ? o->memory : SPAN_CACHE_MEMORY, memory_floor(c));
	c->reader_most = c->workers.most + SPAN_PARKED;
	*out = c;
	return 0;
}

/* Everybody who still waits, wherever. */
static void cancel_all(struct span_cache *c)
{
	struct o2r_err err = {0};
	int r = err_set(&err, ERR_FAIL, ECANCELED, "the image was closed meanwhile");
	struct span_link list;

	span_list_init(&list);
	for (unsigned i = 0; i < c->count; i++) {
		struct span_lane *l = &c->lanes[i];

		span_wants_take(&l->waiting, UINT64_MAX, &list);
		for (size_t k = 0; k < l->count; k++)
			if (l->spans[k])
				span_wants_take(&l->spans[k]->wants, UINT64_MAX, &list);
	}
	span_plain_cancel(c, &list);
	span_wants_done(c, &list, r, &err);
}

void span_cache_destroy(struct span_cache *c)
{
	if (!c)
		return;
	span_workers_end(c);
	cancel_all(c);
	span_table_finish(c);
	span_readers_finish(c);
	for (unsigned i = 0; i < c->count; i++)
		span_copy_release(c->lanes[i].copy);
	span_scratch_finish(c);
	pthread_cond_destroy(&c->workers.to_workers);
	pthread_mutex_destroy(&c->lock);
	free(c->lanes);
	free(c);
}

/* ---- fetches -------------------------------------------------------------------------
 */

static void count_failure(struct span_cache *c)
{
	pthread_mutex_lock(&c->lock);
	c->counters.failed++;
	pthread_mutex_unlock(&c->lock);
}

static void fetch_drop(struct span_cache *c, struct span_fetch *f)
{
	if (atomic_fetch_sub_explicit(&f->left, 1, memory_order_acq_rel) != 1)
		return;
	if (f->status < 0)
		count_failure(c);
	if (f->lend)
		f->lend(f->arg, f->status, f->where, f->count, &f->err);
	else
		f->done(f->arg, f->status, &f->err);
	span_take_back(c, f);
	free(f);
}

void span_want_done(
	struct span_cache *c, struct span_want *w, int status, const struct o2r_err *err)
{
	struct span_fetch *f = w->fetch;

	if (status < 0) {
		pthread_mutex_lock(&c->lock);
		if (f->status == 0) {
			f->status = status;
			f->err = *err;
		}
		pthread_mutex_unlock(&c->lock);
	}
	fetch_drop(c, f);
}

void span_wants_done(struct span_cache *c, struct span_link *wants, int status,
	const struct o2r_err *err)
{
	while (!span_list_empty(wants)) {
		struct span_want *w = SPAN_OF(wants->next, struct span_want, link);

		span_list_remove(&w->link);
		span_want_done(c, w, status, err);
	}
}

void span_wants_take(struct span_link *from, uint64_t end, struct span_link *to)
{
	struct span_link *next;

	for (struct span_link *l = from->next; l != from; l = next) {
		next = l->next;
		if (SPAN_OF(l, struct span_want, link)->end <= end) {
			span_list_remove(l);
			span_list_add(to, l);
		}
	}
}

/* Bytes of a part from off that one want takes. */
static size_t want_size(const struct span_lane *l, uint64_t off, size_t n)
{
	uint64_t from, to;
	size_t index;

	if (l->plain)
		return n;
	span_bounds(l, off, &from, &to, &index);
	return (size_t)MIN((uint64_t)n, to - off);
}

static int count_wants(const struct span_cache *c, const struct span_part *parts,
	unsigned count, size_t *wants, struct o2r_err *err)
{
	*wants = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct span_part *p = &parts[i];
		const struct span_lane *l = &c->lanes[MIN(p->stream, c->count)];
		uint64_t size = l->stream ? stream_size(l->stream) : 0;

		if (!l->stream || p->off > size || p->n > size - p->off)
			return err_set(err, ERR_FAIL, EINVAL,
				"%zu bytes at %llu are not in stream %u", p->n,
				(unsigned long long)p->off, p->stream);
		for (size_t done = 0; done < p->n; ++*wants)
			done += want_size(l, p->off + done, p->n - done);
	}
	return 0;
}

static void fill_wants(struct span_cache *c, struct span_fetch *f,
	const struct span_part *parts, unsigned count)
{
	struct span_want *w = f->wants;

	for (unsigned i = 0; i < count; i++) {
		const struct span_part *p = &parts[i];
		struct span_lane *l = &c->lanes[p->stream];

		for (size_t done = 0, n; done < p->n; done += n, w++) {
			n = want_size(l, p->off + done, p->n - done);
			*w = (struct span_want){.fetch = f,
				.lane = l,
				.off = p->off + done,
				.end = p->off + done + n,
				.dst = p->dst + done};
			f->where[w - f->wants] =
				(struct iovec){.iov_base = w->dst, .iov_len = n};
		}
	}
}

static struct span_fetch *fetch_create(struct span_cache *c,
	const struct span_part *parts, unsigned count, int *status, struct o2r_err *err)
{
	struct span_fetch *f = NULL;
	size_t wants = 0;

	*status = count_wants(c, parts, count, &wants, err);
	if (*status < 0)
		return NULL;
	if (wants < UINT_MAX)
		f = calloc(1,
			sizeof(*f) + wants * (sizeof(f->wants[0]) + sizeof(f->where[0])));
	if (!f) {
		*status = err_nomem(err);
		return NULL;
	}
	f->count = (unsigned)wants;
	f->where = (struct iovec *)(f->wants + wants);
	atomic_init(&f->left, f->count + 1);
	fill_wants(c, f, parts, count);
	return f;
}

static void fetch_run(struct span_cache *c, struct span_fetch *f,
	const struct span_part *parts, unsigned count)
{
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < f->count; i++)
		span_dispatch(c, &f->wants[i]);
	for (unsigned i = 0; i < count; i++)
		span_ahead(c, &c->lanes[parts[i].stream], parts[i].off,
			parts[i].off + parts[i].n);
	pthread_mutex_unlock(&c->lock);
	span_help(c);
	fetch_drop(c, f);
}

void span_cache_fetch(struct span_cache *c, const struct span_part *parts, unsigned count,
	void (*done)(void *arg, int status, const struct o2r_err *err), void *arg)
{
	struct o2r_err err = {0};
	int status;
	struct span_fetch *f = fetch_create(c, parts, count, &status, &err);

	if (!f) {
		count_failure(c);
		done(arg, status, &err);
		return;
	}
	f->done = done;
	f->arg = arg;
	fetch_run(c, f, parts, count);
}

void span_cache_lend(struct span_cache *c, const struct span_part *parts, unsigned count,
	void (*done)(void *arg, int status, const struct iovec *v, unsigned n,
		const struct o2r_err *err),
	void *arg)
{
	struct o2r_err err = {0};
	int status;
	struct span_fetch *f = fetch_create(c, parts, count, &status, &err);

	if (!f) {
		count_failure(c);
		done(arg, status, NULL, 0, &err);
		return;
	}
	f->lend = done;
	f->arg = arg;
	fetch_run(c, f, parts, count);
}

void span_dispatch(struct span_cache *c, struct span_want *w)
{
	struct span_lane *l = w->lane;
	struct o2r_err err = {0};

	if (l->plain) {
		span_plain_want(c, w);
		return;
	}
	if (l->serial && l->copy_state != COPY_IMPOSSIBLE) {
		span_copy_want(c, w);
		return;
	}

	struct span *s = span_at(l, w->off);

	if (s && w->end > s->off + s->ready) {
		span_want_in(c, s, w);
		return;
	}
	bool lent = s && span_lend(c, s, w);

	c->counters.hits += s != NULL;
	if (s && !lent)
		span_hold(c, s);
	pthread_mutex_unlock(&c->lock);
	if (s && !lent)
		span_hand_out(s, w);
	span_want_done(c, w, s ? 0 : err_nomem(&err), &err);
	pthread_mutex_lock(&c->lock);
	if (s && !lent)
		span_release(c, s);
}

void span_cache_counters(struct span_cache *c, struct span_cache_counters *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->counters;
	pthread_mutex_unlock(&c->lock);
}

/* ---- waiting -------------------------------------------------------------------------
 */

struct waiter {
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
	int status;
	struct o2r_err *err;
};

static void wake(void *arg, int status, const struct o2r_err *err)
{
	struct waiter *w = arg;

	pthread_mutex_lock(&w->lock);
	w->status = status;
	if (status < 0 && w->err)
		*w->err = *err;
	w->done = true;
	pthread_cond_signal(&w->over);
	pthread_mutex_unlock(&w->lock);
}

int span_cache_read(struct span_cache *c, const struct span_part *parts, unsigned count,
	struct o2r_err *err)
{
	struct waiter w = {.err = err};

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.over, NULL);
	span_cache_fetch(c, parts, count, wake, &w);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.over, &w.lock);
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.over);
	pthread_mutex_destroy(&w.lock);
	return w.status;
}
