#include "sources/registry/client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/error_document.h"
#include "sources/registry/retry_after.h"
#include "sources/registry/secret.h"
#include "sources/registry/url.h"
#include "sources/registry/warning.h"

static bool is_success(long status)
{
	return status == 200 || status == 206;
}

static int on_redirect(void *arg, const char *url, struct o2r_err *err)
{
	struct ask *q = arg;

	q->reached = true;
	return place_allows(q->place, url, err);
}

static int on_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct ask *q = arg;
	int ret;

	q->status = r->status;
	q->reached = true;
	if (!is_success(r->status) || !q->head)
		return 0;
	ret = q->head(q->arg, r, err);
	q->stopped = ret < 0;
	return ret;
}

/* Of an error the beginning is kept; one without an end is left. */
static int keep_error(struct ask *q, const void *p, size_t n, struct o2r_err *err)
{
	size_t room = ERROR_DOCUMENT_MAX - MIN(q->body.len, ERROR_DOCUMENT_MAX);

	if (buf_append(&q->body, p, MIN(n, room)) < 0)
		return err_nomem(err);
	q->body_seen += n;
	if (q->body_seen <= CLIENT_ERROR_BODY_MAX)
		return 0;
	q->cut = true;
	return -ECANCELED;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct ask *q = arg;
	int r;

	if (!is_success(q->status))
		return keep_error(q, p, n, err);
	r = q->data(q->arg, p, n, err);
	q->stopped = r < 0;
	return r;
}

static bool is_known(const struct strings *list, const char *s)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->s[i], s) == 0)
			return true;
	return false;
}

/* Each text once, whichever request it came with. */
static void show_warnings(
	const struct ask *q, const struct http_reply *r, const char *authorization)
{
	struct client *c = q->session->client;
	CLEANUP(strings_finish) struct strings texts = {0};

	for (size_t i = 0; i < r->warnings.count; i++)
		if (warning_texts(r->warnings.s[i], &texts) < 0)
			return;
	for (size_t i = 0; i < texts.count; i++) {
		const char *text = texts.s[i];

		if (secret_is_shown(authorization, text, strlen(text)))
			continue;
		pthread_mutex_lock(&c->lock);
		bool show = !is_known(&c->warnings, text) &&
			    c->warnings.count < CLIENT_WARNINGS_MAX &&
			    strings_add(&c->warnings, text, strlen(text)) == 0;
		pthread_mutex_unlock(&c->lock);
		if (show)
			ctx_log(c->ctx, LOG_WARN, "%s says: \"%s\"", q->place->label,
				text_quote(text, strlen(text)).s);
	}
}

/* Servers that show what they were sent would have us print it. */
static void drop_secret(struct ask *q, const char *authorization)
{
	if (q->body.len && secret_is_shown(authorization, q->body.data, q->body.len)) {
		explicit_bzero(q->body.data, q->body.len);
		q->body.len = 0;
	}
}

static int perform(struct ask *q, const struct auth_target *t, const char *authorization,
	struct http_reply *reply, struct o2r_err *err)
{
	struct http_request rq = {
		.url = t->url,
		.accept = q->accept,
		.authorization = authorization,
		.ranged = q->ranged,
		.first = q->first,
		.last = q->last,
		.tls = t->tls,
		.allow = on_redirect,
		.head = on_head,
		.data = on_data,
		.arg = q,
	};
	int r;

	q->status = 0;
	q->cut = q->stopped = q->reached = false;
	q->body.len = 0;
	q->body_seen = 0;
	r = http_perform(q->session->http, &rq, reply, err);
	if (r < 0 && q->cut)
		r = 0;
	if (r == 0) {
		q->status = reply->status;
		q->reached = true;
	}
	drop_secret(q, authorization);
	show_warnings(q, reply, authorization);
	/* what head and data say needs no name in front, nor does that we were stopped */
	return r < 0 && !q->stopped && r != -EINTR ? err_wrap(err, "%s", q->place->label)
						   : r;
}

/* Was it the registry itself that answered, and no place that it sent us to? */
static bool answered_itself(const struct auth_target *t, const struct http_reply *reply)
{
	struct url asked, from;

	return reply->url && url_parse(t->url, &asked) == 0 &&
	       url_parse(reply->url, &from) == 0 && url_same_origin(&asked, &from);
}

/* With the header that belongs there, and with another one when that is refused: the
 * first may be too old, the second is for what the registry then says it wants. */
static int ask_with_auth(struct ask *q, const struct auth_target *t,
	struct http_reply *reply, struct o2r_err *err)
{
	struct client *c = q->session->client;
	AUTO_SECRET char *used = NULL;
	int r = auth_header(c->auth, q->session->http, t, &used, err);

