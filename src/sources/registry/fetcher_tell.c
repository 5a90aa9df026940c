#include "sources/registry/fetcher_impl.h"

static bool all_wait(const struct fetch *b)
{
	unsigned n = 0;

	for (const struct request *r = b->requests; r; r = r->next)
		n++;
	return b->retrying && b->retrying == n;
}

/* enum fetch_state, or -1: there is nothing to tell. */
static int state_of(const struct fetch *b)
{
	switch (b->phase) {
	case PHASE_QUEUED:
	case PHASE_OPENING:
	case PHASE_LOCKED:
		return FETCH_WAITING;
	case PHASE_ARRIVING:
		if (b->kept)
			return FETCH_WAITING;
		return all_wait(b) ? FETCH_RETRYING : FETCH_RUNNING;
	case PHASE_WHOLE:
		return b->kept ? FETCH_EXISTS : FETCH_DONE;
	case PHASE_IDLE:
	case PHASE_FAILED:
		break;
	}
	return -1;
}

static uint64_t bytes_of(const struct fetch *b)
{
	if (b->phase == PHASE_WHOLE)
		return b->size;
	return b->phase == PHASE_ARRIVING && b->partial ? partial_bytes(b->partial) : 0;
}

bool fetch_tell_due(const struct fetch *b)
{
	return b->fetcher->ctx->fetch && fetch_now() - b->told.at >= FETCH_TELL_MS;
}

static bool is_news(struct fetch *b, struct fetch_progress *p)
{
	int state = state_of(b);
	uint64_t done = bytes_of(b);

	if (state < 0)
		return false;
	if (state == b->told.state && (done == b->told.done || !fetch_tell_due(b)))
		return false;
	b->told = (struct fetch_told){.state = state, .done = done, .at = fetch_now()};
	*p = (struct fetch_progress){.digest = b->name.s,
		.layer = b->layer,
		.layers = b->layers,
		.state = (enum fetch_state)state,
		.done = done,
		.total = b->size};
	return true;
}

void fetch_tell(struct fetch *b)
{
	struct fetcher *f = b->fetcher;
	struct fetch_progress p;

	if (!f->ctx->fetch)
		return;
	/* looked at and told as one, so that it never seems to go back */
	pthread_mutex_lock(&f->telling);
	pthread_mutex_lock(&f->lock);

	bool tell = is_news(b, &p);

	pthread_mutex_unlock(&f->lock);
	if (tell)
		ctx_fetch(f->ctx, &p);
	pthread_mutex_unlock(&f->telling);
}
