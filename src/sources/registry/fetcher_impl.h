/*
 * What a fetcher is made of, for files fetcher*.c only:
 *
 *   fetcher.c          fetchers and their threads
 *   fetcher_plan.c     what a thread does next
 *   fetcher_open.c     from wanted to a file: in the store, or a partial one
 *   fetcher_request.c  one request for a part of a blob, and trying again
 *   fetcher_hash.c     the digest, while bytes arrive and after
 *   fetcher_end.c      whole, wrong, failed
 *   fetcher_blob.c     blobs as their readers see them
 *   fetcher_tell.c     progress
 *
 * One lock for all of it. Bytes are received, written, read and hashed without it. Blobs
 * go through phases:
 *
 *   idle -> queued -> opening -> arriving -> whole
 *             ^  \       |           |  \
 *             |   locked-+           |   failed
 *             +--- found wrong ------+
 */
#ifndef O2R_SOURCES_REGISTRY_FETCHER_IMPL_H
#define O2R_SOURCES_REGISTRY_FETCHER_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "sources/registry/fetcher.h"
#include "sources/registry/settings.h"
#include "sources/store_partial.h"

enum {
	FETCH_LARGE = 32 << 20,    /* from here on a blob may be fetched in chunks */
	FETCH_CHUNK = 16 << 20,    /* of this size */
	FETCH_CHUNK_MIN = 4 << 20, /* what is left to a request is not cut for less */
	FETCH_PROGRESS = 1 << 20,  /* after so many bytes patience is new */
	FETCH_PIECE = 128 << 10,   /* bytes hashed at once */
	FETCH_POLL_MS = 70,        /* for what another process fetches */
	FETCH_SLICE_MS = 100,      /* until a wait looks whether it is cancelled */
	FETCH_TELL_MS = 100,       /* between two reports of one blob */
	FETCH_WRONG_MAX = 3,       /* times that a blob may be begun anew */
};

enum fetch_phase {
	PHASE_IDLE,     /* nobody wants it yet */
	PHASE_QUEUED,   /* wanted; no thread has taken it up */
	PHASE_OPENING,  /* a thread is at it */
	PHASE_LOCKED,   /* another process fetches it: asked again at `due` */
	PHASE_ARRIVING, /* there is a file; bytes are fetched into it, or only hashed */
	PHASE_WHOLE,
	PHASE_FAILED,
};

enum fetch_ranges {
	RANGES_UNKNOWN, /* nobody has answered yet */
	RANGES_REFUSED,
	RANGES_GRANTED,
};

/* A part that is being fetched: [at, end) is still to come. end may be lowered while it
 * runs, at grows. */
struct request {
	uint64_t at, end;
	struct request *next;
};

/* What was found wrong; open as long as somebody may be reading it. */
struct wrong {
	struct partial *partial;
	int fd; /* of the store's file, or -1 */
};

/* What was told last about one. */
struct fetch_told {
	int state; /* enum fetch_state, -1: nothing yet */
	uint64_t done;
	uint64_t at; /* ms */
};

/* One blob. */
struct fetch {
	struct fetcher *fetcher;
	struct digest digest;
	struct digest_text name;
	uint64_t size;
	char **urls; /* NULL, or ends in NULL */
	unsigned layer, layers;

	enum fetch_phase phase;
	_Atomic bool at_rest_ready; /* phase is whole: at_rest may be read */
	_Atomic bool doubted;       /* said to be perhaps damaged */
	uint64_t turn;              /* blobs are fetched in this order */
	unsigned waiting;           /* readers that do */
	uint64_t awaited;           /* the lowest front that one waits for */
	uint64_t due;               /* ms */
	bool told_locked;           /* that another process fetches it */

	struct partial *partial; /* NULL: the file is the store's */
	int fd;                  /* of the file, -1: none */
	bool kept;               /* it was in the store */
	struct stat st;          /* of the store's file */
	bool has_st;
	struct timespec began; /* when the store's file was looked at */
	uint64_t front;        /* all before it is in the file */

	struct request *requests;
	enum fetch_ranges ranges;
	bool one_at_a_time; /* a second request did not go well */
	bool pieced;        /* it does not come in one go */
	bool renewed;       /* because it did not, it was begun anew once */
	bool by_others;     /* not only the registry itself may have sent it */
	unsigned retrying;  /* of them wait before they go on */

