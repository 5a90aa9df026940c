/* What the two files of the console share. With its lock. */
#ifndef O2R_CLI_CONSOLE_IMPL_H
#define O2R_CLI_CONSOLE_IMPL_H

#include "cli/console.h"

/* Others write: what is drawn goes, and comes back with the next news. */
void console_clear(struct console *c);
/* One write for a whole line, so that lines of several processes do not mix; control
 * bytes cannot drive the terminal or forge a second line. */
void console_put(struct console *c, const char *prefix, const char *text);

#endif
