/*
 * Hash crew: the threads that compute the digests of all scans that are given the same
 * crew. Each job is what two rings have at hand, whichever they are: two streams hashed
 * in one loop take hardly longer than one (sha256.h), and a layer's decoded bytes alone
 * outnumber its blob's, so the partner is often another layer's.
 *
 * A ring's bytes are hashed in order, by one thread at a time. The crew outlives its
 * hashers. Everything in rings and hashers that the crew touches is guarded by its lock.
 */
#ifndef O2R_BLOB_HASH_CREW_H
#define O2R_BLOB_HASH_CREW_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"

struct hasher;

enum {
	HASH_CREW_MAX = 32,
};

struct hash_crew {
	pthread_mutex_t lock;
	pthread_cond_t to_crew;
	struct hasher *hashers; /* a list, by `next` */
	pthread_t thread[HASH_CREW_MAX];
	unsigned threads; /* 0: none could be had, and the scans do the work themselves */
	bool ended;
};

/* threads 0: none, the scans do the work. Never fails: with fewer threads, or none, the
 * same work is done in less of a hurry. */
void hash_crew_init(struct hash_crew *c, unsigned threads);
void hash_crew_finish(struct hash_crew *c);

/* One job, with the lock held, which is given up meanwhile. False: there is none. A lone
 * ring is left to wait for a partner unless its scan waits for it. */
bool hash_crew_work(struct hash_crew *c);

#endif
