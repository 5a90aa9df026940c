/* o2r cat: the bytes of files of an image. */
#ifndef O2R_CLI_CMD_CAT_H
#define O2R_CLI_CMD_CAT_H

#include "cli/cli.h"

extern const struct command cmd_cat;

#endif
