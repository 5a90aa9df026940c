/*
 * The lines at the end of a terminal that are drawn again and again, while everything
 * else scrolls past above them. What they say is not decided here.
 */
#ifndef O2R_CLI_SCREEN_H
#define O2R_CLI_SCREEN_H

#include "base/buf.h"

struct screen {
	int fd;
	unsigned lines; /* drawn now; the cursor is in the last one */
};

/* As it is now: windows change. */
void screen_size(const struct screen *s, unsigned *columns, unsigned *rows);
/* Lines, each with a newline, in the place of those that are there. They must fit. */
void screen_draw(struct screen *s, const struct buf *text);
void screen_clear(struct screen *s);

#endif
