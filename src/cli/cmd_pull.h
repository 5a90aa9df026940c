/* o2r pull: an image from a registry into the cache folder. */
#ifndef O2R_CLI_CMD_PULL_H
#define O2R_CLI_CMD_PULL_H

#include "cli/cli.h"

extern const struct command cmd_pull;

#endif
