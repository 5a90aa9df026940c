/*
 * What a span cache is made of, for the span_*.c files. One lock guards all of it; it is
 * given up while bytes are decoded, read, written or copied (docs/decoding.md has what
 * that costs).
 *
 * Who owns what: a lane is all about one stream. Its spans are in its table; a span that
 * has bytes, that nobody uses and nobody waits for is in the cache's list `idle` or
 * `read`, in the order of last use, and may be taken from there, also while it is queued.
 * Wants belong to their fetch, which is freed when the last one is done.
 */
#ifndef O2R_BLOB_SPAN_IMPL_H
#define O2R_BLOB_SPAN_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "blob/span_cache.h"
#include "blob/stream_impl.h"

enum {
	SPAN_BATCH = 4 * STREAM_PIECE, /* decoded between two looks at who waits */
	SPAN_WORKERS_MAX = 64,
	/* idle readers that keep their place: so many more than workers, and bytes */
	SPAN_PARKED = 8,
	SPAN_PARKED_MEMORY = 24 << 20,
	SPAN_CURSORS = 8, /* forward readers told apart in one stream */
};

/* ---- lists ---------------------------------------------------------------------------
 */

struct span_link {
	struct span_link *prev, *next; /* NULL: in no list */
};

static inline void span_list_init(struct span_link *head)
{
	head->prev = head->next = head;
}

static inline bool span_list_empty(const struct span_link *head)
{
	return head->next == head;
}

static inline void span_list_add(struct span_link *head, struct span_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Harmless for one that is in no list. */
static inline void span_list_remove(struct span_link *l)
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->prev = l->next = NULL;
}

#define SPAN_OF(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* ---- jobs ----------------------------------------------------------------------------
 */

struct span_job {
	struct span_link link; /* in a queue */
	/* with the lock, on a worker; returns with it */
	void (*run)(struct span_cache *c, struct span_job *job);
};

enum span_urgency {
	SPAN_URGENT, /* somebody waits */
	SPAN_AHEAD,
	SPAN_URGENCIES,
};

struct span_workers {
	struct span_link queue[SPAN_URGENCIES];
	pthread_cond_t to_workers;
	pthread_t thread[SPAN_WORKERS_MAX];
	unsigned threads, most;
	unsigned idle, woken; /* of those that are idle, on their way */
	bool ended;
};

void span_workers_init(struct span_workers *w, unsigned most);
/* With the lock. Threads are started as they are needed. */
void span_push(struct span_cache *c, struct span_job *job, enum span_urgency u);
/* Whether the running job should make room; with the lock. */
bool span_pressed(const struct span_cache *c);
/* Without the lock: jobs that are queued are run here when no thread could be had. */
void span_help(struct span_cache *c);
/* Running jobs end at their next batch, queued ones stay in their queues. */
void span_workers_end(struct span_cache *c);

/* ---- fetches -------------------------------------------------------------------------
 */

struct span_lane;

/* Decoded bytes [off, end) of one span (of a plain stream: any), wanted at dst. */
struct span_want {
	struct span_job job;   /* a read by a worker */
	struct span_link link; /* among those who wait for a span or a copy */
	struct span_fetch *fetch;
	struct span_lane *lane;
	uint64_t off, end;
	unsigned char *dst;
	struct span *held; /* its bytes are lent until the fetch is over */
};

struct span_fetch {
	/* one of the two */
	void (*done)(void *arg, int status, const struct o2r_err *err);
	void (*lend)(void *arg, int status, const struct iovec *v, unsigned n,
		const struct o2r_err *err);
	void *arg;
	struct iovec *where; /* the bytes of each want are, for lend */
	unsigned count;      /* of wants */
	_Atomic unsigned left;
	int status; /* of the first want that failed; with the lock */
	struct o2r_err err;
	struct span_want wants[];
};

/* Without the lock; w and its fetch may be gone afterwards. */
void span_want_done(
	struct span_cache *c, struct span_want *w, int status, const struct o2r_err *err);
/* All of a list. */
void span_wants_done(struct span_cache *c, struct span_link *wants, int status,
	const struct o2r_err *err);
/* Move those that end at or before `end` from one list to another. */
void span_wants_take(struct span_link *from, uint64_t end, struct span_link *to);

/* Send a want on its way, with the lock, which is given up in between. */
void span_dispatch(struct span_cache *c, struct span_want *w);

/* ---- spans ---------------------------------------------------------------------------
 */

enum span_state {
	SPAN_RESTS,
	SPAN_QUEUED,
	SPAN_BUSY,
};

struct span {
	struct span_job job;
	struct span_link idle; /* in one of the cache's lists */
	struct span_link wants;
	struct span_lane *lane;
	size_t index;
	uint64_t off;
	size_t len;
	unsigned char *data; /* of len bytes, or NULL */
	size_t ready;        /* bytes that are decoded and checked */
	size_t ahead;        /* decoded up to here even if nobody waits */
	size_t handed_out;   /* bytes, how often whichever */
	bool in_read;        /* of the two lists, that one */
	unsigned users;      /* who copy from data, or have borrowed it */
	enum span_state state;
	enum span_urgency urgency; /* while queued */
};

/* The span of a byte, made when it is not there; NULL: out of memory. */
struct span *span_at(struct span_lane *lane, uint64_t off);
/* Where the span of a byte begins and ends. */
void span_bounds(const struct span_lane *lane, uint64_t off, uint64_t *from, uint64_t *to,
	size_t *index);
