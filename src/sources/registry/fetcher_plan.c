/*
 * What a thread does next. What ends a blob goes first, since somebody may be waiting;
 * then every blob that nobody is at, in its order, is fetched by one request for all that
 * is missing in one stretch (or for a chunk, when there are threads for the next ones);
 * who then still has nothing to do takes the next chunk of a large blob that somebody is
 * at. Chunks are taken in order, so that the front, which is
 * what readers see, grows as fast as all of it arrives.
 */
#include "base/checked.h"
#include "sources/registry/fetcher_impl.h"

static bool is_live(const struct request *r)
{
	return r->at < r->end;
}

unsigned plan_live(const struct fetch *b)
{
	unsigned n = 0;

	for (const struct request *r = b->requests; r; r = r->next)
		n += is_live(r);
	return n;
}

/* Of blobs with something to do: those that a reader waits for, then by turn. */
static bool is_before(const struct fetch *a, const struct fetch *b)
{
	if (!a->waiting != !b->waiting)
		return a->waiting;
	return a->turn < b->turn;
}

/* The first blob, by is_before, for which `find` finds a job. */
static bool find_first(struct fetcher *f,
	bool (*find)(struct fetch *b, struct fetch_job *j), struct fetch_job *out)
{
	bool found = false;

	for (size_t i = 0; i < f->count; i++) {
		struct fetch *b = f->blobs[i];
		struct fetch_job j = {.blob = b};

		if (found && !is_before(b, out->blob))
			continue;
		if (!find(b, &j))
			continue;
		*out = j;
		found = true;
	}
	return found;
}

static bool find_end(struct fetch *b, struct fetch_job *j)
{
	j->kind = JOB_END;
	return b->phase == PHASE_ARRIVING && b->hashed == b->size && !b->hashing &&
	       !b->ending;
}

static bool can_hash(const struct fetch *b)
{
	return b->phase == PHASE_ARRIVING && b->hashed < b->front && !b->hashing;
}

/* Everything is there, and nobody who brings more will hash it. */
static bool find_rest_to_hash(struct fetch *b, struct fetch_job *j)
{
	j->kind = JOB_HASH;
	return can_hash(b) && b->front == b->size;
}

static bool find_any_to_hash(struct fetch *b, struct fetch_job *j)
{
	j->kind = JOB_HASH;
	return can_hash(b);
}

static void set_request(struct fetch_job *j, uint64_t at, uint64_t end)
{
	j->kind = JOB_REQUEST;
	j->request = (struct request){.at = at, .end = end};
}

/* Would chunks of it be fetched by others meanwhile? What was not asked for need not be
 * broken off then. */
static bool may_be_shared(const struct fetch *b)
{
	const struct fetcher *f = b->fetcher;

	if (b->size < FETCH_LARGE || b->one_at_a_time || b->ranges == RANGES_REFUSED)
		return false;
	for (size_t i = 0; i < f->count; i++)
		if (f->blobs[i]->phase == PHASE_QUEUED)
			return false;
	return f->parallel > 1 && (f->idle || f->started < f->parallel);
}

static bool find_untouched(struct fetch *b, struct fetch_job *j)
{
	if (b->phase == PHASE_QUEUED ||
		(b->phase == PHASE_LOCKED && b->due <= fetch_now())) {
		j->kind = JOB_OPEN;
		return true;
	}
	if (b->phase != PHASE_ARRIVING || !b->partial || plan_live(b))
		return false;

	struct range gap;

	if (!partial_missing(b->partial, 0, &gap))
		return false;
	/* without ranges all that lies behind comes anyway */
	if (b->ranges == RANGES_REFUSED)
		gap.end = b->size;
	else if (may_be_shared(b))
		gap.end = MIN(gap.end, gap.first + FETCH_CHUNK);
	set_request(j, gap.first, gap.end);
	return true;
}

/* The first bytes that are neither there nor being fetched. */
static bool find_unasked(const struct fetch *b, struct range *out)
{
	uint64_t from = 0;

	while (partial_missing(b->partial, from, out)) {
		const struct request *in = NULL;

		for (const struct request *r = b->requests; r && !in; r = r->next)
			if (is_live(r) && r->at <= out->first && out->first < r->end)
				in = r;
		if (in) {
			from = in->end;
			continue;
		}
		for (const struct request *r = b->requests; r; r = r->next)
			if (is_live(r) && r->at > out->first)
				out->end = MIN(out->end, r->at);
		return true;
	}
	return false;
}

/* The request that has the most before it. */
static struct request *longest(const struct fetch *b)
{
	struct request *best = NULL;

	for (struct request *r = b->requests; r; r = r->next)
		if (is_live(r) && (!best || r->end - r->at > best->end - best->at))
			best = r;
	return best;
}

static bool find_chunk(struct fetch *b, struct fetch_job *j)
{
	unsigned live = plan_live(b);
	struct range part;

	if (b->phase != PHASE_ARRIVING || !b->partial || b->size < FETCH_LARGE ||
		b->ranges != RANGES_GRANTED || b->one_at_a_time || !live)
		return false;
	/* each may need a slot of its own */
	if (partial_room(b->partial) <= live + 1)
		return false;
	if (!find_unasked(b, &part)) {
		struct request *r = longest(b);

		if (r->end - r->at < FETCH_CHUNK + FETCH_CHUNK_MIN)
			return false;
		j->lower = r;
		part = (struct range){r->at + FETCH_CHUNK, r->end};
	}
	set_request(j, part.first, MIN(part.end, part.first + FETCH_CHUNK));
	return true;
}

bool plan_find(struct fetcher *f, struct fetch_job *out)
{
	return find_first(f, find_end, out) || find_first(f, find_rest_to_hash, out) ||
	       find_first(f, find_untouched, out) || find_first(f, find_chunk, out) ||
	       find_first(f, find_any_to_hash, out);
}

void plan_take(struct fetch_job *job)
{
	struct fetch *b = job->blob;

	switch (job->kind) {
	case JOB_END:
		b->ending = true;
		break;
	case JOB_OPEN:
		b->phase = PHASE_OPENING;
		break;
	case JOB_REQUEST:
		if (job->lower)
			job->lower->end = job->request.at;
		/* there was one before: not in one go */
		b->pieced |= job->request.at > 0;
		job->request.next = b->requests;
		b->requests = &job->request;
		break;
	case JOB_HASH:
		break;
	}
}

void plan_give_back(struct fetch_job *job)
{
	struct request **r = &job->blob->requests;

	while (*r != &job->request)
		r = &(*r)->next;
	*r = job->request.next;
}

unsigned plan_wait(const struct fetcher *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->blobs[i]->phase == PHASE_LOCKED)
			return FETCH_POLL_MS;
	return 0;
}
