/* Passwords that are typed or piped in, not written on a command line. One thread. */
#ifndef O2R_CLI_SECRET_H
#define O2R_CLI_SECRET_H

#include "base/err.h"

enum {
	SECRET_MAX = 64 << 10, /* bytes */
};

/* Ask on the terminal of the process, without echo. *out: secret_discard it. Errors: USAGE
 * when there is no terminal. */
int secret_ask(const char *prompt, char **out, struct o2r_err *err) O2R_MUST_CHECK;
/* All of standard input, without the newline at its end. */
int secret_read(char **out, struct o2r_err *err) O2R_MUST_CHECK;
/* Overwrites it first. NULL is fine. */
void secret_discard(char *secret);

#endif
