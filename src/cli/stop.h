/*
 * Signals that end a server, taken by a thread of their own instead of a handler: so they
 * may call whatever they like, and any number of them does no harm. What was ignored when
 * the program began (nohup) stays ignored.
 *
 * stop_begin comes before the first other thread, since they inherit what it blocks.
 */
#ifndef O2R_CLI_STOP_H
#define O2R_CLI_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/err.h"

struct stop {
	/* for o2r_options_set_cancel */
	volatile int cancelled;
	pthread_t thread;
	bool running;
	int signals, end; /* a signalfd, and an eventfd that ends the thread */
	sigset_t before;
	pthread_mutex_t lock; /* what to call */
	void (*fn)(void *arg);
	void *arg;
};

int stop_begin(struct stop *s, struct o2r_err *err) O2R_MUST_CHECK;
/* From now on a signal calls fn(arg) too, at once when there was one; NULL: no more, and
 * none is running when this returns. */
void stop_calls(struct stop *s, void (*fn)(void *arg), void *arg);
/* Once begun; harmless otherwise when s is STOP_INIT. */
void stop_finish(struct stop *s);

#define STOP_INIT                                                                        \
	{                                                                                \
		.signals = -1, .end = -1, .lock = PTHREAD_MUTEX_INITIALIZER              \
	}

/* Block those signals (what was blocked before goes to *before), and a descriptor on
 * which they can be read. */
int stop_signals(sigset_t *before, struct o2r_err *err) O2R_MUST_CHECK;

#endif
