#include "sources/registry/refusal.h"

#include <errno.h>
#include <stddef.h>

bool credential_is_empty(const struct credential *c)
{
	return !c || (!c->username && !c->identity_token && !c->registry_token);
}

static const char *kind_of(const struct credential *c)
{
	if (c->registry_token)
		return "the registry token";
	return c->identity_token ? "the identity token" : "the user name and password";
}

static int refuse_nobody(const struct asker *who, struct o2r_err *err)
{
	if (who->no_secrets)
		return err_set(err, ERR_ACCESS, EACCES,
			"%s is not public or does not exist, and credentials are not "
			"sent over plain http unless --insecure asks for it: use TLS, or "
			"--insecure on a network that you trust",
			who->repository);
	return err_set(err, ERR_ACCESS, EACCES,
		"%s is not public or does not exist, and there are no credentials for "
		"%s: give some with --creds USER:PASSWORD or --authfile FILE, or log in "
		"with 'podman login %s' or 'docker login %s'",
		who->repository, who->registry, who->registry, who->registry);
}

int refuse_credentials(const struct asker *who, struct o2r_err *err)
{
	if (credential_is_empty(who->cred))
		return refuse_nobody(who, err);
	return err_set(err, ERR_ACCESS, EACCES,
		"it does not accept %s from %s: give others with --creds USER:PASSWORD, "
		"or log in again with 'podman login %s' or 'docker login %s'",
		kind_of(who->cred), who->cred->from, who->registry, who->registry);
}

int refuse_access(const struct asker *who, struct o2r_err *err)
{
	if (credential_is_empty(who->cred))
		return refuse_nobody(who, err);
	return err_set(err, ERR_ACCESS, EACCES,
		"access to %s is denied with %s from %s, or it does not exist",
		who->repository, kind_of(who->cred), who->cred->from);
}

int refuse_kind(const struct asker *who, struct o2r_err *err)
{
	return err_set(err, ERR_ACCESS, EACCES,
		"it wants a user name and a password, and there is only %s from %s: give "
		"some with --creds USER:PASSWORD",
		kind_of(who->cred), who->cred->from);
}
