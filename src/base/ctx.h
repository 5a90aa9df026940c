/*
 * What every long operation is given: where messages go, whether to stop, how many
 * threads to use, the limits on input. Read-only while an operation runs, shared by all
 * its threads; the callbacks may be called from any of them, but never two at a time.
 */
#ifndef O2R_BASE_CTX_H
#define O2R_BASE_CTX_H

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
	LOG_TRACE,
};

/* One state of one running stage; counters only grow within a stage. */
struct progress {
	const char *stage; /* static text: "index", "write", "compare" */
	uint64_t done;     /* bytes */
	uint64_t total;    /* bytes, 0 when not known */
	unsigned layers_done;
	unsigned layers;
};

/* What is happening to one blob that is fetched. */
enum fetch_state {
	FETCH_WAITING,
	FETCH_RUNNING,  /* done grows */
	FETCH_RETRYING, /* waits before it goes on */
	FETCH_EXISTS,   /* nothing to fetch: it is kept */
	FETCH_DONE,     /* whole, and verified */
};

struct fetch_progress {
	const char *digest;     /* text, "sha256:..." */
	unsigned layer, layers; /* its number, from 0, and how many there are */
	enum fetch_state state;
	uint64_t done, total; /* bytes; done includes what an earlier run fetched */
};

struct ctx {
	void (*log)(void *arg, enum log_level level, const char *msg); /* may be NULL */
	void (*progress)(void *arg, const struct progress *p);         /* may be NULL */
	void (*fetch)(void *arg, const struct fetch_progress *p);      /* may be NULL */
	void *arg;
	enum log_level level;
	const volatile int *cancel; /* non-zero: stop; may be NULL */
	unsigned threads;           /* at least 1 */
	struct limits limits;
	pthread_mutex_t *lock; /* serialises the callbacks; may be NULL (one thread) */
};

/* One line without the newline. Control bytes are the caller's to quote (text.h). */
void ctx_log(const struct ctx *ctx, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void ctx_vlog(const struct ctx *ctx, enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

void ctx_progress(const struct ctx *ctx, const struct progress *p);
void ctx_fetch(const struct ctx *ctx, const struct fetch_progress *p);

/* 0, or -EINTR with class ERR_INTERRUPTED when the operation has been cancelled. */
int ctx_check(const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;

#endif
