#include "sources/registry/auth_space.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/now.h"
#include "sources/registry/refusal.h"
#include "sources/registry/scopes.h"
#include "sources/registry/secret.h"
#include "sources/registry/token.h"

enum {
	MARGIN_MAX = 30, /* seconds before the end of a token at which a new one is due */
};

bool target_origin(const struct auth_target *t, struct url *out)
{
	AUTO_FREE char *text = NULL;
	struct url own;

	if (url_parse(t->url, out) < 0)
		return false;
	if (asprintf(&text, "%s://%s/", out->https ? "https" : "http",
		    t->endpoint->host) < 0) {
		text = NULL;
		return false;
	}
	return url_parse(text, &own) == 0 && url_same_origin(&own, out);
}

struct space *space_find(
	struct space *list, const struct auth_target *t, const struct url *origin)
{
	for (; list; list = list->next)
		if (url_same_origin(&list->origin, origin) &&
			strcmp(list->path, t->endpoint->path) == 0 &&
			list->no_secrets == t->no_secrets)
			return list;
	return NULL;
}

struct space *space_create(const struct auth_target *t, const struct url *origin)
{
	struct space *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct space){
		.origin = *origin,
		.registry = strdup(t->endpoint->registry),
		.path = strdup(t->endpoint->path),
		.foreign = t->endpoint->foreign,
		.no_secrets = t->no_secrets,
	};
	if (!s->registry || !s->path) {
		space_destroy(s);
		return NULL;
	}
	return s;
}

void space_destroy(struct space *s)
{
	if (!s)
		return;
	credential_finish(&s->cred);
	secret_free(s->header);
	strings_finish(&s->scopes);
	free(s->registry);
	free(s->path);
	free(s->realm);
	free(s->service);
	free(s);
}

static int replace(char **to, const char *from, struct o2r_err *err)
{
	char *copy = from ? strdup(from) : NULL;

	if (from && !copy)
		return err_nomem(err);
	free(*to);
	*to = copy;
	return 0;
}

static int adopt(struct space *s, const struct challenge *c, struct o2r_err *err)
{
	int r = 0;

	if (c && c->kind != CHALLENGE_NONE) {
		s->kind = c->kind;
		r = replace(&s->realm, c->realm, err);
		if (r == 0)
			r = replace(&s->service, c->service, err);
		if (r == 0 && c->scope)
			r = scopes_add(&s->scopes, c->scope, err);
	}
	return r < 0 ? r : scopes_add_pull(&s->scopes, s->path, err);
}

static int look_up(struct space *s, const struct registry_settings *settings,
	const struct ctx *ctx, struct o2r_err *err)
{
	struct registry_settings own = *settings;
	int r;

	if (s->looked_up || s->no_secrets)
		return 0;
	/* the user gave them for the registry that he named */
	if (s->foreign)
		own.username = own.password = NULL;
	r = credentials_find(s->registry, s->path, &own, ctx, &s->cred, err);
	if (r < 0)
		return r;
	s->looked_up = true;
	if (r > 0)
		ctx_log(ctx, LOG_DEBUG, "credentials for %s: from %s", s->registry,
			s->cred.from);
	return 0;
}

static void show(struct space *s, char *header, int64_t lasts)
{
	secret_free(s->header);
	s->header = header;
	s->shared = false;
	s->due = s->expires = INT64_MAX;
	if (lasts < INT64_MAX) {
		s->expires = now_steady() + lasts;
		s->due = s->expires - MIN(lasts / 10, MARGIN_MAX);
	}
}

static int show_basic(struct space *s, const struct asker *who, struct o2r_err *err)
{
	const struct credential *c = &s->cred;
	char *header;

	if (credential_is_empty(c))
		return refuse_credentials(who, err);
	if (!c->username || (c->identity_token && !*c->password))
		return refuse_kind(who, err);
	header = secret_basic(c->username, c->password);
	if (!header)
		return err_nomem(err);
	show(s, header, INT64_MAX);
	return 0;
}

static int show_token(
	struct space *s, const char *token, int64_t lasts, struct o2r_err *err)
{
	static const char scheme[] = "Bearer ";
	size_t n = strlen(token);
	char *header = malloc(sizeof(scheme) + n);

	if (!header)
		return err_nomem(err);
	memcpy(header, scheme, sizeof(scheme));
	memcpy(header + sizeof(scheme) - 1, token, n + 1);
	show(s, header, lasts);
	return 0;
}

static int fetch_token(struct space *s, const struct asker *who, struct http *http,
	const struct http_tls *tls, const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(token_finish) struct token token = {0};
	struct token_question q = {
		.who = who,
		.registry = &s->origin,
		.tls = tls,
		.realm = s->realm,
		.service = s->service,
		.scopes = &s->scopes,
		.json_depth = ctx->limits.json_depth,
	};
	int r = token_fetch(http, &q, &token, err);

	if (r == 0)
		r = show_token(s, token.text, token.lasts, err);
	if (r < 0)
		return r;
	ctx_log(ctx, LOG_DEBUG, "%s: a token for %s, which lasts %lld s", s->registry,
		s->path, (long long)token.lasts);
	/* servers that hand out a new one may forget the old one */
	if (token.refresh && s->cred.identity_token) {
		secret_free(s->cred.identity_token);
		s->cred.identity_token = STEAL(token.refresh);
	}
	return 0;
}

static int show_bearer(struct space *s, const struct asker *who, struct http *http,
	const struct http_tls *tls, const struct ctx *ctx, struct o2r_err *err)
{
	const char *ready = s->cred.registry_token;

	if (!ready)
		return fetch_token(s, who, http, tls, ctx, err);
	if (!token_is_fit(ready))
		return err_set(err, ERR_ACCESS, EACCES,
			"the registry token from %s has characters that no token may "
			"have",
			s->cred.from);
	return show_token(s, ready, INT64_MAX, err);
}

int space_renew(struct space *s, const struct challenge *challenge, struct http *http,
	const struct auth_target *t, const struct registry_settings *settings,
	const struct ctx *ctx, struct o2r_err *err)
{
	struct asker who = {
		.registry = s->registry,
		.repository = s->path,
		.cred = &s->cred,
		.no_secrets = s->no_secrets,
	};
	int r = adopt(s, challenge, err);

	if (r < 0)
		return r;
	/* not for a challenge that no credentials answer */
	r = s->kind == CHALLENGE_NONE ? 0 : look_up(s, settings, ctx, err);
	if (r < 0)
		return r;
	switch (s->kind) {
	case CHALLENGE_BASIC:
		return show_basic(s, &who, err);
	case CHALLENGE_BEARER:
		return show_bearer(s, &who, http, t->tls, ctx, err);
	case CHALLENGE_NONE:
	default:
		return err_set(err, ERR_ACCESS, EACCES,
			"it asks for no authentication that o2r knows: these are Basic "
			"and "
			"Bearer");
	}
}