	while (r >= 0) {
		AUTO_SECRET char *better = NULL;

		r = perform(q, t, used, reply, err);
		if (r < 0 || reply->status != 401 || q->renewed >= CLIENT_RENEWALS ||
			!answered_itself(t, reply))
			return r;
		q->renewed++;
		r = auth_refused(c->auth, q->session->http, t, &reply->challenges, used,
			&better, err);
		if (r < 0)
			break;
		http_reply_finish(reply);
		*reply = (struct http_reply){0};
		secret_free(used);
		used = STEAL(better);
	}
	return r == -EINTR ? r : err_wrap(err, "%s", q->place->label);
}

static int ask_by(
	struct ask *q, enum scheme scheme, struct http_reply *reply, struct o2r_err *err)
{
	const struct endpoint *e = q->place->endpoint;
	AUTO_FREE char *url = NULL;
	struct auth_target t = {
		.endpoint = e,
		.tls = &q->place->tls,
		.no_secrets = scheme == SCHEME_HTTP && !e->insecure && !e->loopback,
	};

	if (asprintf(&url, "%s://%s/v2/%s/%s", scheme == SCHEME_HTTP ? "http" : "https",
		    e->host, e->path, q->path) < 0) {
		url = NULL;
		return err_nomem(err);
	}
	t.url = url;
	return ask_with_auth(q, &t, reply, err);
}

static bool may_be_http(const struct endpoint *e, int code)
{
	if (code == -EPROTO)
		return e->loopback || e->insecure;
	/* proxies often let nobody through by TLS to other ports than 443 */
	return (code == -ECONNREFUSED || code == -EACCES) && e->insecure;
}

/* https; where that is not spoken, and http is allowed, http. Whoever has answered once
 * is asked in the same way from then on. */
static int ask_once(struct ask *q, struct http_reply *reply, struct o2r_err *err)
{
	struct place *p = q->place;
	enum scheme scheme = (enum scheme)atomic_load(&p->scheme);
	struct o2r_err why = {0};
	int r, first;

	if (scheme != SCHEME_UNKNOWN)
		return ask_by(q, scheme, reply, err);
	first = r = ask_by(q, SCHEME_HTTPS, reply, &why);
	scheme = SCHEME_HTTPS;
	if (r < 0 && !q->reached && may_be_http(p->endpoint, r)) {
		struct o2r_err other = {0};

		http_reply_finish(reply);
		*reply = (struct http_reply){0};
		r = ask_by(q, SCHEME_HTTP, reply, &other);
		scheme = SCHEME_HTTP;
		/* what says more: that it speaks no TLS, or that it does not answer */
		if (r < 0 && (r != -ECONNREFUSED || first == -EPROTO))
			why = other;
	}
	if (q->reached) {
		atomic_store(&p->scheme, scheme);
		atomic_store(&q->session->client->answered, true);
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

/* How long the server wants us to wait, or as long as we think. */
static uint32_t wait_for(const struct http_reply *r, unsigned tries)
{
	uint32_t seconds;

	if (!r->retry_after ||
		!retry_after_parse(r->retry_after, (int64_t)time(NULL), &seconds))
		return client_backoff(tries);
	return (uint32_t)MIN((uint64_t)seconds * 1000, CLIENT_WAIT_MAX_MS);
}

static int wait_again(
	struct ask *q, const struct http_reply *r, unsigned tries, struct o2r_err *err)
{
	uint32_t ms = wait_for(r, tries);

	ctx_log(q->session->client->ctx, LOG_INFO,
		"%s answers %ld; once more in %u.%u s (try %u of %d)", q->place->label,
		r->status, ms / 1000, ms % 1000 / 100, tries + 2, CLIENT_TRIES);
	return client_wait(q->session, ms, err);
}

int client_ask(struct ask *q, struct o2r_err *err)
{
	/* where there is another place to go, nobody waits */
	unsigned tries = q->place->endpoint->mirror ? 1 : CLIENT_TRIES;

	q->body.max = ERROR_DOCUMENT_MAX + 1;
	for (unsigned i = 0;; i++) {
		CLEANUP(http_reply_finish) struct http_reply reply = {0};
		int r = ask_once(q, &reply, err);

		if (r < 0 || is_success(reply.status))
			return r;
		if (!status_may_pass(reply.status) || i + 1 >= tries)
			return q->refused(q, &reply, err);
		r = wait_again(q, &reply, i, err);
		if (r < 0)
			return r;
	}
}

void ask_finish(struct ask *q)
{
	buf_finish(&q->body);
}
