/*
 * Command lines by table: "-o FILE", "-oFILE", "--output FILE", "--output=FILE", flags
 * joined ("-vn"), "--" before operands that begin with a dash. Long names are not
 * abbreviated: a script must not break when an option is added.
 */
#ifndef O2R_CLI_OPTIONS_H
#define O2R_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct option_spec {
	char letter;      /* 0: none */
	const char *name; /* without the dashes */
	const char *arg;  /* name of the value for people, NULL for a flag */
	const char *help; /* NULL: not listed */
	/* value is NULL for a flag; the error's text need not name the option */
	int (*set)(void *state, const char *value, struct o2r_err *err);
	/* The value may be missing (then it is NULL): it is only what stands behind "=".
	 */
	bool optional;
};

struct option_group {
	const struct option_spec *specs;
	size_t count;
	void *state;
	/* Do the options go together? For the caller of options_parse; NULL: always. */
	int (*check)(void *state, struct o2r_err *err);
};

/*
 * Set the options found in argv[0 .. *argc), and leave the operands in argv[0 .. *argc).
 * With stop_at_operand, everything from the first operand on is left as it is. Errors
 * have class USAGE and name the option.
 */
int options_parse(const struct option_group *groups, size_t group_count,
	int stop_at_operand, int *argc, char **argv, struct o2r_err *err) O2R_MUST_CHECK;

#endif
