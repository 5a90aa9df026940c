/* Help texts, made from the tables of commands and options. */
#ifndef O2R_CLI_HELP_H
#define O2R_CLI_HELP_H

#include "base/buf.h"
#include "cli/cli.h"

extern const struct command cmd_help;

/* Each returns what buf_printf does. */
int help_program(struct buf *out) O2R_MUST_CHECK;
int help_command(struct buf *out, const struct command *c) O2R_MUST_CHECK;

/* "unknown command", with the nearest name. Returns a negative errno. */
int help_unknown_command(const char *name, struct o2r_err *err);

#endif
