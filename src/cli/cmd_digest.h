/* o2r digest: the digest that an image is known by. */
#ifndef O2R_CLI_CMD_DIGEST_H
#define O2R_CLI_CMD_DIGEST_H

#include "cli/cli.h"

extern const struct command cmd_digest;

#endif
