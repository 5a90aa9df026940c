#include "cli/background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "cli/stop.h"

static int fail(struct cli *cli, int errnum, const char *what)
{
	struct o2r_err err;

	err_errno(&err, errnum, "%s", what);
	return cli_fail(cli, NULL, &err);
}

static int exit_code(struct cli *cli, pid_t child)
{
	struct o2r_err err;
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return fail(cli, errno, "cannot wait for the server");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status); /* it has said why */
	if (WIFEXITED(status))
		err_set(&err, ERR_FAIL, EIO, "the server ended before it was ready");
	else
		err_set(&err, ERR_FAIL, EIO,
			"the server died of signal %d before it was ready",
			WTERMSIG(status));
	return cli_fail(cli, NULL, &err);
}

/* It was told to stop as it became ready: then it stops, and that is what is said. */
static int interrupted(struct cli *cli, pid_t child)
{
	struct o2r_err err;
	int status;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	err_set(&err, ERR_INTERRUPTED, EINTR, "interrupted");
	return cli_fail(cli, NULL, &err);
}

/* One byte comes when it is ready, the end of the pipe when it is gone. */
static int wait_until_ready(struct cli *cli, pid_t child, int pipe, int signals)
{
	struct pollfd fds[] = {
		{.fd = pipe, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	bool told = false;

	for (;;) {
		struct signalfd_siginfo info;
		char byte;

		if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return fail(cli, errno, "cannot wait for the server");
		}
		if (fds[1].revents && read(signals, &info, sizeof(info)) > 0) {
			kill(child, (int)info.ssi_signo);
			told = true;
			continue;
		}
		if (!fds[0].revents)
			continue;
		if (read(pipe, &byte, 1) != 1)
			return exit_code(cli, child);
		return told ? interrupted(cli, child) : 0;
	}
}

/* What the caller had open is not the server's to keep: a lock, say, or a pipe whose
 * reader waits for its end. */
static void close_others(int keep)
{
#ifdef SYS_close_range
	if (keep > STDERR_FILENO + 1)
		(void)syscall(SYS_close_range, STDERR_FILENO + 1, keep - 1, 0);
	(void)syscall(SYS_close_range, MAX(keep, STDERR_FILENO) + 1, ~0U, 0);
#else
	for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
		if (fd != keep)
			close(fd);
#endif
}

int background_begin(struct background *b, struct cli *cli)
{
	AUTO_FD int from = -1;
	AUTO_FD int to = -1;
	AUTO_FD int signals = -1;
	struct o2r_err err;
	sigset_t before;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(cli, errno, "cannot make a pipe");
	from = ends[0];
	to = ends[1];
	/* before there are two, so that none is lost between them */
	signals = stop_signals(&before, &err);
	if (signals < 0)
		return cli_fail(cli, NULL, &err);
	child = fork();
	if (child < 0)
		return fail(cli, errno, "cannot start a process for the server");
	if (child > 0) {
		cleanup_fd(&to);
		to = -1;
		return wait_until_ready(cli, child, from, signals);
	}
	b->ready = steal_fd(&to);
	from = signals = -1; /* closed with all others */
	close_others(b->ready);
	return CLI_GO_ON;
}

int background_ready(struct background *b, struct o2r_err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r;

	if (null < 0)
		return err_errno(err, errno, "cannot open /dev/null");
	if (setsid() < 0 || chdir("/") < 0) {
		r = err_errno(err, errno, "cannot leave the session");
		close(null);
		return r;
	}
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
	r = write_full(b->ready, "", 1);
	close(b->ready);
	b->ready = -1;
	return r < 0 ? err_errno(err, -r, "who started the server is gone") : 0;
}
