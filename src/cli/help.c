#include "cli/help.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/suggest.h"

/* Width of the column that names the options. */
enum {
	LEFT = 26,
};

static const char *const exit_codes =
	"\n"
	"Exit status: 0 success, 1 failure, 2 wrong usage, 3 image not found, 4 access\n"
	"denied, 5 no matching platform, 6 corrupt image, 7 no space, 130 interrupted.\n";

static int add_option(struct buf *out, const struct option_spec *o)
{
	char left[64];

	if (!o->help)
		return 0;
	snprintf(left, sizeof(left), "%c%c%s--%s%s%s%s%s", o->letter ? '-' : ' ',
		o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
		o->optional ? "[" : "", o->arg ? "=" : "", o->arg ? o->arg : "",
		o->optional ? "]" : "");
	/* a longer help text goes on in the same column */
	if (strlen(left) > LEFT)
		return buf_printf(out, "  %s\n  %*s %s\n", left, LEFT, "", o->help);
	return buf_printf(out, "  %-*s %s\n", LEFT, left, o->help);
}

static int add_options(struct buf *out, const struct option_group *g)
{
	int r = 0;

	for (size_t i = 0; i < g->count && r == 0; i++)
		r = add_option(out, &g->specs[i]);
	return r;
}

int help_command(struct buf *out, const struct command *c)
{
	int r = buf_printf(out, "Usage: o2r %s [OPTIONS] %s\n\n%s\nOptions:\n", c->name,
		c->operands, c->about);

	for (size_t i = 0; r == 0 && i < c->group_count; i++)
		r = add_options(out, &c->groups[i]);
	if (r == 0)
		r = add_options(out, &(struct option_group){.specs = cli_common_options,
					     .count = cli_common_option_count});
	return r < 0 ? r : buf_printf(out, "%s", exit_codes);
}

int help_program(struct buf *out)
{
	int r = buf_printf(out,
		"Usage: o2r COMMAND [OPTIONS] ...\n\n"
		"Container images as root filesystems, without root and without a "
		"daemon.\n\n"
		"Commands:\n");

	for (size_t i = 0; i < cli_command_count && r == 0; i++)
		r = buf_printf(out, "  %-12s %s\n", cli_commands[i]->name,
			cli_commands[i]->summary);
	if (r == 0)
		r = buf_printf(out,
			"\n'o2r help COMMAND' shows the options of a command, 'o2r "
			"--version' the version.\n%s",
			exit_codes);
	return r;
}

int help_unknown_command(const char *name, struct o2r_err *err)
{
	struct suggestion s = {NULL, 0};

	for (size_t i = 0; i < cli_command_count; i++)
		suggest_offer(&s, name, strlen(name), cli_commands[i]->name);
	if (s.best)
		return err_set(err, ERR_USAGE, EINVAL,
			"unknown command %s: did you mean %s?",
			text_quote(name, strlen(name)).s, s.best);
	return err_set(err, ERR_USAGE, EINVAL,
		"unknown command %s: 'o2r --help' lists the commands",
		text_quote(name, strlen(name)).s);
}

static int help_run(struct cli *cli, int argc, char **argv)
{
	AUTO_BUF struct buf text = {0};
	struct o2r_err err;
	int r = cli_begin(cli, &cmd_help, NULL, &argc, argv);

	if (r != CLI_GO_ON)
		return r;
	if (argc > 1) {
		err_set(&err, ERR_USAGE, EINVAL, "one command at a time");
		return cli_fail(cli, &cmd_help, &err);
	}
	if (argc == 0) {
		r = help_program(&text);
	} else {
		const struct command *c = cli_find_command(argv[0]);

		if (!c) {
			help_unknown_command(argv[0], &err);
			return cli_fail(cli, NULL, &err);
		}
		r = help_command(&text, c);
	}
	if (r < 0) {
		err_nomem(&err);
		return cli_fail(cli, NULL, &err);
	}
	return cli_print(cli, &text);
}

const struct command cmd_help = {
	.name = "help",
	.summary = "explain a command",
	.operands = "[COMMAND]",
	.about = "Show the options of a command, or the list of commands.\n",
	.run = help_run,
};
