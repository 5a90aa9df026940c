/* The table of commands. */
#include <string.h>

#include "base/checked.h"
#include "cli/cli.h"
#include "cli/cmd_cache.h"
#include "cli/cmd_cat.h"
#include "cli/cmd_cp.h"
#include "cli/cmd_diff.h"
#include "cli/cmd_digest.h"
#include "cli/cmd_inspect.h"
#include "cli/cmd_ls.h"
#include "cli/cmd_mount.h"
#include "cli/cmd_mounts.h"
#include "cli/cmd_pull.h"
#include "cli/cmd_save.h"
#include "cli/cmd_snapshot.h"
#include "cli/cmd_umount.h"
#include "cli/help.h"

const struct command *const cli_commands[] = {
	&cmd_mount,
	&cmd_umount,
	&cmd_mounts,
	&cmd_snapshot,
	&cmd_ls,
	&cmd_cat,
	&cmd_cp,
	&cmd_inspect,
	&cmd_digest,
	&cmd_pull,
	&cmd_save,
	&cmd_diff,
	&cmd_cache,
	&cmd_help,
};
const size_t cli_command_count = ARRAY_LEN(cli_commands);

const struct command *cli_find_command(const char *name)
{
	for (size_t i = 0; i < cli_command_count; i++)
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
	return NULL;
}
