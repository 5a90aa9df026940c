#include "sources/registry/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/url.h"

/* Docker Hub is called docker.io everywhere but on the wire. */
static const char *wire_host(const char *domain)
{
	return strcmp(domain, "docker.io") == 0 ? "registry-1.docker.io" : domain;
}

static bool is_loopback(const char *domain)
{
	const char *bracket = strrchr(domain, ']'), *colon = strrchr(domain, ':');
	size_t n = colon && (!bracket || colon > bracket) ? (size_t)(colon - domain)
							  : strlen(domain);
	AUTO_FREE char *host = strndup(domain, n);

	/* out of memory: not on plain http */
	return host && host_is_loopback(host);
}

static void endpoint_finish(struct endpoint *e)
{
	free(e->registry);
	free(e->host);
	free(e->path);
	*e = (struct endpoint){0};
}

static int endpoint_init(struct endpoint *e, const char *domain, const char *path,
	bool insecure, struct o2r_err *err)
{
	*e = (struct endpoint){
		.registry = strdup(domain),
		.host = strdup(wire_host(domain)),
		.path = strdup(path),
		.insecure = insecure,
		.loopback = is_loopback(domain),
		.tags = true,
		.digests = true,
	};
	return e->registry && e->host && e->path ? 0 : err_nomem(err);
}

int endpoints_find(const struct name *name, const struct registry_settings *settings,
	const struct ctx *ctx, struct endpoints *out, struct o2r_err *err)
{
	CLEANUP(endpoints_finish) struct endpoints found = {0};
	int r;

	(void)ctx;
	found.list = calloc(1, sizeof(*found.list));
	if (!found.list)
		return err_nomem(err);
	found.count = 1;
	r = endpoint_init(&found.list[0], name->domain, name->path,
		settings->tls == TLS_INSECURE, err);
	if (r < 0)
		return r;
	*out = found;
	found = (struct endpoints){0};
	return 0;
}

void endpoints_finish(struct endpoints *e)
{
	for (size_t i = 0; i < e->count; i++)
		endpoint_finish(&e->list[i]);
	free(e->list);
	*e = (struct endpoints){0};
}
