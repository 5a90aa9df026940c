/* o2r mounts: list the views of this user. */
#ifndef O2R_CLI_CMD_MOUNTS_H
#define O2R_CLI_CMD_MOUNTS_H

#include "cli/cli.h"

extern const struct command cmd_mounts;

#endif
