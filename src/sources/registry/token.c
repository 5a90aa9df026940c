#include "sources/registry/token.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "sources/registry/now.h"
#include "sources/registry/realm.h"
#include "sources/registry/secret.h"

enum {
	STATUS_OK = 200,
};

/* One request to the token server. */
struct exchange {
	const struct token_question *q;
	struct url realm;
	struct buf body;
	long status;
};

static void exchange_finish(struct exchange *x)
{
	secret_buf_finish(&x->body);
}

static int allow(void *arg, const char *url, struct o2r_err *err)
{
	struct exchange *x = arg;
	struct url ignored;

	return realm_check(url, x->q->registry, &ignored, err);
}

static int data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct exchange *x = arg;
	int r = secret_append(&x->body, p, n);

	if (r == -EFBIG)
		return err_corrupt(
			err, "the answer has more than %d bytes", TOKEN_BODY_MAX);
	return r < 0 ? err_nomem(err) : 0;
}

static int in_context(const struct exchange *x, struct o2r_err *err)
{
	return err_wrap(err, "its token server %s",
		text_quote(x->realm.host, strlen(x->realm.host)).s);
}

/* 0 with x->status and x->body. */
static int perform(struct http *http, struct exchange *x, const char *url,
	const char *authorization, const char *form, struct o2r_err *err)
{
	CLEANUP(http_reply_finish) struct http_reply reply = {0};
	struct http_tls tls = *x->q->tls;
	struct http_request rq = {
		.url = url,
		.accept = "application/json",
		.authorization = authorization,
		.form = form,
		.tls = &tls,
		.allow = allow,
		.data = data,
		.arg = x,
	};
	int r;

	/* who we are is for the registry alone to know */
	if (strcmp(x->realm.host, x->q->registry->host) != 0)
		tls.cert = tls.key = NULL;
	secret_buf_finish(&x->body);
	x->body.max = TOKEN_BODY_MAX;
	r = http_perform(http, &rq, &reply, err);
	x->status = reply.status;
	/* the body of a refusal is of no use: it may as well be broken */
	if (r < 0 && (r == -EINTR || x->status < 400))
		return in_context(x, err);
	return 0;
}

static int refused(const struct exchange *x, struct o2r_err *err)
{
	switch (x->status) {
	case 401:
	case 403:
		return refuse_credentials(x->q->who, err);
	case 408:
	case 429:
		break;
	default:
		if (x->status >= 500)
			break;
		err_set(err, ERR_FAIL, EBADMSG,
			"it answers with status %ld to a request for a token", x->status);
		return in_context(x, err);
	}
	err_set(err, ERR_FAIL, ETIMEDOUT, "it answers with status %ld: %s", x->status,
		x->status == 429 ? "too many requests, try again later"
				 : "try again later");
	return in_context(x, err);
}

static int read_token(struct exchange *x, struct token *out, struct o2r_err *err)
{
	int r;

	if (x->status != STATUS_OK)
		return refused(x, err);
	r = token_reply_parse(x->body.data ? x->body.data : "", x->body.len,
		x->q->json_depth, now_wall(), out, err);
	if (r < 0 && r != -ENOMEM) {
		err_wrap(err, "the answer cannot be used");
		return in_context(x, err);
	}
	return r;
}

static int add(struct buf *b, const char *name, const char *value)
{
	int r = buf_append(b, name, strlen(name));

	return r < 0 ? r : url_encode(b, value);
}

static int build_url(const struct token_question *q, const char *account, struct buf *url)
{
	size_t n = strcspn(q->realm, "#");
	bool query = memchr(q->realm, '?', n) != NULL;
	int r = buf_append(url, q->realm, n);

	if (r == 0)
		r = buf_append(url, query ? "&" : "?", 1);
	/* each begins with an ampersand but the first */
	if (r == 0 && q->service)
		r = add(url, "service=", q->service);
	for (size_t i = 0; r == 0 && i < q->scopes->count; i++)
		r = add(url, i || q->service ? "&scope=" : "scope=", q->scopes->s[i]);
	if (r == 0 && account && *account)
		r = add(url, "&account=", account);
	return r;
}

/* For GET: a user name and a password, or an identity token in the place of the password,
 * as servers without OAuth2 want it. NULL: anonymous; *authorization is malloc'd. */
static int get_authorization(
	const struct credential *c, char **authorization, struct o2r_err *err)
{
	const char *password;

	*authorization = NULL;
	if (credential_is_empty(c))
		return 0;
	password = c->password && *c->password ? c->password : c->identity_token;
	*authorization =
		secret_basic(c->username ? c->username : "", password ? password : "");
	return *authorization ? 0 : err_nomem(err);
}

static int fetch_by_get(
	struct http *http, struct exchange *x, struct token *out, struct o2r_err *err)
{
	const struct credential *c = x->q->who->cred;
	AUTO_BUF struct buf url = {0};
	AUTO_SECRET char *authorization = NULL;
	int r = get_authorization(c, &authorization, err);

	if (r < 0)
		return r;
	if (build_url(x->q, c ? c->username : NULL, &url) < 0)
		return err_nomem(err);
	r = perform(http, x, url.data, authorization, NULL, err);
	return r < 0 ? r : read_token(x, out, err);
}

static int build_form(const struct token_question *q, struct buf *form)
{
	AUTO_BUF struct buf scopes = {0};
	const char *refresh = q->who->cred->identity_token;
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->scopes->count; i++)
		r = buf_printf(&scopes, "%s%s", i ? " " : "", q->scopes->s[i]);
	/* all at once, so that no copy is left where the text grows */
	if (r == 0)
		r = buf_reserve(
			form, 128 + 3 * (scopes.len + strlen(refresh) +
						strlen(q->service ? q->service : "")));
	if (r == 0)
		r = add(form, "grant_type=refresh_token&client_id=", "o2r");
	if (r == 0 && q->service)
		r = add(form, "&service=", q->service);
	if (r == 0)
		r = add(form, "&scope=", scopes.data ? scopes.data : "");
	return r < 0 ? r : add(form, "&refresh_token=", refresh);
}

/* Old servers do not know the address or the method; some only take what they issued
 * themselves for a refresh token, and say 401 or 400. */
static bool get_may_help(long status)
{
	return status == 404 || status == 405 || status == 401 || status == 400;
}

/* 1: the server does not do it this way, or not with this token. */
static int fetch_by_post(
	struct http *http, struct exchange *x, struct token *out, struct o2r_err *err)
{
	AUTO_SECRET_BUF struct buf form = {0};
	int r;

	if (build_form(x->q, &form) < 0)
		return err_nomem(err);
	r = perform(http, x, x->q->realm, NULL, form.data, err);
	if (r < 0)
		return r;
	return get_may_help(x->status) ? 1 : read_token(x, out, err);
}

int token_fetch(struct http *http, const struct token_question *q, struct token *out,
	struct o2r_err *err)
{
	CLEANUP(exchange_finish) struct exchange x = {.q = q};
	const struct credential *c = q->who->cred;
	int r = realm_check(q->realm, q->registry, &x.realm, err);

	if (r < 0)
		return r;
	if (c && c->identity_token) {
		r = fetch_by_post(http, &x, out, err);
		if (r <= 0)
			return r;
	}
	return fetch_by_get(http, &x, out, err);
}
