#include "sources/registry/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/registries_conf.h"
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

/* The arguments of the call, and what registries.conf says. */
struct search {
	const struct name *name;
	const struct registry_settings *settings;
	const struct ctx *ctx;
	struct registries_conf conf;
	const struct registries_entry *entry; /* NULL: none is for this name */
};

static void search_finish(struct search *s)
{
	registries_conf_finish(&s->conf);
}

/* What the command line says comes before what the file says. */
static bool is_insecure(const struct search *s, bool configured)
{
	return s->settings->tls == TLS_INSECURE ||
	       (s->settings->tls == TLS_AS_CONFIGURED && configured);
}

/* One more place; there is room for it. */
static int add(const struct search *s, const struct name *at, bool insecure, bool mirror,
	struct endpoints *out, struct o2r_err *err)
{
	struct endpoint *e = &out->list[out->count++];

	*e = (struct endpoint){
		.registry = strdup(at->domain),
		.host = strdup(wire_host(at->domain)),
		.path = strdup(at->path),
		.insecure = is_insecure(s, insecure),
		.loopback = is_loopback(at->domain),
		.mirror = mirror,
		.foreign = strcmp(at->domain, s->name->domain) != 0,
		.tags = true,
		.digests = true,
	};
	return e->registry && e->host && e->path ? 0 : err_nomem(err);
}

static int check_blocked(const struct search *s, const struct name *at,
	const struct registries_entry *by, struct o2r_err *err)
{
	AUTO_FREE char *text = NULL;

	if (!by || !by->blocked)
		return 0;
	text = name_format(at);
	if (!text)
		return err_nomem(err);
	return err_set(err, ERR_ACCESS, EPERM, "%s is blocked by %s, line %u%s",
		text_quote(text, strlen(text)).s,
		text_quote(by->file, strlen(by->file)).s, by->line,
		at == s->name ? "" : ", and registries.conf leads there");
}

/* A place that registries.conf gives: another entry may block it. */
static int add_place(const struct search *s, const char *location, unsigned line,
	const struct registries_mirror *mirror, struct endpoints *out,
	struct o2r_err *err)
{
	CLEANUP(name_finish) struct name at = {0};
	int r = registries_conf_rewrite(s->entry, location, line, s->name, &at, err);

	if (r == 0)
		r = check_blocked(s, &at, registries_conf_match(&s->conf, &at), err);
	if (r < 0)
		return r;
	return add(s, &at, mirror ? mirror->insecure : s->entry->insecure, mirror != NULL,
		out, err);
}

/* Those for this kind of reference. A mirror that is for tags gives what the tag names
 * too. */
static int add_mirrors(const struct search *s, struct endpoints *out, struct o2r_err *err)
{
	bool by_digest = s->name->digest.algo != DIGEST_NONE;

	for (size_t i = 0; i < s->entry->mirror_count; i++) {
		const struct registries_mirror *m = &s->entry->mirrors[i];
		struct o2r_err why = {0};
		int r;

		if (by_digest ? !m->digests : !m->tags)
			continue;
		r = add_place(s, m->location, m->line, m, out, &why);
		if (r == -EPERM) {
			ctx_log(s->ctx, LOG_WARN, "mirror left out: %s", why.text);
			continue;
		}
		if (r < 0) {
			if (err)
				*err = why;
			return r;
		}
	}
	return 0;
}

static int find_all(struct search *s, struct endpoints *out, struct o2r_err *err)
{
	int r = registries_conf_read(&s->conf, s->ctx, err);

	if (r < 0)
		return r;
	s->entry = registries_conf_match(&s->conf, s->name);
	r = check_blocked(s, s->name, s->entry, err);
	if (r < 0)
		return r;
	out->list =
		calloc(1 + (s->entry ? s->entry->mirror_count : 0), sizeof(*out->list));
	if (!out->list)
		return err_nomem(err);
	if (!s->entry)
		return add(s, s->name, false, false, out, err);
	r = add_mirrors(s, out, err);
	if (r < 0)
		return r;
	if (!s->entry->location)
		return add(s, s->name, s->entry->insecure, false, out, err);
	return add_place(s, s->entry->location, s->entry->line, NULL, out, err);
}

int endpoints_find(const struct name *name, const struct registry_settings *settings,
	const struct ctx *ctx, struct endpoints *out, struct o2r_err *err)
{
	CLEANUP(endpoints_finish) struct endpoints found = {0};
	CLEANUP(search_finish)
	struct search s = {.name = name, .settings = settings, .ctx = ctx};
	int r = find_all(&s, &found, err);

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
