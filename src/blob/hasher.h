/*
 * Hasher: the second half of a scan. It is fed two rings of buffers, the blob's bytes and
 * the decoded ones; a crew (hash_crew.h) computes both digests and the checksum of each
 * piece from them, and packs the checkpoints.
 *
 * The scanning thread fills slots and hands them over; a slot is its own again when the
 * crew is done with it. Where no thread can be had the same work is done in the calls.
 */
#ifndef O2R_BLOB_HASHER_H
#define O2R_BLOB_HASHER_H

#include <pthread.h>

#include "blob/hash_crew.h"
#include "blob/stream_impl.h"

enum {
	HASHER_SLOTS_MAX = 8,
};

struct hasher_slot {
	unsigned char *data;
	size_t n;
	/* decoded slots only: a checkpoint that lies within, or at the end of, the slot
	 */
	unsigned char *state;
	size_t state_n;
	uint64_t state_out, state_in; /* offsets, as in struct checkpoint */
	bool has_state;
};

struct hasher_ring {
	struct hasher_slot slot[HASHER_SLOTS_MAX];
	unsigned count;
	uint64_t put, got; /* slots handed over, slots finished */
	size_t done;       /* hashed bytes of the slot `got`: the busy thread's */
	bool busy;         /* a thread of the crew is at it */
	struct digester digester;
	struct hasher *owner;
};

struct hasher {
	struct stream *stream; /* gets checksums and checkpoints */
	struct hasher_ring blob, decoded;
	unsigned char *memory;
	struct hash_crew *crew;
	struct hasher *next; /* in the crew's list */
	pthread_cond_t to_scan;
	bool waits; /* the scan can do nothing before the crew has worked */
	int failed; /* negative errno, with err */
	struct o2r_err err;
};

struct hasher_sizes {
	size_t blob_slot, decoded_slot, state;
	unsigned blob_slots, decoded_slots;
};

/* Digests of algorithm DIGEST_NONE are not computed. Without blob_slots the decoded bytes
 * are the blob's. Needs hasher_finish also after a failure. */
int hasher_init(struct hasher *h, struct stream *stream, struct hash_crew *crew,
	const struct hasher_sizes *sizes, enum digest_algo blob, enum digest_algo decoded,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Waits for the slots that are worked on, drops the others; safe after hasher_end. */
void hasher_finish(struct hasher *h);

/* The next free slot of a ring (&h->blob, &h->decoded); waits for one. */
int hasher_slot(struct hasher *h, struct hasher_ring *ring, struct hasher_slot **slot,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Hand over the slot that hasher_slot gave, with n bytes. The bytes stay readable until
 * the same slot is given out again. */
void hasher_put(struct hasher *h, struct hasher_ring *ring, size_t n);

/* All bytes have been handed over: wait, and set the stream's digests. */
int hasher_end(struct hasher *h, struct o2r_err *err) O2R_MUST_CHECK;

/* For the crew: the slot to hash, and what follows when all of it is. */
static inline struct hasher_slot *hasher_oldest(struct hasher_ring *r)
{
	return &r->slot[r->got % r->count];
}

int hasher_slot_hashed(struct hasher_ring *r, struct o2r_err *err) O2R_MUST_CHECK;

#endif
