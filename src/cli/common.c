/* What cli.h declares for all commands, except the help and the table of commands. */
#include "cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/help.h"

static int set_help(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct cli *)state)->help = true;
	return 0;
}

static int set_verbose(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct cli *)state)->verbose++;
	return 0;
}

static int set_quiet(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct cli *)state)->quiet = true;
	return 0;
}

const struct option_spec cli_common_options[] = {
	{'v', "verbose", NULL, "say more: -v each layer, -vv details, -vvv everything",
		set_verbose},
	{'q', "quiet", NULL, "errors only: no warnings, no progress, no closing line",
		set_quiet},
	{'h', "help", NULL, "show this help", set_help},
};
const size_t cli_common_option_count = ARRAY_LEN(cli_common_options);

/* Log level from -v, -q and O2R_LOG, the command line first. */
static int settle_level(struct cli *cli, struct o2r_err *err)
{
	static const enum o2r_log_level levels[] = {
		O2R_LOG_INFO, O2R_LOG_DEBUG, O2R_LOG_TRACE};
	int r = console_set_level_name(&cli->console, getenv("O2R_LOG"), err);

	if (r < 0)
		return r;
	if (cli->quiet && cli->verbose)
		return err_set(err, ERR_USAGE, EINVAL,
			"--quiet and --verbose exclude each other");
	if (cli->verbose)
		cli->console.level =
			levels[MIN(cli->verbose, (unsigned)ARRAY_LEN(levels)) - 1];
	if (cli->quiet)
		cli->console.level = O2R_LOG_ERROR;
	cli->console.quiet = cli->quiet;
	return 0;
}

static int show_help(struct cli *cli, const struct command *c)
{
	AUTO_BUF struct buf text = {0};
	struct o2r_err err;

	if (help_command(&text, c) < 0) {
		err_nomem(&err);
		return cli_fail(cli, NULL, &err);
	}
	return cli_print(cli, &text);
}

int cli_begin(struct cli *cli, const struct command *c, void *const *states, int *argc,
	char **argv)
{
	struct option_group groups[CLI_MAX_GROUPS + 1];
	struct o2r_err err;
	size_t n = 0;

	assert(c->group_count <= CLI_MAX_GROUPS);
	for (; n < c->group_count; n++) {
		groups[n] = c->groups[n];
		groups[n].state = states[n];
	}
	groups[n++] =
		(struct option_group){cli_common_options, cli_common_option_count, cli};

	int r = options_parse(groups, n, 0, argc, argv, &err);

	if (r == 0 && cli->help)
		return show_help(cli, c);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (groups[i].check)
			r = groups[i].check(groups[i].state, &err);
	if (r == 0)
		r = settle_level(cli, &err);
	return r < 0 ? cli_fail(cli, c, &err) : CLI_GO_ON;
}

int cli_operands(struct cli *cli, const struct command *c, const struct operand *wanted,
	int count, int optional, int argc, char **argv)
{
	struct o2r_err err;

	if (argc >= count - optional && argc <= count)
		return CLI_GO_ON;
	if (argc > count && count == 1)
		err_set(&err, ERR_USAGE, EINVAL, "one %s at a time: %s is one too many",
			wanted[0].name, text_quote(argv[1], strlen(argv[1])).s);
	else if (argc > count)
		err_set(&err, ERR_USAGE, EINVAL, "%s is one operand too many",
			text_quote(argv[count], strlen(argv[count])).s);
	else
		err_set(&err, ERR_USAGE, EINVAL, "no %s: name %s", wanted[argc].name,
			wanted[argc].hint ? wanted[argc].hint : "one");
	return cli_fail(cli, c, &err);
}

int cli_fail(struct cli *cli, const struct command *c, const struct o2r_err *err)
{
	char line[sizeof(err->text) + 64];

	console_end(&cli->console, false);
	if (err->cls == ERR_USAGE && c)
		snprintf(
			line, sizeof(line), "%s (see 'o2r help %s')", err->text, c->name);
	else
		snprintf(line, sizeof(line), "%s", err->text);
	console_error(&cli->console, line);
	return err->cls == ERR_NONE ? ERR_FAIL : (int)err->cls;
}

int cli_fail_library(struct cli *cli, const struct o2r_error *error)
{
	console_end(&cli->console, false);
	console_error(&cli->console, error->text);
	return error->error_class == O2R_CLASS_NONE ? ERR_FAIL : (int)error->error_class;
}

int cli_print(struct cli *cli, const struct buf *text)
{
	int r = text->len ? write_full(STDOUT_FILENO, text->data, text->len) : 0;
	struct o2r_err err;

	if (r == 0)
		return 0;
	err_errno(&err, -r, "cannot write to standard output");
	return cli_fail(cli, NULL, &err);
}
