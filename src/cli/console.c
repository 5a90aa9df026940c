#include "cli/console_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"

static const char *const level_names[] = {
	[O2R_LOG_ERROR] = "error",
	[O2R_LOG_WARN] = "warn",
	[O2R_LOG_INFO] = "info",
	[O2R_LOG_DEBUG] = "debug",
	[O2R_LOG_TRACE] = "trace",
};

double console_now(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		return 0;
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool env_set(const char *name)
{
	const char *v = getenv(name);

	return v && *v;
}

void console_init(struct console *c, int fd)
{
	const char *term = getenv("TERM");

	*c = (struct console){.fd = fd,
		.level = O2R_LOG_WARN,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.screen.fd = fd};
	c->live = isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
	c->color = c->live && !env_set("NO_COLOR");
}

int console_set_level_name(struct console *c, const char *name, struct o2r_err *err)
{
	if (!name || !*name)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			c->level = (enum o2r_log_level)i;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, EINVAL,
		"O2R_LOG: '%s' is not one of error, warn, info, debug, trace",
		text_quote(name, strlen(name)).s);
}

/* Standard error that cannot be written to leaves nobody to tell. */
static void emit(const struct console *c, const char *s, size_t n)
{
	(void)!write_full(c->fd, s, n);
}

void console_clear(struct console *c)
{
	screen_clear(&c->screen);
	if (c->live)
		c->last_shown = 0;
}

void console_put(struct console *c, const char *prefix, const char *text)
{
	char line[2048];
	int n = snprintf(line, sizeof(line) - 1, "%s%s", prefix, text);
	size_t len = MIN((size_t)MAX(n, 0), sizeof(line) - 2);

	for (size_t i = strlen(prefix); i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len] = '\n';
	console_clear(c);
	emit(c, line, len + 1);
}

static void put_error(struct console *c, const char *text)
{
	console_put(c, c->color ? "o2r: \033[1;31merror:\033[0m " : "o2r: ", text);
}

void console_error(struct console *c, const char *text)
{
	pthread_mutex_lock(&c->lock);
	put_error(c, text);
	pthread_mutex_unlock(&c->lock);
}

void console_result(struct console *c, const char *text, size_t n)
{
	pthread_mutex_lock(&c->lock);
	console_clear(c);
	emit(c, text, n);
	pthread_mutex_unlock(&c->lock);
}

static void log_line(struct console *c, enum o2r_log_level level, const char *message)
{
	switch (level) {
	case O2R_LOG_ERROR:
		put_error(c, message);
		break;
	case O2R_LOG_WARN:
		console_put(c,
			c->color ? "o2r: \033[1;33mwarning:\033[0m " : "o2r: warning: ",
			message);
		break;
	case O2R_LOG_INFO:
		console_put(c, "o2r: ", message);
		break;
	case O2R_LOG_DEBUG:
	case O2R_LOG_TRACE:
	default:
		console_put(c, level == O2R_LOG_DEBUG ? "o2r: debug: " : "o2r: trace: ",
			message);
		break;
	}
}

void console_log(void *arg, enum o2r_log_level level, const char *message)
{
	struct console *c = arg;

	if (level > c->level)
		return;
	pthread_mutex_lock(&c->lock);
	log_line(c, level, message);
	pthread_mutex_unlock(&c->lock);
}
