/*
 * The options that say how images are fetched from registries: credentials, certificates,
 * how much at once. Part of struct image_args. Passwords are overwritten once the library
 * has them, and where they stood on the command line.
 */
#ifndef O2R_CLI_REGISTRY_ARGS_H
#define O2R_CLI_REGISTRY_ARGS_H

#include <stdbool.h>

#include "cli/options.h"
#include "o2r.h"

struct registry_args {
	struct o2r_options *options; /* borrowed; what needs no check is set at once */
	const volatile int *cancel;  /* ends the wait for a password; may be NULL */
	char *username, *password;   /* NULL: not given */
	bool creds, named;           /* by --creds, by --username */
	bool password_stdin;
	bool insecure;
	enum o2r_tls tls; /* of --tls-verify */
};

enum {
	REGISTRY_ARGS_OPTION_COUNT = 9,
};
extern const struct option_spec registry_args_options[REGISTRY_ARGS_OPTION_COUNT];

/* Do they go together? State is the struct registry_args. */
int registry_args_check(void *state, struct o2r_err *err) O2R_MUST_CHECK;
/* Hand them to the options handle; reads or asks for a password that is not there yet.
 * Does nothing when called again. */
int registry_args_apply(struct registry_args *a, struct o2r_err *err) O2R_MUST_CHECK;
void registry_args_finish(struct registry_args *a);

#endif
