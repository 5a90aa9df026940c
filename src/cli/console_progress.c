/* What the console says of the library's stages, and of layers that are fetched. */
#include <string.h>

#include "cli/console_impl.h"
#include "cli/progress.h"

/* Seconds between two drawings, with and without something new, and between two lines in
 * a log. */
#define LIVE_EVERY 0.1
#define LIVE_NEWS 0.02
#define PLAIN_EVERY 10.0
/* Short stages are not worth a line in a log. */
#define PLAIN_TOTAL_AFTER 1.0

static void end_stage(struct console *c, double now)
{
	double seconds = now - c->stage_began;

	if (c->stage.stage && !c->live && !c->quiet && seconds >= PLAIN_TOTAL_AFTER)
		console_put(c, "o2r: ",
			progress_total(
				c->stage.stage, c->stage.layers, c->stage.done, seconds)
				.s);
	c->stage.stage = NULL;
}

/* What is there already is of interest where something is fetched, or nothing but that
 * is wanted. */
static bool shows_layers(const struct console *c)
{
	return c->layers.n && (c->tell_existing || c->fetch_began);
}

static int add_text(struct buf *out, struct progress_text line)
{
	return line.s[0] ? buf_printf(out, "%s\n", line.s) : 0;
}

static int draw_layers(
	struct console *c, unsigned columns, unsigned rows, double now, struct buf *out)
{
	struct layer_totals t = layer_lines_sum(&c->layers);
	double began = c->fetch_began ? c->fetch_began : now;
	int r = layer_lines_text(&c->layers, columns, rows, out);

	return r == 0 ? add_text(out, layer_lines_total_line(&t, now - began, columns))
		      : r;
}

static void draw(struct console *c, double now)
{
	AUTO_BUF struct buf text = {0};
	bool stage = c->stage.stage;
	unsigned columns, rows, room;
	int r = 0;

	screen_size(&c->screen, &columns, &rows);
	/* the last column is left free: a full line would wrap on some terminals */
	columns--;
	/* for the line of totals, that of the stage, and one of what was there before */
	room = rows > 2U + stage ? rows - 2U - stage : 0;
	if (shows_layers(c) && rows > stage)
		r = draw_layers(c, columns, room, now, &text);
	if (r == 0 && stage)
		r = add_text(
			&text, progress_line(&c->stage, now - c->stage_began, columns));
	if (r == 0)
		screen_draw(&c->screen, &text);
	c->last_shown = now;
}

static void end_fetch(struct console *c)
{
	struct layer_totals t = layer_lines_sum(&c->layers);
	double seconds = c->fetch_ended - c->fetch_began;
	bool worth_it = c->live || c->tell_existing || seconds >= PLAIN_TOTAL_AFTER;

	if (!c->layers.n)
		return;
	if (t.fetched && !t.working && !t.waiting && worth_it && !c->quiet)
		console_put(c, "o2r: ", layer_lines_end(&t, seconds).s);
	layer_lines_finish(&c->layers);
	c->fetch_began = c->fetch_ended = 0;
	c->fetched = t;
}

static bool is_new_stage(const struct console *c, const struct o2r_progress *p)
{
	return !c->stage.stage || strcmp(c->stage.stage, p->stage) != 0;
}

static void note_stage(struct console *c, const struct o2r_progress *p, double now)
{
	if (is_new_stage(c, p)) {
		/* the first one goes on while layers arrive */
		if (c->stage.stage) {
			console_clear(c);
			end_fetch(c);
		}
		end_stage(c, now);
		c->stage_began = now;
		/* a log gets its first line only when there is something to wait for */
		c->last_shown = c->live ? 0 : now;
	}
	c->stage = *p;
}

static void show_stage(struct console *c, const struct o2r_progress *p, double now)
{
	if (now - c->last_shown < (c->live ? LIVE_EVERY : PLAIN_EVERY))
		return;
	if (c->live) {
		draw(c, now);
		return;
	}
	c->last_shown = now;
	console_put(c, "o2r: ", progress_sentence(p, now - c->stage_began).s);
}

void console_progress(void *arg, const struct o2r_progress *p)
{
	struct console *c = arg;
	double now = console_now();

	if (c->quiet)
		return;
	pthread_mutex_lock(&c->lock);
	note_stage(c, p, now);
	show_stage(c, p, now);
	pthread_mutex_unlock(&c->lock);
}

static void note_fetch(struct console *c, const struct layer_line *news,
	const struct o2r_fetch_progress *p, double now)
{
	if (p->state == O2R_FETCH_WAITING || p->state == O2R_FETCH_EXISTS)
		return;
	if (!c->fetch_began) {
		c->fetch_began = now;
		if (!c->live)
			c->last_shown = now;
	}
	if (news)
		c->fetch_ended = now;
}

static void log_fetch(struct console *c, const struct layer_line *news, double now)
{
	bool ended =
		news && (news->state == O2R_FETCH_DONE ||
				(news->state == O2R_FETCH_EXISTS &&
					(c->tell_existing || c->level >= O2R_LOG_INFO)));

	if (ended)
		console_put(c, "o2r: ", layer_line_sentence(news).s);
	if (!c->fetch_began || now - c->last_shown < PLAIN_EVERY)
		return;
	c->last_shown = now;

	struct layer_totals t = layer_lines_sum(&c->layers);

	console_put(c, "o2r: ", layer_lines_sentence(&t, now - c->fetch_began).s);
}

static void show_fetch(struct console *c, const struct o2r_fetch_progress *p)
{
	double now = console_now();
	const struct layer_line *news = layer_lines_note(&c->layers, p);

	note_fetch(c, news, p, now);
	if (c->quiet)
		return;
	if (!c->live)
		log_fetch(c, news, now);
	else if (shows_layers(c) &&
		 now - c->last_shown >= (news ? LIVE_NEWS : LIVE_EVERY))
		draw(c, now);
}

void console_fetch(void *arg, const struct o2r_fetch_progress *p)
{
	struct console *c = arg;

	pthread_mutex_lock(&c->lock);
	if (!c->over)
		show_fetch(c, p);
	pthread_mutex_unlock(&c->lock);
}

void console_end(struct console *c, bool finished)
{
	pthread_mutex_lock(&c->lock);
	console_clear(c);
	end_fetch(c);
	if (finished)
		end_stage(c, console_now());
	c->stage.stage = NULL;
	c->over = true;
	pthread_mutex_unlock(&c->lock);
}
