#include "cli/cmd_umount.h"

#include <errno.h>

#include "base/checked.h"

struct umount {
	bool lazy;
};

static int set_lazy(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct umount *)state)->lazy = true;
	return 0;
}

static const struct option_spec umount_options[] = {
	{'l', "lazy", NULL, "out of sight now, gone when nobody uses it any more",
		set_lazy},
};

static int umount_run(struct cli *cli, int argc, char **argv)
{
	struct umount u = {0};
	void *const states[] = {&u};
	int code = 0, r = cli_begin(cli, &cmd_umount, states, &argc, argv);

	if (r != CLI_GO_ON)
		return r;
	if (argc == 0)
		return cli_operands(cli, &cmd_umount,
			&(struct operand){"mount point", NULL}, 1, 0, argc, argv);
	for (int i = 0; i < argc; i++) {
		struct o2r_error error = {0};

		if (o2r_unmount(argv[i], u.lazy, &error) < 0) {
			r = cli_fail_library(cli, &error);
			code = code ? code : r;
		}
	}
	return code;
}

static const struct option_group umount_groups[] = {
	{.specs = umount_options, .count = ARRAY_LEN(umount_options)},
};

const struct command cmd_umount = {
	.name = "umount",
	.summary = "unmount views",
	.operands = "DIR...",
	.about =
		"Unmount the views on each DIR, also one whose server is dead, and wait "
		"for "
		"the\n"
		"server to end. One that cannot be unmounted does not keep the others.\n",
	.groups = umount_groups,
	.group_count = ARRAY_LEN(umount_groups),
	.run = umount_run,
};
