/* o2r mount: show an image's file tree as a read-only filesystem. */
#ifndef O2R_CLI_CMD_MOUNT_H
#define O2R_CLI_CMD_MOUNT_H

#include "cli/cli.h"

extern const struct command cmd_mount;

#endif
