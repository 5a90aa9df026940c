#include "cli/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/progress.h"

/* Seconds between two drawings of the line, and between two lines in a log. */
#define LIVE_EVERY 0.1
#define PLAIN_EVERY 10.0
/* Short stages are not worth a line in a log. */
#define PLAIN_TOTAL_AFTER 1.0

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

	*c = (struct console){.fd = fd, .level = O2R_LOG_WARN};
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

static unsigned columns(const struct console *c)
{
	struct winsize w;

	if (ioctl(c->fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col;
	return 80;
}

/* Standard error that cannot be written to leaves nobody to tell. */
static void emit(const struct console *c, const char *s, size_t n)
{
	(void)!write_full(c->fd, s, n);
}

static void clear_line(struct console *c)
{
	if (c->line_shown)
		emit(c, "\r\033[K", 4);
	c->line_shown = false;
}

/* One write for a whole line, so that lines of several processes do not mix; control
 * bytes cannot drive the terminal or forge a second line. */
static void put(struct console *c, const char *prefix, const char *text)
{
	char line[2048];
	int n = snprintf(line, sizeof(line) - 1, "%s%s", prefix, text);
	size_t len = MIN((size_t)MAX(n, 0), sizeof(line) - 2);

	for (size_t i = strlen(prefix); i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len] = '\n';
	clear_line(c);
	emit(c, line, len + 1);
}

void console_error(struct console *c, const char *text)
{
	put(c, c->color ? "o2r: \033[1;31merror:\033[0m " : "o2r: ", text);
}

void console_result(struct console *c, const char *text, size_t n)
{
	clear_line(c);
	emit(c, text, n);
}

void console_log(void *arg, enum o2r_log_level level, const char *message)
{
	struct console *c = arg;

	if (level > c->level)
		return;
	switch (level) {
	case O2R_LOG_ERROR:
		console_error(c, message);
		break;
	case O2R_LOG_WARN:
		put(c, c->color ? "o2r: \033[1;33mwarning:\033[0m " : "o2r: warning: ",
			message);
		break;
	case O2R_LOG_INFO:
		put(c, "o2r: ", message);
		break;
	case O2R_LOG_DEBUG:
	case O2R_LOG_TRACE:
	default:
		put(c, level == O2R_LOG_DEBUG ? "o2r: debug: " : "o2r: trace: ", message);
		break;
	}
}

static void end_stage(struct console *c, double now)
{
	double seconds = now - c->stage_began;

	if (c->stage && !c->live && !c->quiet && seconds >= PLAIN_TOTAL_AFTER)
		put(c, "o2r: ",
			progress_total(c->stage, c->stage_layers, c->stage_done, seconds)
				.s);
}

static void draw(struct console *c, const struct o2r_progress *p, double seconds)
{
	/* the last column is left free: a full line would wrap on some terminals */
	struct progress_text t = progress_line(p, seconds, columns(c) - 1);
	char line[sizeof(t.s) + 8];
	int n = snprintf(line, sizeof(line), "\r%s\033[K", t.s);

	emit(c, line, (size_t)n);
	c->line_shown = t.s[0] != '\0';
}

void console_progress(void *arg, const struct o2r_progress *p)
{
	struct console *c = arg;
	double now = console_now();

	if (c->quiet)
		return;
	if (!c->stage || strcmp(c->stage, p->stage) != 0) {
		end_stage(c, now);
		c->stage = p->stage;
		c->stage_began = now;
		/* a log gets its first line only when there is something to wait for */
		c->last_shown = c->live ? 0 : now;
	}
	c->stage_done = p->done;
	c->stage_layers = p->layers;
	if (now - c->last_shown < (c->live ? LIVE_EVERY : PLAIN_EVERY))
		return;
	c->last_shown = now;
	if (c->live)
		draw(c, p, now - c->stage_began);
	else
		put(c, "o2r: ", progress_sentence(p, now - c->stage_began).s);
}

void console_end(struct console *c, bool finished)
{
	clear_line(c);
	if (finished)
		end_stage(c, console_now());
	c->stage = NULL;
}
