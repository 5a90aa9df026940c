#include "sources/registry/credentials.h"

#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/secret.h"

static int given(const struct registry_settings *settings, struct credential *out,
	struct o2r_err *err)
{
	CLEANUP(credential_finish)
	struct credential c = {
		.username = strdup(settings->username),
		.password = strdup(settings->password ? settings->password : ""),
		.from = strdup("the command line"),
	};

	if (!c.username || !c.password || !c.from)
		return err_nomem(err);
	*out = c;
	c = (struct credential){0};
	return 1;
}

int credentials_find(const char *registry, const char *repository,
	const struct registry_settings *settings, const struct ctx *ctx,
	struct credential *out, struct o2r_err *err)
{
	(void)registry, (void)repository, (void)ctx;
	if (settings->username)
		return given(settings, out, err);
	return 0;
}

void credential_finish(struct credential *c)
{
	secret_free(c->username);
	secret_free(c->password);
	secret_free(c->identity_token);
	secret_free(c->registry_token);
	free(c->from);
	*c = (struct credential){0};
}
