#include "cli/screen.h"

#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"

void screen_size(const struct screen *s, unsigned *columns, unsigned *rows)
{
	struct winsize w = {0};

	if (ioctl(s->fd, TIOCGWINSZ, &w) < 0)
		w = (struct winsize){0};
	*columns = w.ws_col ? w.ws_col : 80;
	*rows = w.ws_row ? w.ws_row : 24;
}

/* To the first of the lines that are there. */
static int go_up(const struct screen *s, struct buf *out)
{
	return s->lines > 1 ? buf_printf(out, "\r\033[%uA", s->lines - 1)
			    : buf_append(out, "\r", 1);
}

/* One write, so that nobody sees a half. A terminal that cannot be written to leaves
 * nobody to tell. */
static void emit(const struct screen *s, const struct buf *out)
{
	(void)!write_full(s->fd, out->data, out->len);
}

void screen_draw(struct screen *s, const struct buf *text)
{
	AUTO_BUF struct buf out = {0};
	unsigned lines = 0;
	int r = go_up(s, &out);

	for (size_t at = 0; r == 0 && at < text->len; lines++) {
		const char *line = text->data + at;
		size_t n = strcspn(line, "\n");

		if (lines)
			r = buf_append(&out, "\n", 1);
		if (r == 0)
			r = buf_append(&out, line, n);
		if (r == 0)
			r = buf_append(&out, "\033[K", 3);
		at += n + 1;
	}
	/* what is left of a time when there were more */
	if (r == 0 && lines < s->lines)
		r = buf_append(&out, "\033[J", 3);
	if (r < 0)
		return;
	emit(s, &out);
	s->lines = lines;
}

void screen_clear(struct screen *s)
{
	AUTO_BUF struct buf out = {0};

	if (s->lines && go_up(s, &out) == 0 &&
		buf_append(&out, s->lines > 1 ? "\033[J" : "\033[K", 3) == 0)
		emit(s, &out);
	s->lines = 0;
}
