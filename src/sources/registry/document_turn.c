#include "sources/registry/document_turn.h"

#include <errno.h>
#include <time.h>

enum {
	POLL_MS = 20,
	WAIT_MS = 5000, /* a request that takes longer is waited for by who made it */
};

/* ms of a clock that nobody sets; never 0. */
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + 1;
}

static int wait_a_moment(struct document_turn *t, struct o2r_err *err)
{
	const struct timespec moment = {.tv_nsec = POLL_MS * 1000000L};
	int r = ctx_check(t->ctx, err);

	if (r < 0)
		return r;
	if (!t->since) {
		t->since = now();
		ctx_log(t->ctx, LOG_INFO,
			"document %s: another process fetches it, which is waited for",
			digest_format(t->digest).s);
	}
	if (now() - t->since >= WAIT_MS) {
		ctx_log(t->ctx, LOG_INFO,
			"document %s: it is not waited for any longer, but fetched",
			digest_format(t->digest).s);
		return 1;
	}
	nanosleep(&moment, NULL);
	return 0;
}

int document_turn_take(struct document_turn *t, struct o2r_err *err)
{
	int r;

	if (!t->store || t->partial)
		return 1;
	r = partial_open(t->store, t->digest, t->size, &t->partial, NULL);
	/* a store that cannot be written to is told of when it is to keep something */
	return r == -EWOULDBLOCK ? wait_a_moment(t, err) : 1;
}

void document_turn_end(struct document_turn *t)
{
	if (!t->partial)
		return;
	/* what an earlier run had fetched of a layer with these bytes is that layer's */
	if (!partial_bytes(t->partial))
		partial_discard(t->partial);
	partial_close(t->partial);
	t->partial = NULL;
}
