#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

/* Of SECRET_MAX + 1 bytes; what was in it does not stay in freed memory. */
static void buffer_free(char **buffer)
{
	if (*buffer)
		explicit_bzero(*buffer, SECRET_MAX + 1);
	free(*buffer);
}

void secret_discard(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

struct input {
	int fd;
	bool line; /* to the end of a line, not of the file */
	const char *name;
	const volatile int *cancel;
	sigset_t old_mask;
};

/* Signals are let in only while we wait: none gets lost between a look at *cancel and a
 * read that would then wait for ever. */
static void hold_signals(struct input *in)
{
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	sigprocmask(SIG_BLOCK, &stops, &in->old_mask);
}

static void release_signals(const struct input *in)
{
	sigprocmask(SIG_SETMASK, &in->old_mask, NULL);
}

static int wait_for(const struct input *in, struct o2r_err *err)
{
	struct pollfd p = {.fd = in->fd, .events = POLLIN};
	bool cancelled = in->cancel && *in->cancel;

	if (cancelled || (ppoll(&p, 1, NULL, &in->old_mask) < 0 && errno == EINTR))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	return 0;
}

/* To the end of the file, or of the line: the number of bytes. */
static int read_bytes(const struct input *in, char *buf, size_t *len, struct o2r_err *err)
{
	size_t n = 0;

	while (n <= SECRET_MAX) {
		if (wait_for(in, err) < 0)
			return -EINTR;

		ssize_t got = read(in->fd, buf + n, SECRET_MAX + 1 - n);

		if (got < 0)
			return err_errno(
				err, errno, "cannot read the password from %s", in->name);
		n += (size_t)got;
		if (got == 0 || (in->line && buf[n - 1] == '\n')) {
			*len = n;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, EFBIG,
		"what %s gives is no password: more than %d bytes", in->name, SECRET_MAX);
}

static int read_secret(const struct input *in, char **out, struct o2r_err *err)
{
	CLEANUP(buffer_free) char *buf = malloc(SECRET_MAX + 1);
	size_t n = 0;

	if (!buf)
		return err_nomem(err);

	int r = read_bytes(in, buf, &n, err);

	if (r < 0)
		return r;
	if (n && buf[n - 1] == '\n')
		n--;
	if (n && buf[n - 1] == '\r')
		n--;
	if (n == 0)
		return err_set(err, ERR_USAGE, EINVAL, "%s gave no password", in->name);
	if (memchr(buf, 0, n))
		return err_set(err, ERR_USAGE, EINVAL,
			"what %s gives is no password: there is a NUL byte in it",
			in->name);
	*out = strndup(buf, n);
	return *out ? 0 : err_nomem(err);
}

int secret_read(const volatile int *cancel, char **out, struct o2r_err *err)
{
	struct input in = {STDIN_FILENO, false, "standard input", cancel, {{0}}};

	hold_signals(&in);

	int r = read_secret(&in, out, err);

	release_signals(&in);
	return r;
}

static int ask(
	const struct input *in, const char *prompt, char **out, struct o2r_err *err)
{
	struct termios old, silent;

	if (tcgetattr(in->fd, &old) < 0)
		return err_errno(err, errno, "cannot use the terminal");
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(in->fd, TCSAFLUSH, &silent) < 0)
		return err_errno(err, errno, "cannot turn off the terminal's echo");

	int r = write_full(in->fd, prompt, strlen(prompt));

	r = r < 0 ? err_errno(err, -r, "cannot write to the terminal")
		  : read_secret(in, out, err);
	tcsetattr(in->fd, TCSAFLUSH, &old);
	/* the newline that was typed has not been shown */
	(void)!write_full(in->fd, "\n", 1);
	return r;
}

int secret_ask(
	const char *prompt, const volatile int *cancel, char **out, struct o2r_err *err)
{
	AUTO_FD int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct input in = {fd, true, "the terminal", cancel, {{0}}};

	if (fd < 0)
		return err_set(err, ERR_USAGE, ENOTTY,
			"no password, and there is no terminal to ask for it: use "
			"--password-stdin or --authfile");
	hold_signals(&in);

	int r = ask(&in, prompt, out, err);

	/* only now may a second signal end the process: the echo is back */
	release_signals(&in);
	return r;
}
