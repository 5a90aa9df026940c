#include "sources/registry/client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/certs.h"
#include "sources/registry/url.h"

static bool host_part_is_private(const char *host)
{
	AUTO_FREE char *text = NULL;
	struct url url;

	if (asprintf(&text, "https://%s/", host) < 0) {
		text = NULL;
		return false;
	}
	return url_parse(text, &url) == 0 && host_is_private(url.host);
}

static int set_label(const struct client *c, struct place *p, struct o2r_err *err)
{
	int n = p->endpoint->mirror
			? asprintf(&p->label, "mirror %s/%s of %s", p->endpoint->host,
				  p->endpoint->path, c->label)
			: asprintf(&p->label, "%s", c->label);

	if (n < 0) {
		p->label = NULL;
		return err_nomem(err);
	}
	return 0;
}

static int place_init(const struct client *c, struct place *p, struct o2r_err *err)
{
	struct o2r_err why = {0};
	int r = set_label(c, p, err);

	if (r < 0)
		return r;
	p->is_private = host_part_is_private(p->endpoint->host);
	p->tls.verify = !p->endpoint->insecure;
	r = certs_find(
		p->endpoint->registry, c->settings.cert_dir, c->ctx, &p->tls, &why);
	if (r < 0 && p->endpoint->mirror) {
		ctx_log(c->ctx, LOG_WARN, "%s is not asked: %s", p->label, why.text);
		atomic_store(&p->down, true);
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

int places_create(struct client *c, struct o2r_err *err)
{
	int r = 0;

	c->places =
		calloc(c->endpoints.count ? c->endpoints.count : 1, sizeof(*c->places));
	if (!c->places)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < c->endpoints.count; i++) {
		c->places[i].endpoint = &c->endpoints.list[i];
		r = place_init(c, &c->places[i], err);
	}
	return r;
}

void places_destroy(struct client *c)
{
	for (size_t i = 0; c->places && i < c->endpoints.count; i++) {
		http_tls_finish(&c->places[i].tls);
		free(c->places[i].label);
	}
	free(c->places);
}

bool place_is_gone(int code)
{
	return code == -EHOSTUNREACH || code == -ECONNREFUSED || code == -ETIMEDOUT ||
	       code == -EPROTO || code == -EKEYREJECTED;
}

/* What follows from a tag (its manifests, configs and layers, by digest) may come from a
 * mirror that is for tags. */
static bool may_be_asked(const struct client *c, const struct place *p, bool by_tag)
{
	const struct endpoint *e = p->endpoint;

	if (atomic_load(&p->down) || atomic_load(&c->distrust))
		return false;
	return by_tag ? e->tags : e->digests || (e->tags && c->by_name);
}

static void pass_over(
	struct client *c, struct place *p, int code, const struct o2r_err *why)
{
	bool told = atomic_exchange(&p->told, true);

	if (place_is_gone(code))
		atomic_store(&p->down, true);
	ctx_log(c->ctx, told ? LOG_DEBUG : LOG_INFO, "going on without the mirror: %s",
		why->text);
}

int places_try(struct client_session *s, bool by_tag,
	int (*fn)(void *arg, struct place *p, bool *final, struct o2r_err *err),
	void *arg, struct o2r_err *err)
{
	struct client *c = s->client;
	struct o2r_err why = {0};
	int r = err_set(&why, ERR_ACCESS, EACCES,
		"%s: registries.conf leaves nobody who may be asked for this", c->label);

	for (size_t i = 0; i < c->endpoints.count; i++) {
		struct place *p = &c->places[i];
		bool final = !p->endpoint->mirror;

		if (!final && !may_be_asked(c, p, by_tag))
			continue;
		why = (struct o2r_err){0};
		r = fn(arg, p, &final, &why);
		if (r == 0)
			return 0;
		if (final || r == -EINTR)
			break;
		pass_over(c, p, r, &why);
	}
	if (err)
		*err = why;
	return r;
}

int place_allows(const struct place *p, const char *text, struct o2r_err *err)
{
	struct url url;

	if (url_parse(text, &url) < 0)
		return err_set(err, ERR_FAIL, EPERM,
			"it leads to what is no plain http or https URL, which is not "
			"followed");
	if (host_is_private(url.host) && !p->is_private)
		return err_set(err, ERR_FAIL, EPERM,
			"it leads to the private address %s, which is not followed",
			text_quote(url.host, strlen(url.host)).s);
	return 0;
}
