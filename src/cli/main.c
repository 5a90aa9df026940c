/*
 * The o2r command: signals, and which command runs. The only writable global of the
 * project stands here.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/checked.h"
#include "cli/cli.h"
#include "cli/help.h"

/* The library takes an int; a signal handler may write one on every Linux machine. */
static volatile int cancelled;

static void on_signal(int sig)
{
	/* the first signal asks, the second one does not wait for the answer */
	if (__atomic_load_n(&cancelled, __ATOMIC_RELAXED)) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	/* any thread may be the one that runs this, and all look at it */
	__atomic_store_n(&cancelled, 1, __ATOMIC_RELAXED);
}

static void catch_signals(void)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction old, action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		/* nohup and background jobs of a script ignore some: so do we */
		if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		sigaction(stops[i], &action, NULL);
	}
	/* a reader that went away is an error to report, not a silent end */
	signal(SIGPIPE, SIG_IGN);
	/* so is a file over the limit (ulimit -f): the temporary one must go */
	signal(SIGXFSZ, SIG_IGN);
}

/* A file of ours must never get a standard descriptor's number: a message would be
 * written into it. What was closed stays unusable. */
static void hold_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

/* Images of hundreds of layers take as many descriptors; select(2), for which the usual
 * soft limit is kept low, is used nowhere. */
static void allow_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int set_version(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct cli *)state)->version = true;
	return 0;
}

static int print_about_program(struct cli *cli)
{
	AUTO_BUF struct buf text = {0};
	struct o2r_err err;
	int r = cli->version ? buf_printf(&text, "o2r %s\n", o2r_version())
			     : help_program(&text);

	if (r == 0)
		return cli_print(cli, &text);
	err_nomem(&err);
	return cli_fail(cli, NULL, &err);
}

int main(int argc, char **argv)
{
	static const struct option_spec program_options[] = {
		{'V', "version", NULL, "print the version", set_version},
	};
	struct cli cli = {.cancel = &cancelled};
	const struct option_group groups[] = {
		{program_options, ARRAY_LEN(program_options), &cli},
		{cli_common_options, cli_common_option_count, &cli},
	};
	const struct command *command;
	struct o2r_err err;
	int r;

	hold_standard_fds();
	allow_descriptors();
	catch_signals();
	console_init(&cli.console, STDERR_FILENO);
	argc -= argc > 0;
	argv++;
	if (options_parse(groups, ARRAY_LEN(groups), 1, &argc, argv, &err) < 0)
		return cli_fail(&cli, NULL, &err);
	if (cli.version || (cli.help && argc == 0))
		return print_about_program(&cli);
	if (argc == 0) {
		err_set(&err, ERR_USAGE, EINVAL,
			"no command: 'o2r --help' lists the commands");
		return cli_fail(&cli, NULL, &err);
	}
	command = cli_find_command(argv[0]);
	if (!command) {
		help_unknown_command(argv[0], &err);
		return cli_fail(&cli, NULL, &err);
	}
	r = command->run(&cli, argc - 1, argv + 1);
	console_end(&cli.console, false);
	return r;
}
