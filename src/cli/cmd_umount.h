/* o2r umount: unmount views. */
#ifndef O2R_CLI_CMD_UMOUNT_H
#define O2R_CLI_CMD_UMOUNT_H

#include "cli/cli.h"

extern const struct command cmd_umount;

#endif