	struct digester digester;
	uint64_t hashed;
	bool hashing; /* a thread is at it */
	bool ending;  /* likewise: all is hashed */

	unsigned generation; /* how often it was begun anew */
	struct wrong wrong[FETCH_WRONG_MAX];

	int failed; /* negative errno */
	struct o2r_err err;
	struct blob at_rest;
	struct fetch_told told;
};

struct fetcher {
	struct client *client;
	struct store *store; /* NULL: none */
	unsigned parallel;
	const struct ctx *ctx;

	pthread_mutex_t lock;
	pthread_cond_t work, news; /* for threads; for readers */
	pthread_mutex_t telling;   /* taken before lock */
	_Atomic bool stop;
	bool read_only; /* the store cannot be written to */
	_Atomic bool warned;
	struct fetch **blobs;
	size_t count, cap;
	uint64_t turns;
	pthread_t thread[REGISTRY_PARALLEL_MAX];
	unsigned started, idle;
};

/* What a thread owns. */
struct fetch_worker {
	struct fetcher *fetcher;
	struct client_session *session; /* NULL: not needed yet */
	unsigned char piece[FETCH_PIECE];
};

enum fetch_job_kind {
	JOB_END,     /* all is hashed */
	JOB_HASH,    /* what lies in the file */
	JOB_OPEN,    /* find it in the store, or open a partial */
	JOB_REQUEST, /* fetch a part */
};

struct fetch_job {
	enum fetch_job_kind kind;
	struct fetch *blob;
	struct request request;
	struct request *lower; /* whose end becomes where this one begins; NULL: none */
};

/* --- fetcher.c --- */

/* ms of a clock that nobody sets. */
uint64_t fetch_now(void);
/* The lock is held in all of these. */
bool fetch_cancelled(const struct fetcher *f);
/* There may be something to do. */
void fetch_wake(struct fetcher *f);
/* At most ms; 0: until woken. */
void fetch_wait(struct fetcher *f, pthread_cond_t *cond, unsigned ms);

/* --- fetcher_plan.c (lock held) --- */

bool plan_find(struct fetcher *f, struct fetch_job *out);
/* The job is the caller's now. A request is in its blob's list as long as it runs. */
void plan_take(struct fetch_job *job);
void plan_give_back(struct fetch_job *job);
/* Requests with bytes to come. */
unsigned plan_live(const struct fetch *b);
/* ms until something is due; 0: never by itself. */
unsigned plan_wait(const struct fetcher *f);

/* --- fetcher_open.c --- */

/* Lock held: take it from the store if it is there. hash: one that was not seen before
 * too, to be hashed. */
void fetch_look(struct fetch *b, bool hash);
/* Lock held: somebody wants it. */
void fetch_want(struct fetch *b);
/* Lock not held. */
void fetch_open(struct fetch *b);

/* --- fetcher_request.c --- */

void fetch_part(struct fetch_worker *w, struct fetch_job *job);

/* --- fetcher_hash.c --- */

/* Lock held, but not while bytes are hashed. n bytes have come to stand at `off` in the
 * file; p: they are these, NULL: perhaps not. */
void fetch_hash(
	struct fetch_worker *w, struct fetch *b, const void *p, size_t n, uint64_t off);
/* Likewise: up to that many bytes of what is there. */
void fetch_hash_file(struct fetch_worker *w, struct fetch *b, uint64_t most);

/* --- fetcher_end.c --- */

/* Lock held: with the error that its readers get. */
void fetch_fail(struct fetch *b, const struct o2r_err *err);
/* Lock held: the file is right, its readers may have it. */
void fetch_set_whole(struct fetch *b);
/* Lock not held: all of it is hashed. */
void fetch_end(struct fetch *b);
/* Lock not held: the store cannot be written to, which is told once. */
void fetch_warn(struct fetcher *f, const struct o2r_err *why);

/* --- fetcher_blob.c --- */

void fetch_destroy(struct fetch *b);

/* --- fetcher_tell.c --- */

/* Lock not held. Tells what is new, if anything is. */
void fetch_tell(struct fetch *b);
/* Lock held: has it been a while? */
bool fetch_tell_due(const struct fetch *b);

#endif
