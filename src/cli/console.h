/*
 * Standard error of the command: messages, and lines of progress that are redrawn while
 * the rest scrolls past above them: one for each layer that is fetched, if any is, what
 * they come to, and the stage. Standard output is never touched here.
 *
 * Owned by the command. Any thread: where a call of the library has failed, others of its
 * threads may go on for a moment and tell of what they fetch.
 */
#ifndef O2R_CLI_CONSOLE_H
#define O2R_CLI_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/layer_lines.h"
#include "cli/screen.h"
#include "o2r.h"

struct console {
	int fd;
	bool live;          /* a terminal that can redraw lines */
	bool color;         /* a terminal, and NO_COLOR is not set */
	bool quiet;         /* no progress at all */
	bool tell_existing; /* fetching is what it is about: tell of what exists, too */
	enum o2r_log_level level;
	pthread_mutex_t lock; /* of what comes now */
	struct screen screen;

	/* seconds of the monotonic clock */
	struct o2r_progress stage; /* the last that was seen; .stage NULL: none yet */
	double stage_began, last_shown;
	struct layer_lines layers;
	double fetch_began, fetch_ended; /* first and last news of it; 0: none */
	bool over;                       /* nothing is said of it any more */
	struct layer_totals fetched;     /* of what is over */
};

void console_init(struct console *c, int fd);

/* From O2R_LOG; an unknown value is an error. NULL leaves the level alone. */
int console_set_level_name(struct console *c, const char *name, struct o2r_err *err);

/* "o2r: TEXT", whatever the level. */
void console_error(struct console *c, const char *text);
/* Bytes as they are: results that go to standard error. */
void console_result(struct console *c, const char *text, size_t n);

/* The library's callbacks; arg is the console. */
void console_log(void *arg, enum o2r_log_level level, const char *message);
void console_progress(void *arg, const struct o2r_progress *p);
void console_fetch(void *arg, const struct o2r_fetch_progress *p);

/* No more progress, and nothing about layers from now on: clear the lines; say what was
 * fetched, and in a log what a stage that finished did. */
void console_end(struct console *c, bool finished);

double console_now(void);

#endif
