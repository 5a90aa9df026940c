/* The worker threads and what is queued for them. */
#include <signal.h>
#include <string.h>

#include "base/checked.h"
#include "blob/span_impl.h"

void span_workers_init(struct span_workers *w, unsigned most)
{
	*w = (struct span_workers){.most = MIN(MAX(most, 1), (unsigned)SPAN_WORKERS_MAX)};
	for (unsigned u = 0; u < SPAN_URGENCIES; u++)
		span_list_init(&w->queue[u]);
	pthread_cond_init(&w->to_workers, NULL);
}

/* Run what is most urgent; false: there is nothing. */
static bool work(struct span_cache *c)
{
	struct span_workers *w = &c->workers;

	for (unsigned u = 0; u < SPAN_URGENCIES; u++) {
		if (span_list_empty(&w->queue[u]))
			continue;

		struct span_job *job = u == SPAN_AHEAD ? span_ahead_next(c)
						       : SPAN_OF(w->queue[u].next,
								 struct span_job, link);

		span_list_remove(&job->link);
		job->run(c, job);
		return true;
	}
	return false;
}

static void *worker_main(void *arg)
{
	struct span_cache *c = arg;
	struct span_workers *w = &c->workers;

	pthread_mutex_lock(&c->lock);
	while (!w->ended)
		if (!work(c)) {
			w->idle++;
			pthread_cond_wait(&w->to_workers, &c->lock);
			w->idle--;
			w->woken -= w->woken != 0;
		}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Signals are for the program's own threads. */
static void start_one(struct span_cache *c)
{
	struct span_workers *w = &c->workers;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&w->thread[w->threads], NULL, worker_main, c) == 0)
		w->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void span_push(struct span_cache *c, struct span_job *job, enum span_urgency u)
{
	struct span_workers *w = &c->workers;

	span_list_add(&w->queue[u], &job->link);
	if (w->idle > w->woken) {
		w->woken++;
		pthread_cond_signal(&w->to_workers);
	} else if (w->threads < w->most && !w->ended) {
		start_one(c);
	}
}

bool span_pressed(const struct span_cache *c)
{
	return !span_list_empty(&c->workers.queue[SPAN_URGENT]) && !c->workers.idle;
}

void span_help(struct span_cache *c)
{
	pthread_mutex_lock(&c->lock);
	while (!c->workers.threads && work(c))
		;
	pthread_mutex_unlock(&c->lock);
}

void span_workers_end(struct span_cache *c)
{
	struct span_workers *w = &c->workers;

	pthread_mutex_lock(&c->lock);
	w->ended = true;
	pthread_cond_broadcast(&w->to_workers);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < w->threads; i++)
		pthread_join(w->thread[i], NULL);
}
