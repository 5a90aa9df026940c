/*
 * A client that fetches from memory and does what it is told to: in place of
 * registry/client.c, for tests of what uses it.
 */
#ifndef O2R_TESTS_FAKE_CLIENT_H
#define O2R_TESTS_FAKE_CLIENT_H

#include <pthread.h>

#include "sources/registry/client.h"

enum {
	FAKE_REQUESTS = 4000,
	FAKE_BLOBS = 64,
};

struct fake_blob {
	unsigned char *bytes;
	uint64_t size;
	struct digest digest;
};

struct fake_request {
	unsigned blob;
	uint64_t first, end; /* asked for */
	uint64_t served;     /* bytes handed over */
};

/* Set before use, or with the lock held. */
struct client {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct fake_blob blobs[FAKE_BLOBS];
	unsigned blob_count;
	/* what was asked for */
	struct fake_request requests[FAKE_REQUESTS];
	unsigned count;
	unsigned running, running_max, waits;
	_Atomic unsigned bad; /* what should never happen */
	/* what it does */
	bool no_ranges;
	uint64_t gate;        /* nothing at or behind this byte comes; UINT64_MAX */
	uint64_t break_after; /* a connection breaks after so many bytes; 0: never */
	unsigned breaks;      /* so many of them */
	int refuse;           /* code of requests that do not begin at 0; 0: none */
	int fail;             /* code of all requests */
	unsigned wrong;       /* so many requests bring wrong bytes, */
	uint64_t wrong_at;    /* namely this one */
	unsigned slow_us;     /* for each piece of 64 KiB */
	bool mirror;          /* it is a mirror that brings what is wrong */
};

/* Failures inside are counted in `bad`, for the test to look at. */
void fake_init(struct client *c);
void fake_finish(struct client *c);
/* A blob of that many bytes: its number. */
unsigned fake_add(struct client *c, uint64_t size);

void fake_set_gate(struct client *c, uint64_t gate);
/* Wait until that many bytes of a blob were handed over (10 s at most). */
bool fake_wait(struct client *c, unsigned blob, uint64_t bytes);
/* Bytes of a blob that were handed over, requests for it. */
uint64_t fake_served(struct client *c, unsigned blob);
unsigned fake_asked(struct client *c, unsigned blob);

#endif
