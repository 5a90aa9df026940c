/* One request for a part of a blob, and trying again. */
#include <errno.h>

#include "base/checked.h"
#include "sources/registry/fetcher_impl.h"

struct transfer {
	struct fetch_worker *worker;
	struct fetch *blob;
	struct request *request;
	struct client_blob part;
	unsigned generation;
	uint64_t asked_end;
	bool ours; /* what failed is on this side */
	bool cut;  /* what comes behind is somebody else's, or here */
};

/* Lock held: all of it is in the file. Then its end is another thread's, and whatever
 * becomes of a request that brings what an earlier run had fetched, as those of servers
 * without ranges do, the blob must not fail by it. */
static bool is_complete(const struct fetch *b)
{
	return b->front == b->size;
}

/* Lock held: there is nothing left to do for it. */
static bool is_over(const struct transfer *t)
{
	return t->blob->phase != PHASE_ARRIVING || t->blob->generation != t->generation ||
	       t->request->at >= t->request->end || is_complete(t->blob);
}

static int enough(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, ECANCELED, "no more of it is wanted");
}

/* Lock held. */
static void note_ranges(struct transfer *t, bool ranges)
{
	struct fetch *b = t->blob;

	b->ranges = ranges ? RANGES_GRANTED : RANGES_REFUSED;
	/* a chunk was asked for, and all comes: better now than once more */
	if (!ranges && plan_live(b) == 1 && t->request->end == t->asked_end)
		t->part.end = t->asked_end = t->request->end = b->size;
	fetch_wake(b->fetcher);
}

static int on_begin(void *arg, bool ranges, struct o2r_err *err)
{
	struct transfer *t = arg;
	struct fetcher *f = t->blob->fetcher;

	pthread_mutex_lock(&f->lock);

	bool over = is_over(t);

	if (!over)
		note_ranges(t, ranges);
	pthread_mutex_unlock(&f->lock);
	return over ? enough(err) : 0;
}

/* Where the next bytes go, and how many of them; 0: nowhere. */
static size_t next_place(
	const struct transfer *t, size_t n, struct partial **p, uint64_t *at)
{
	struct fetcher *f = t->blob->fetcher;

	pthread_mutex_lock(&f->lock);
	*p = t->blob->partial;
	*at = t->request->at;
	n = is_over(t) ? 0 : (size_t)MIN(n, t->request->end - *at);
	pthread_mutex_unlock(&f->lock);
	/* less than is left to a request whose end is lowered */
	return MIN(n, (size_t)FETCH_PROGRESS);
}

/* Lock held: n bytes are in the file. */
static void note_bytes(
	struct transfer *t, const void *p, size_t n, uint64_t at, struct partial *in)
{
	struct fetch *b = t->blob;

	t->request->at = at + n;
	t->cut = t->request->at >= t->request->end && t->request->at < t->asked_end;
	if (b->phase != PHASE_ARRIVING || b->generation != t->generation)
		return;
	b->front = partial_front(in);
	t->cut |= is_complete(b) && t->request->at < t->asked_end;
	if (b->front >= b->awaited) {
		b->awaited = UINT64_MAX;
		pthread_cond_broadcast(&b->fetcher->news);
	}
	fetch_hash(t->worker, b, p, n, at);
}

static int take_some(
	struct transfer *t, const void *p, size_t n, size_t *taken, struct o2r_err *err)
{
	struct fetcher *f = t->blob->fetcher;
	struct partial *in = NULL;
	uint64_t at = 0;
	bool all, due;
	int r;

	*taken = next_place(t, n, &in, &at);
	if (!*taken)
		return enough(err);
	if (atomic_load(&f->stop))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	r = partial_write(in, p, *taken, at, &all, err);
	if (r < 0) {
		t->ours = true;
		return r;
	}
	pthread_mutex_lock(&f->lock);
	note_bytes(t, all ? p : NULL, *taken, at, in);
	due = fetch_tell_due(t->blob);
	pthread_mutex_unlock(&f->lock);
	if (due)
		fetch_tell(t->blob);
	return 0;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	const unsigned char *bytes = p;
	struct transfer *t = arg;
	int r = 0;

	while (r == 0 && n) {
		size_t taken = 0;

		r = take_some(t, bytes, n, &taken, err);
		bytes += taken;
		n -= taken;
	}
	/* the reply need not go on */
	return r == 0 && t->cut ? enough(err) : r;
}

static int ask(struct transfer *t, struct o2r_err *err)
{
	struct fetch *b = t->blob;
	struct fetch_worker *w = t->worker;
	struct fetcher *f = b->fetcher;

	t->part = (struct client_blob){.digest = &b->digest,
		.size = b->size,
		.urls = (const char *const *)b->urls,
		.first = t->request->at,
		.begin = on_begin,
		.data = on_data,
		.arg = t};
	pthread_mutex_lock(&f->lock);
	t->part.end = t->asked_end = t->request->end;
	pthread_mutex_unlock(&f->lock);
	if (!w->session) {
		int r = client_session_create(f->client, &f->stop, &w->session, err);

		if (r < 0) {
			t->ours = true;
			return r;
		}
	}
	return client_blob(w->session, &t->part, err);
}

/* Lock held: it is of no use. A second request that is refused while a first one goes on
 * is no failure of the blob. */
static void give_up(const struct transfer *t, const struct o2r_err *err)
{
	struct fetch *b = t->blob;

	if (plan_live(b) == 1 || t->ours) {
		fetch_fail(b, err);
		return;
	}
	b->one_at_a_time = true;
	ctx_log(b->fetcher->ctx, LOG_INFO,
		"blob %s: one connection only, since another one got: %s", b->name.s,
		err->text);
}

/* After a request that returned r: ask again for what is left? */
static bool try_again(
	struct transfer *t, int r, struct client_patience *patience, struct o2r_err *err)
{
	struct fetch *b = t->blob;
	struct fetcher *f = b->fetcher;
	int again;

	pthread_mutex_lock(&f->lock);
	if (is_over(t) || fetch_cancelled(f)) {
		pthread_mutex_unlock(&f->lock);
		return false;
	}
	b->pieced = true;
	b->retrying++;
	pthread_mutex_unlock(&f->lock);
	fetch_tell(b);
	again = t->ours ? 0 : client_try_again(t->worker->session, patience, r, err);
	pthread_mutex_lock(&f->lock);
	b->retrying--;
	if (again == 0 && !is_over(t))
		give_up(t, err);
	pthread_mutex_unlock(&f->lock);
	return again > 0;
}

void fetch_part(struct fetch_worker *w, struct fetch_job *job)
{
	struct fetch *b = job->blob;
	struct transfer t = {.worker = w, .blob = b, .request = &job->request};
	struct client_patience patience = {0};
	struct o2r_err err;
	uint64_t since = job->request.at;
	int r;

	pthread_mutex_lock(&b->fetcher->lock);
	t.generation = b->generation;
	pthread_mutex_unlock(&b->fetcher->lock);
	do {
		err = (struct o2r_err){0};
		fetch_tell(b);
		r = ask(&t, &err);
		if (job->request.at - since >= FETCH_PROGRESS) {
			patience = (struct client_patience){0};
			since = job->request.at;
		}
		if (r == 0)
			r = err_set(&err, ERR_FAIL, EPROTO,
				"blob %s: less of it came than was asked for", b->name.s);
	} while (try_again(&t, r, &patience, &err));
	pthread_mutex_lock(&b->fetcher->lock);
	plan_give_back(job);
	pthread_mutex_unlock(&b->fetcher->lock);
}
