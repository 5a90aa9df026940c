/*
 * A home folder of a test's own, and what was said: for tests of credentials.
 */
#ifndef O2R_TESTS_HOME_CASE_H
#define O2R_TESTS_HOME_CASE_H

#include <stdbool.h>

#include "base/ctx.h"

/* Part of every secret here, and of no message. */
#define MARK "S3CR3T"
/* base64 of "user:S3CR3T:a", and with NULs behind it */
#define AUTH "dXNlcjpTM0NSM1Q6YQ=="
#define AUTH_NULS "dXNlcjpTM0NSM1Q6YQAAAA=="

extern char home[];
extern char said[1 << 16]; /* all messages */
extern int home_cancel;
extern const struct ctx home_ctx;

/* Nothing there, and nothing set. */
void home_fresh(void);
void home_remove(void);
/* Names are relative to the home. */
void home_write(const char *name, const char *content, int mode);
/* "" when it is not there; in a buffer that is used again. */
const char *home_read(const char *name);
void home_unlink(const char *name);
/* A variable of the environment: the path of a name. */
void home_set(const char *variable, const char *name);

/* Neither the text nor a message has a secret in it; else the test ends. */
void home_check_silence(const char *text);
/* What is false is no fault of what is tested: the test ends. */
void must(bool ok, const char *what);

#endif
