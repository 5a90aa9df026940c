/* o2r cache: what is kept between runs, listed and removed. */
#ifndef O2R_CLI_CMD_CACHE_H
#define O2R_CLI_CMD_CACHE_H

#include "cli/cli.h"

extern const struct command cmd_cache;

#endif
