/*
 * What every command shares: the console, the options that all commands have, the table
 * of commands. A command is one file cmd_NAME.c that defines `const struct command
 * cmd_NAME`, and one line in commands.c.
 *
 * Results go to standard output, everything else to the console (standard error). A
 * command returns the exit code.
 */
#ifndef O2R_CLI_CLI_H
#define O2R_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/console.h"
#include "cli/options.h"
#include "o2r.h"

struct cli {
	struct console console;
	const volatile int *cancel; /* set by the signal handler */
	unsigned verbose;
	bool quiet;
	bool help;
	bool version;
	bool entered; /* a user namespace, where this is root (userns_enter.h) */
};

struct command {
	const char *name;
	const char *summary;  /* a few words */
	const char *operands; /* "REFERENCE" */
	const char *about;    /* paragraphs for the command's help, with newlines */
	/* Its option tables; run gives the states. The common ones need no mention. */
	const struct option_group *groups;
	size_t group_count;
	int (*run)(struct cli *cli, int argc, char **argv);
};

/* -h, -v, -q; state is the struct cli. */
extern const struct option_spec cli_common_options[];
extern const size_t cli_common_option_count;

extern const struct command *const cli_commands[];
extern const size_t cli_command_count;
const struct command *cli_find_command(const char *name); /* NULL: none */

/*
 * Read the options of the command (states[i] goes with its groups[i]) and the common
 * ones; operands are left in argv[0 .. *argc). Returns CLI_GO_ON, or the exit code when
 * the help was shown or an error printed.
 */
enum {
	CLI_GO_ON = -1,
	CLI_MAX_GROUPS = 8,
};
int cli_begin(struct cli *cli, const struct command *c, void *const *states, int *argc,
	char **argv) O2R_MUST_CHECK;

/* What an operand is, for "no NAME: name HINT". */
struct operand {
	const char *name; /* "image" */
	const char *hint; /* IMAGE_HINT; NULL: "one" */
};
#define IMAGE_HINT "one, such as nginx:latest, ./image.tar or oci:DIR:TAG"

/* Check the number of operands: one for each of wanted[0 .. count), of which the last
 * `optional` may be missing. Returns CLI_GO_ON, or the exit code. */
int cli_operands(struct cli *cli, const struct command *c, const struct operand *wanted,
	int count, int optional, int argc, char **argv) O2R_MUST_CHECK;

/* Print the error; returns the exit code. For usage errors of a command (else NULL) the
 * line says where the help is. */
int cli_fail(struct cli *cli, const struct command *c, const struct o2r_err *err);
int cli_fail_library(struct cli *cli, const struct o2r_error *error);

/* Write to standard output; returns the exit code. */
int cli_print(struct cli *cli, const struct buf *text);

#endif
