#include "sources/registry/auth_key.h"

#include <string.h>
#include <strings.h>

bool auth_key_is_hub(const char *host, size_t n)
{
	static const char *const names[] = {
		AUTH_KEY_HUB_NAME, "index.docker.io", "registry-1.docker.io"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && strncasecmp(host, names[i], n) == 0)
			return true;
	return false;
}

static const char *behind_scheme(const char *key)
{
	static const char *const schemes[] = {"https://", "http://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncasecmp(key, schemes[i], strlen(schemes[i])) == 0)
			return key + strlen(schemes[i]);
	return key;
}

static bool same_host(const char *host, size_t n, const char *registry)
{
	size_t len = strlen(registry);

	if (n == len && strncasecmp(host, registry, n) == 0)
		return true;
	return auth_key_is_hub(host, n) && auth_key_is_hub(registry, len);
}

long auth_key_match(
	const char *key, bool hosts_only, const char *registry, const char *repository)
{
	const char *host = behind_scheme(key), *path;
	size_t n = strcspn(host, "/"), len;

	if (!same_host(host, n, registry))
		return AUTH_KEY_NO;
	path = host + n + (host[n] == '/');
	len = strlen(path);
	if (host != key || hosts_only || len == 0)
		return AUTH_KEY_REGISTRY;
	/* whole parts only: "org" is not for "organisation" */
	if (strncmp(repository, path, len) != 0 ||
		(repository[len] && repository[len] != '/'))
		return AUTH_KEY_NO;
	return (long)len;
}
