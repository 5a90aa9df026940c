#include "cli/registry_args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/secret.h"
#include "cli/value.h"

enum {
	MAX_TRANSFERS = 32,
};

static int not_empty(const char *value, struct o2r_err *err)
{
	return *value ? 0 : err_set(err, ERR_USAGE, EINVAL, "the name is empty");
}

static int replace(char **at, const char *value, size_t n, struct o2r_err *err)
{
	char *copy = strndup(value, n);

	if (!copy)
		return err_nomem(err);
	secret_discard(*at);
	*at = copy;
	return 0;
}

/* The value is a part of argv, which everybody on the machine can read. */
static void hide(const char *value)
{
	explicit_bzero((char *)value, strlen(value));
}

static int take_creds(struct registry_args *a, const char *value, struct o2r_err *err)
{
	const char *colon = strchr(value, ':');
	size_t n = colon ? (size_t)(colon - value) : strlen(value);
	int r;

	if (n == 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"there is no user name: USER or USER:PASSWORD is wanted");
	r = replace(&a->username, value, n, err);
	secret_discard(a->password);
	a->password = NULL;
	if (r == 0 && colon)
		r = replace(&a->password, colon + 1, strlen(colon + 1), err);
	return r;
}

static int set_creds(void *state, const char *value, struct o2r_err *err)
{
	struct registry_args *a = state;
	int r = take_creds(a, value, err);

	hide(value);
	a->creds = true;
	return r;
}

static int set_username(void *state, const char *value, struct o2r_err *err)
{
	struct registry_args *a = state;

	if (!*value || strchr(value, ':'))
		return err_set(err, ERR_USAGE, EINVAL,
			"a user name is not empty and has no colon: the password is read "
			"with --password-stdin, or asked for");
	a->named = true;
	return replace(&a->username, value, strlen(value), err);
}

static int set_password_stdin(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct registry_args *)state)->password_stdin = true;
	return 0;
}

static int set_authfile(void *state, const char *value, struct o2r_err *err)
{
	struct registry_args *a = state;
	int r = not_empty(value, err);

	if (r == 0 && o2r_options_set_authfile(a->options, value) < 0)
		r = err_nomem(err);
	return r;
}

static int set_cert_dir(void *state, const char *value, struct o2r_err *err)
{
	struct registry_args *a = state;
	int r = not_empty(value, err);

	if (r == 0 && o2r_options_set_cert_dir(a->options, value) < 0)
		r = err_nomem(err);
	return r;
}

static int set_tls_verify(void *state, const char *value, struct o2r_err *err)
{
	struct registry_args *a = state;

	if (!value || strcmp(value, "true") == 0)
		a->tls = O2R_TLS_VERIFY;
	else if (strcmp(value, "false") == 0)
		a->tls = O2R_TLS_INSECURE;
	else
		return err_set(err, ERR_USAGE, EINVAL, "'%s' is not true or false",
			text_quote(value, strlen(value)).s);
	return 0;
}

static int set_insecure(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	((struct registry_args *)state)->insecure = true;
	return 0;
}

static int set_parallel(void *state, const char *value, struct o2r_err *err)
{
	struct registry_args *a = state;
	uint64_t n;
	int r = value_number(value, MAX_TRANSFERS, &n, err);

	if (r == 0 && o2r_options_set_parallel(a->options, (unsigned)n) < 0)
		r = err_set(err, ERR_USAGE, EINVAL, "%s transfers do not work", value);
	return r;
}

static int set_offline(void *state, const char *value, struct o2r_err *err)
{
	(void)value, (void)err;
	o2r_options_set_offline(((struct registry_args *)state)->options, true);
	return 0;
}

const struct option_spec registry_args_options[REGISTRY_ARGS_OPTION_COUNT] = {
	{0, "creds", "USER[:PASS]", "for the registry; asks for a missing password",
		set_creds},
	{0, "username", "USER", "for the registry; asks for the password", set_username},
	{0, "password-stdin", NULL, "read that password from standard input",
		set_password_stdin},
	{0, "authfile", "FILE", "where credentials are; default: podman's and Docker's",
		set_authfile},
	{0, "cert-dir", "DIR", "certificates (*.crt, *.cert, *.key) for the registry",
		set_cert_dir},
	{0, "tls-verify", "true|false", "true: over registries.conf; false: --insecure",
		set_tls_verify, true},
	{0, "insecure", NULL, "https without verification, else http", set_insecure},
	{0, "parallel", "N", "transfers at once; default: 4", set_parallel},
	{0, "offline", NULL, "use only what is in the cache folder, no network",
		set_offline},
};

int registry_args_check(void *state, struct o2r_err *err)
{
	const struct registry_args *a = state;

	if (a->creds && a->named)
		return err_set(err, ERR_USAGE, EINVAL,
			"--creds and --username exclude each other");
	if (a->creds && a->password_stdin)
		return err_set(err, ERR_USAGE, EINVAL,
			"--creds and --password-stdin exclude each other: write "
			"--username with the latter");
	if (a->password_stdin && !a->username)
		return err_set(
			err, ERR_USAGE, EINVAL, "--password-stdin needs --username");
	if (a->insecure && a->tls == O2R_TLS_VERIFY)
		return err_set(err, ERR_USAGE, EINVAL,
			"--insecure and --tls-verify exclude each other");
	return 0;
}

static int ask(struct registry_args *a, struct o2r_err *err)
{
	char prompt[256];

	snprintf(prompt, sizeof(prompt),
		"Password for %s: ", text_quote(a->username, strlen(a->username)).s);
	return secret_ask(prompt, a->cancel, &a->password, err);
}

int registry_args_apply(struct registry_args *a, struct o2r_err *err)
{
	int r = 0;

	o2r_options_set_tls(a->options, a->insecure ? O2R_TLS_INSECURE : a->tls);
	if (!a->username)
		return 0;
	if (a->password_stdin)
		r = secret_read(a->cancel, &a->password, err);
	else if (!a->password)
		r = ask(a, err);
	if (r == 0 &&
		o2r_options_set_credentials(a->options, a->username, a->password) < 0)
		r = err_nomem(err);
	registry_args_finish(a);
	return r;
}

void registry_args_finish(struct registry_args *a)
{
	secret_discard(a->username);
	secret_discard(a->password);
	a->username = a->password = NULL;
}
