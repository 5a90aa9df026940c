#include "sources/registry/fetcher.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "sources/registry/fetcher_impl.h"

uint64_t fetch_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool fetch_cancelled(const struct fetcher *f)
{
	return atomic_load(&f->stop) || ctx_check(f->ctx, NULL) < 0;
}

void fetch_wait(struct fetcher *f, pthread_cond_t *cond, unsigned ms)
{
	struct timespec until;

	if (!ms) {
		pthread_cond_wait(cond, &f->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(cond, &f->lock, &until);
}

static void run(struct fetch_worker *w, struct fetch_job *job)
{
	struct fetch *b = job->blob;

	switch (job->kind) {
	case JOB_END:
		fetch_end(b);
		break;
	case JOB_HASH:
		pthread_mutex_lock(&w->fetcher->lock);
		fetch_hash_file(w, b, FETCH_CHUNK);
		pthread_mutex_unlock(&w->fetcher->lock);
		break;
	case JOB_OPEN:
		fetch_open(b);
		break;
	case JOB_REQUEST:
		fetch_part(w, job);
		break;
	}
	fetch_tell(b);
}

static void work(struct fetch_worker *w)
{
	struct fetcher *f = w->fetcher;
	struct fetch_job job;

	pthread_mutex_lock(&f->lock);
	while (!atomic_load(&f->stop)) {
		if (fetch_cancelled(f) || !plan_find(f, &job)) {
			f->idle++;
			fetch_wait(f, &f->work, plan_wait(f));
			f->idle--;
			continue;
		}
		plan_take(&job);
		fetch_wake(f);
		pthread_mutex_unlock(&f->lock);
		run(w, &job);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
}

static void *thread_main(void *arg)
{
	struct fetch_worker *w = arg;

	work(w);
	client_session_destroy(w->session);
	free(w);
	return NULL;
}

/* Signals are for the threads of who called. */
static int start_thread(struct fetcher *f)
{
	struct fetch_worker *w = malloc(sizeof(*w));
	sigset_t all, before;
	int r;

	if (!w)
		return -ENOMEM;
	w->fetcher = f;
	w->session = NULL;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&f->thread[f->started], NULL, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		f->started++;
	else
		free(w);
	return -r;
}

/* Without any thread nothing would ever end. */
static void fail_all(struct fetcher *f, int r)
{
	struct o2r_err err;

	err_errno(&err, -r, "cannot start a thread");
	for (size_t i = 0; i < f->count; i++)
		if (f->blobs[i]->phase == PHASE_QUEUED ||
			f->blobs[i]->phase == PHASE_ARRIVING)
			fetch_fail(f->blobs[i], &err);
}

void fetch_wake(struct fetcher *f)
{
	struct fetch_job job;
	int r;

	if (atomic_load(&f->stop))
		return;
	if (f->idle) {
		pthread_cond_signal(&f->work);
		return;
	}
	if (f->started == f->parallel || !plan_find(f, &job))
		return;
	r = start_thread(f);
	if (r < 0 && !f->started)
		fail_all(f, r);
}

static void init_cond(pthread_cond_t *c)
{
	pthread_condattr_t a;

	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(c, &a);
	pthread_condattr_destroy(&a);
}

int fetcher_create(struct client *client, struct store *store, unsigned parallel,
	const struct ctx *ctx, struct fetcher **out, struct o2r_err *err)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	if (!f)
		return err_nomem(err);
	f->client = client;
	f->store = store;
	f->parallel = MIN(MAX(parallel, 1u), (unsigned)REGISTRY_PARALLEL_MAX);
	f->ctx = ctx;
	pthread_mutex_init(&f->lock, NULL);
	pthread_mutex_init(&f->telling, NULL);
	init_cond(&f->work);
	init_cond(&f->news);
	*out = f;
	return 0;
}

void fetcher_destroy(struct fetcher *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	atomic_store(&f->stop, true);
	pthread_cond_broadcast(&f->work);
	pthread_cond_broadcast(&f->news);
	pthread_mutex_unlock(&f->lock);
	/* no other one is started any more */
	for (unsigned i = 0; i < f->started; i++)
		pthread_join(f->thread[i], NULL);
	for (size_t i = 0; i < f->count; i++)
		fetch_destroy(f->blobs[i]);
	free(f->blobs);
	pthread_cond_destroy(&f->work);
	pthread_cond_destroy(&f->news);
	pthread_mutex_destroy(&f->telling);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
