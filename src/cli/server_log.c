#include "cli/server_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

int server_log_begin(struct server_log *l, struct console *console, const char *path,
	struct o2r_err *err)
{
	l->console = console;
	if (!path)
		return 0;
	l->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	return l->fd < 0 ? err_errno(err, errno, "log file %s",
				   text_quote(path, strlen(path)).s)
			 : 0;
}

void server_log_ready(struct server_log *l, const char *text)
{
	pthread_mutex_lock(&l->lock);
	console_end(l->console, true);
	if (text)
		console_result(l->console, text, strlen(text));
	pthread_mutex_unlock(&l->lock);
}

void server_log_leave_console(struct server_log *l)
{
	pthread_mutex_lock(&l->lock);
	l->alone = true;
	if (l->fd < 0)
		openlog("o2r", LOG_PID, LOG_DAEMON);
	pthread_mutex_unlock(&l->lock);
}

void server_log_finish(struct server_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static const char *level_prefix(enum o2r_log_level level)
{
	switch (level) {
	case O2R_LOG_ERROR:
		return "error: ";
	case O2R_LOG_WARN:
		return "warning: ";
	case O2R_LOG_DEBUG:
		return "debug: ";
	case O2R_LOG_TRACE:
		return "trace: ";
	case O2R_LOG_INFO:
	default:
		return "";
	}
}

/* One write a line, so that the lines of several servers do not mix. */
static void to_file(
	const struct server_log *l, enum o2r_log_level level, const char *message)
{
	struct timespec now = {0};
	struct tm tm = {0};
	char when[32], line[2048];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	n = snprintf(line, sizeof(line) - 1, "%s o2r[%d]: %s%s", when, (int)getpid(),
		level_prefix(level), message);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\n';
	/* a full disk leaves nobody to tell */
	(void)!write_full(l->fd, line, (size_t)n + 1);
}

static void to_system(enum o2r_log_level level, const char *message)
{
	if (level <= O2R_LOG_WARN)
		syslog(level == O2R_LOG_ERROR ? LOG_ERR : LOG_WARNING, "%s", message);
}

void server_log_message(void *arg, enum o2r_log_level level, const char *message)
{
	struct server_log *l = arg;

	pthread_mutex_lock(&l->lock);
	if (!l->alone)
		console_log(l->console, level, message);
	else if (level > l->console->level)
		;
	else if (l->fd >= 0)
		to_file(l, level, message);
	else
		to_system(level, message);
	pthread_mutex_unlock(&l->lock);
}

void server_log_fetch(void *arg, const struct o2r_fetch_progress *p)
{
	struct server_log *l = arg;

	pthread_mutex_lock(&l->lock);
	if (!l->alone)
		console_fetch(l->console, p);
	pthread_mutex_unlock(&l->lock);
}

void server_log_progress(void *arg, const struct o2r_progress *p)
{
	struct server_log *l = arg;

	pthread_mutex_lock(&l->lock);
	if (!l->alone)
		console_progress(l->console, p);
	pthread_mutex_unlock(&l->lock);
}
