#include "sources/registry/realm.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

static int refuse(const char *realm, const char *why, struct o2r_err *err)
{
	const char *host = strstr(realm, "://");
	size_t from = 0, user;

	host = host ? host + 3 : realm;
	/* not all of it: it may repeat what was sent */
	user = text_user_part(realm, strcspn(realm, "?#"), &from);
	host = user ? realm + from + user : host;

	size_t n = (size_t)(host - realm) + strcspn(host, "/?#");

	return err_set(err, ERR_ACCESS, EPERM,
		"it sends us to %s for a token: %s, so it gets nothing: tell who "
		"runs the registry",
		text_quote_place(realm, n).s, why);
}

int realm_check(const char *realm, const struct url *registry, struct url *out,
	struct o2r_err *err)
{
	struct url u;

	if (url_parse(realm, &u) < 0)
		return refuse(realm, "that is no https URL", err);
	if (!u.https && registry->https)
		return refuse(realm, "that is not https, as the registry is", err);
	if (host_is_private(u.host) && strcmp(u.host, registry->host) != 0 &&
		!(host_is_loopback(u.host) && host_is_loopback(registry->host)))
		return refuse(realm,
			"that is a private address, and not the registry's own", err);
	*out = u;
	return 0;
}
