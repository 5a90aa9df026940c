#include "blob/hash_crew.h"

#include <stdint.h>

#include "base/checked.h"
#include "blob/hasher.h"

static bool is_ready(const struct hasher_ring *r)
{
	return !r->busy && r->put > r->got;
}

/* How much a ring needs attention: a full one stops its scan. */
static unsigned fullness(const struct hasher_ring *r)
{
	return (unsigned)((r->put - r->got) * 64 / r->count);
}

static void consider(struct hasher_ring *r, struct hasher_ring *best[2])
{
	if (!is_ready(r))
		return;
	if (!best[0] || fullness(r) > fullness(best[0])) {
		best[1] = best[0];
		best[0] = r;
	} else if (!best[1] || fullness(r) > fullness(best[1])) {
		best[1] = r;
	}
}

static bool pick(struct hash_crew *c, struct hasher_ring *best[2])
{
	best[0] = best[1] = NULL;
	for (struct hasher *h = c->hashers; h; h = h->next) {
		if (h->failed)
			continue;
		if (h->blob.count)
			consider(&h->blob, best);
		consider(&h->decoded, best);
	}
	return best[0] && (best[1] || best[0]->owner->waits);
}

/* The oldest slot of a ring has been hashed up to its end, or not yet. */
static int finish(struct hasher_ring *r, size_t n, struct o2r_err *err)
{
	r->done += n;
	return r->done < hasher_oldest(r)->n ? 0 : hasher_slot_hashed(r, err);
}

static void end_job(struct hasher_ring *r, int failed, const struct o2r_err *err)
{
	struct hasher *h = r->owner;

	if (r->done == hasher_oldest(r)->n) {
		r->done = 0;
		r->got++;
	}
	r->busy = false;
	if (failed < 0 && !h->failed) {
		h->failed = failed;
		h->err = *err;
	}
	pthread_cond_signal(&h->to_scan);
}

bool hash_crew_work(struct hash_crew *c)
{
	struct hasher_ring *r[2];
	const unsigned char *p[2] = {NULL, NULL};
	struct o2r_err err[2] = {{0}, {0}};
	size_t n = SIZE_MAX;
	int failed[2] = {0, 0};

	if (!pick(c, r))
		return false;
	for (unsigned i = 0; i < 2 && r[i]; i++) {
		const struct hasher_slot *s = hasher_oldest(r[i]);

		r[i]->busy = true;
		p[i] = s->data + r[i]->done;
		n = MIN(n, s->n - r[i]->done);
	}
	pthread_mutex_unlock(&c->lock);
	if (r[1])
		failed[0] = failed[1] = digester_update2(
			&r[0]->digester, p[0], n, &r[1]->digester, p[1], n, &err[0]);
	else
		failed[0] = digester_update(&r[0]->digester, p[0], n, &err[0]);
	err[1] = err[0];
	for (unsigned i = 0; i < 2 && r[i]; i++)
		if (failed[i] == 0)
			failed[i] = finish(r[i], n, &err[i]);
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < 2 && r[i]; i++)
		end_job(r[i], failed[i], &err[i]);
	return true;
}

static void *crew_main(void *arg)
{
	struct hash_crew *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->ended)
		if (!hash_crew_work(c))
			pthread_cond_wait(&c->to_crew, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

void hash_crew_init(struct hash_crew *c, unsigned threads)
{
	*c = (struct hash_crew){0};
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->to_crew, NULL);
	threads = MIN(threads, (unsigned)HASH_CREW_MAX);
	while (c->threads < threads &&
		pthread_create(&c->thread[c->threads], NULL, crew_main, c) == 0)
		c->threads++;
}

void hash_crew_finish(struct hash_crew *c)
{
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_cond_broadcast(&c->to_crew);
	pthread_mutex_unlock(&c->lock);
	while (c->threads)
		pthread_join(c->thread[--c->threads], NULL);
	pthread_cond_destroy(&c->to_crew);
	pthread_mutex_destroy(&c->lock);
}
