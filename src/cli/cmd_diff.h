/* o2r diff: what differs between two images, or what a layer changes. */
#ifndef O2R_CLI_CMD_DIFF_H
#define O2R_CLI_CMD_DIFF_H

#include "cli/cli.h"

extern const struct command cmd_diff;

#endif
