/* o2r save: an image as an OCI layout of its own. */
#ifndef O2R_CLI_CMD_SAVE_H
#define O2R_CLI_CMD_SAVE_H

#include "cli/cli.h"

extern const struct command cmd_save;

#endif
