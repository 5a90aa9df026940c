/*
 * A server that its command leaves behind: the command forks, waits until the child says
 * that it is ready, and ends with 0; when the child ends before that, with its exit code.
 * Signals to the command are passed on to the child. Until it is ready the child keeps
 * terminal, folder and session of the command.
 */
#ifndef O2R_CLI_BACKGROUND_H
#define O2R_CLI_BACKGROUND_H

#include "cli/cli.h"

struct background {
	int ready; /* the child's end of the pipe, -1 in the foreground */
};

/* Before there is a second thread. CLI_GO_ON in the child, the exit code in the parent.
 */
int background_begin(struct background *b, struct cli *cli) O2R_MUST_CHECK;

/* The child is ready: leave session, folder and standard descriptors, and let the parent
 * go. Fails when it has been killed meanwhile. */
int background_ready(struct background *b, struct o2r_err *err) O2R_MUST_CHECK;

#endif
