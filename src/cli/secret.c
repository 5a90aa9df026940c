#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
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

/* Read to the end of the file, or of the line: the number of bytes. */
static int read_bytes(
	int fd, bool line, const char *from, char *buf, size_t *len, struct o2r_err *err)
{
	size_t n = 0;

	while (n <= SECRET_MAX) {
		ssize_t got = read(fd, buf + n, SECRET_MAX + 1 - n);

		if (got < 0 && errno == EINTR)
			return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
		if (got < 0)
			return err_errno(
				err, errno, "cannot read the password from %s", from);
		n += (size_t)got;
		if (got == 0 || (line && buf[n - 1] == '\n')) {
			*len = n;
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, EFBIG,
		"what %s gives is no password: more than %d bytes", from, SECRET_MAX);
}

static int read_secret(
	int fd, bool line, const char *from, char **out, struct o2r_err *err)
{
	CLEANUP(buffer_free) char *buf = malloc(SECRET_MAX + 1);
	size_t n = 0;

	if (!buf)
		return err_nomem(err);

	int r = read_bytes(fd, line, from, buf, &n, err);

	if (r < 0)
		return r;
	if (n && buf[n - 1] == '\n')
		n--;
	if (n && buf[n - 1] == '\r')
		n--;
	if (n == 0)
		return err_set(err, ERR_USAGE, EINVAL, "%s gave no password", from);
	if (memchr(buf, 0, n))
		return err_set(err, ERR_USAGE, EINVAL,
			"what %s gives is no password: there is a NUL byte in it", from);
	*out = strndup(buf, n);
	return *out ? 0 : err_nomem(err);
}

int secret_read(char **out, struct o2r_err *err)
{
	return read_secret(STDIN_FILENO, false, "standard input", out, err);
}

int secret_ask(const char *prompt, char **out, struct o2r_err *err)
{
	AUTO_FD int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios old, silent;

	if (fd < 0 || tcgetattr(fd, &old) < 0)
		return err_set(err, ERR_USAGE, ENOTTY,
			"no password, and there is no terminal to ask for it: use "
			"--password-stdin or --authfile");
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
		return err_errno(err, errno, "cannot turn off the terminal's echo");

	int r = write_full(fd, prompt, strlen(prompt));

	r = r < 0 ? err_errno(err, -r, "cannot write to the terminal")
		  : read_secret(fd, true, "the terminal", out, err);
	tcsetattr(fd, TCSAFLUSH, &old);
	/* the newline that was typed has not been shown */
	(void)!write_full(fd, "\n", 1);
	return r;
}