/* Bytes of the longest one. */
uint64_t span_longest(const struct span_lane *lane);
/* Whether there is room for its bytes without going over what may be used. */
bool span_fits(const struct span_cache *c, const struct span *s);
/* Give it room for its bytes, at the cost of those not used for longest. */
int span_allocate(struct span_cache *c, struct span *s, struct o2r_err *err);
/* It is used, it is not used any more: then it may go. */
void span_hold(struct span_cache *c, struct span *s);
void span_release(struct span_cache *c, struct span *s);

/*
 * The bytes of a want that are there: lent, if its fetch may borrow and not too much is
 * lent (false), until the fetch is over; otherwise copied, which needs no lock as long
 * as somebody holds the span.
 */
bool span_lend(struct span_cache *c, struct span *s, struct span_want *w);
void span_hand_out(const struct span *s, const struct span_want *w);
/* Without the lock: the fetch is over. */
void span_take_back(struct span_cache *c, const struct span_fetch *f);
void span_table_finish(struct span_cache *c);

/* Somebody waits for it. */
void span_want_in(struct span_cache *c, struct span *s, struct span_want *w);
/* Decode it when there is nothing else to do. */
void span_want_ahead(struct span_cache *c, struct span *s);
void span_decode(struct span_cache *c, struct span_job *job);

/* ---- readers -------------------------------------------------------------------------
 */

struct span_reader {
	struct span_link link; /* in the cache's list, longest unused first */
	struct stream_reader *reader;
	struct span_lane *lane;
	size_t memory;    /* bytes, while it is idle */
	uint64_t counted; /* of its decoded bytes, those that are in the counters */
};

/* One for the lane, if possible one that stands at pos; NULL with err. Gives up the lock
 * in between. *there: it stands at pos. */
struct span_reader *span_reader_take(struct span_cache *c, struct span_lane *lane,
	uint64_t pos, bool *there, struct o2r_err *err);
void span_reader_put(struct span_cache *c, struct span_reader *r);
/* Put into the counters what it has decoded since the last time. */
void span_count(struct span_cache *c, struct span_reader *r);
void span_readers_finish(struct span_cache *c);
/* Whether an idle one stands at pos. */
bool span_reader_stands(struct span_cache *c, const struct span_lane *lane, uint64_t pos);

/* ---- read-ahead ----------------------------------------------------------------------
 */

/* Somebody who reads forwards. */
struct span_cursor {
	uint64_t next; /* where he will go on */
	uint64_t run;  /* bytes that he has read */
	uint64_t used; /* when, by the cache's clock of requests; 0: never */
};

/* Note that [off, end) is read, and queue what will be read next. */
void span_ahead(struct span_cache *c, struct span_lane *lane, uint64_t off, uint64_t end);
/* Of what is queued, which there is, what is best done now. */
struct span_job *span_ahead_next(struct span_cache *c);

/* ---- plain reads ---------------------------------------------------------------------
 */

/* With the lock, which is given up: from the stream's blob, at once or by a worker. */
void span_plain_want(struct span_cache *c, struct span_want *w);
/* With no worker left: move the reads that are queued to a list. */
void span_plain_cancel(struct span_cache *c, struct span_link *to);
/*
 * Read and check the bytes of a want from a blob that holds the decoded bytes, without
 * the lock. cached: only if that needs no waiting, else -EAGAIN.
 */
int span_plain_read(struct span_cache *c, struct span_want *w, const struct blob *b,
	bool cached, struct o2r_err *err);
void span_scratch_finish(struct span_cache *c);

/* ---- the decoded copy ----------------------------------------------------------------
 */

enum span_copy_state {
	COPY_NONE, /* nobody has asked yet */
	COPY_MAKING,
	COPY_WHOLE,
	COPY_IMPOSSIBLE, /* no file can be had: the lane's spans are decoded forwards */
};

/* Counted, because who reads one that turns out to be bad may not be the only one. */
struct span_copy {
	struct blob blob;
	int fd;   /* the blob's */
	bool own; /* an unlinked file */
	_Atomic unsigned users;
};

struct span_lane {
	const struct stream *stream;
	struct span_cache *cache;
	unsigned number;
	bool plain;
	bool serial; /* without random access */
	struct span **spans;
	size_t count; /* of spans, 0: not counted yet */
	struct span_cursor cursors[SPAN_CURSORS];

	/* serial ones only */
	struct span_job copying;
	enum span_copy_state copy_state;
	struct span_copy *copy;
	uint64_t copied;          /* bytes that are in the copy */
	bool bad;                 /* the last copy was */
	bool making;              /* a worker is at it */
	unsigned tries;           /* copies made, or found, that were no good */
	struct span_link waiting; /* wants behind `copied` */
	struct span_reader *reader;
	bool busy;                /* reader is in use */
	struct span_link blocked; /* spans that wait for it */
};

void span_copy_want(struct span_cache *c, struct span_want *w);
void span_copy_release(struct span_copy *p);
void span_copy_make(struct span_cache *c, struct span_job *job);

/* ---- the whole -----------------------------------------------------------------------
 */

struct span_scratch {
	struct span_scratch *next;
	unsigned char bytes[2 * STREAM_PIECE];
};

struct span_cache {
	pthread_mutex_t lock;
	const struct ctx *ctx;
	struct span_cache_options options;
	struct span_workers workers;
	struct span_lane *lanes;
	unsigned count;
	uint64_t memory, used; /* bytes of spans: at most, now */
	uint64_t lent;         /* to fetches that go on, each time it is */
	struct span_link idle;
	struct span_link read; /* all of it was handed out: hardly wanted again */
	uint64_t read_bytes;
	struct span_link readers;
	unsigned reader_count, reader_most;
	uint64_t clock;
	struct span_scratch *scratch;
	unsigned scratch_count;
	struct span_cache_counters counters;
};

#endif
