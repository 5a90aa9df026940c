/*
 * Where a server's messages go: to the console until it is on its own, then to a file or
 * to the system's log (warnings and errors, as a daemon). The library's callbacks; any
 * thread.
 */
#ifndef O2R_CLI_SERVER_LOG_H
#define O2R_CLI_SERVER_LOG_H

#include <pthread.h>
#include <stdbool.h>

#include "cli/console.h"

struct server_log {
	pthread_mutex_t lock;
	struct console *console;
	int fd; /* the file, -1: none */
	bool alone;
};

#define SERVER_LOG_INIT                                                                  \
	{                                                                                \
		.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1                              \
	}

/* path NULL: no file. It is appended to. */
int server_log_begin(struct server_log *l, struct console *console, const char *path,
	struct o2r_err *err) O2R_MUST_CHECK;
/* The server is ready: no more progress, and this text (may be NULL) on the console. */
void server_log_ready(struct server_log *l, const char *text);
/* No more to the console. */
void server_log_leave_console(struct server_log *l);
void server_log_finish(struct server_log *l);

/* arg is the server_log. */
void server_log_message(void *arg, enum o2r_log_level level, const char *message);
void server_log_progress(void *arg, const struct o2r_progress *p);
void server_log_fetch(void *arg, const struct o2r_fetch_progress *p);

#endif
