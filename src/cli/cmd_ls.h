/* o2r ls: list the files of an image. */
#ifndef O2R_CLI_CMD_LS_H
#define O2R_CLI_CMD_LS_H

#include "cli/cli.h"

extern const struct command cmd_ls;

#endif
