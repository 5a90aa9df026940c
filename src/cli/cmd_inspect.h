/* o2r inspect: what an image consists of. */
#ifndef O2R_CLI_CMD_INSPECT_H
#define O2R_CLI_CMD_INSPECT_H

#include "cli/cli.h"

extern const struct command cmd_inspect;

#endif
