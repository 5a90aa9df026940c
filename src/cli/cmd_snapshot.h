/* o2r snapshot: write an image's file tree as an ext4 image. */
#ifndef O2R_CLI_CMD_SNAPSHOT_H
#define O2R_CLI_CMD_SNAPSHOT_H

#include "cli/cli.h"

extern const struct command cmd_snapshot;

#endif
