/*
 * Passwords that are typed or piped in, not written on a command line. Signals that are
 * handled end the wait (class INTERRUPTED), and so does *cancel (which may be NULL). One
 * thread, as long as there is only one.
 */
#ifndef O2R_CLI_SECRET_H
#define O2R_CLI_SECRET_H

#include "base/err.h"

enum {
	SECRET_MAX = 64 << 10, /* bytes */
};

/* Ask on the terminal of the process, without echo. *out: secret_discard it. Errors:
 * USAGE when there is no terminal. */
int secret_ask(const char *prompt, const volatile int *cancel, char **out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* All of standard input, without the newline at its end. */
int secret_read(
	const volatile int *cancel, char **out, struct o2r_err *err) O2R_MUST_CHECK;
/* Overwrites it first. NULL is fine. */
void secret_discard(char *secret);

#endif
