#include "base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct pool {
	pthread_mutex_t lock;
	size_t next, count;
	pool_fn fn;
	void *arg;
	size_t failed; /* task number, SIZE_MAX while none has */
	int code;
	struct o2r_err *err;
};

static void *worker(void *arg)
{
	struct pool *p = arg;

	for (;;) {
		struct o2r_err err = {0};

		pthread_mutex_lock(&p->lock);

		size_t task = p->failed == SIZE_MAX && p->next < p->count ? p->next++
									  : SIZE_MAX;

		pthread_mutex_unlock(&p->lock);
		if (task == SIZE_MAX)
			return NULL;

		int r = p->fn(p->arg, task, &err);

		if (r >= 0)
			continue;
		pthread_mutex_lock(&p->lock);
		if (task < p->failed) {
			p->failed = task;
			p->code = r;
			if (p->err)
				*p->err = err;
		}
		pthread_mutex_unlock(&p->lock);
	}
}

int pool_run(unsigned threads, size_t count, pool_fn fn, void *arg, struct o2r_err *err)
{
	struct pool p = {
		.count = count, .fn = fn, .arg = arg, .failed = SIZE_MAX, .err = err};
	pthread_t extra[63];
	unsigned n = 0;

	pthread_mutex_init(&p.lock, NULL);
	/* the caller's thread works too; a thread that cannot be had is done without */
	while (n + 1 < threads && n + 1 < count && n < 63)
		if (pthread_create(&extra[n], NULL, worker, &p) != 0)
			break;
		else
			n++;
	worker(&p);
	while (n)
		pthread_join(extra[--n], NULL);
	pthread_mutex_destroy(&p.lock);
	return p.code;
}
