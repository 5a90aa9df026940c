/* o2r cp: files and directories out of an image. */
#ifndef O2R_CLI_CMD_CP_H
#define O2R_CLI_CMD_CP_H

#include "cli/cli.h"

extern const struct command cmd_cp;

#endif
