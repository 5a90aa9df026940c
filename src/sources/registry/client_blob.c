#include "sources/registry/client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/url.h"

/* Blobs from this size on are asked for by Range even when all is wanted: the answer
 * tells whether they can be had in parts. */
enum {
	RANGED_MIN = 1 << 20,
};

struct blob_ask {
	struct client_session *session;
	struct transfer transfer;
};

static int missing(const struct ask *q, const struct http_reply *r, const char *code,
	const char *why, struct o2r_err *err)
{
	const struct transfer *t = q->arg;

	(void)r, (void)code;
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"%s: blob %s, which its manifest names, is not there%s: push the image "
		"again",
		t->label, digest_format(t->b->digest).s, why);
}

static int on_refused(
	const struct ask *q, const struct http_reply *r, struct o2r_err *err)
{
	return client_refused(q, r, missing, err);
}

/* What is still missing, by one request. */
static int ask_rest(struct blob_ask *a, struct ask *q, bool ranged, struct o2r_err *err)
{
	struct transfer *t = &a->transfer;

	q->ranged = t->ranged = ranged;
	q->first = t->next;
	q->last = t->b->end - 1;
	q->head = transfer_head;
	q->data = transfer_data;
	q->arg = t;
	return transfer_result(t, client_ask(q, err), err);
}

static bool wants_range(const struct transfer *t)
{
	if (t->next >= t->b->end)
		return false;
	return t->next > 0 || t->b->end < t->b->size || t->b->size >= RANGED_MIN;
}

/* Servers that cannot do ranges should answer with all of it, and some do not. */
static bool dislikes_ranges(long status)
{
	return status == 400 || status == 416 || status == 501;
}

static int ask_place(void *arg, struct place *p, bool *final, struct o2r_err *err)
{
	struct blob_ask *a = arg;
	struct transfer *t = &a->transfer;
	char path[sizeof("blobs/") + sizeof(struct digest_text)];
	CLEANUP(ask_finish)
	struct ask q = {
		.session = a->session, .place = p, .path = path, .refused = on_refused};
	bool ranged = wants_range(t);
	int r;

	snprintf(path, sizeof(path), "blobs/%s", digest_format(t->b->digest).s);
	t->label = p->label;
	r = ask_rest(a, &q, ranged, err);
	if (r < 0 && ranged && dislikes_ranges(q.status))
		r = ask_rest(a, &q, false, err);
	*final |= t->caller_failed;
	return r;
}

/* "https://host:port" of a URL: what is noted of those that cannot be reached. */
struct origin {
	char s[sizeof(((struct url *)0)->host) + 20];
};

static struct origin origin_of(const struct url *u)
{
	struct origin o;

	snprintf(o.s, sizeof(o.s), "%s://%s:%u", u->https ? "https" : "http", u->host,
		u->port);
	return o;
}

static bool is_dead(struct client *c, const struct origin *o)
{
	bool dead = false;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->dead.count; i++)
		dead |= strcmp(c->dead.s[i], o->s) == 0;
	pthread_mutex_unlock(&c->lock);
	return dead;
}

static void note_dead(struct client *c, const struct origin *o)
{
	pthread_mutex_lock(&c->lock);
	/* without memory it is tried again, which is no harm */
	int r = strings_add(&c->dead, o->s, strlen(o->s));
	pthread_mutex_unlock(&c->lock);
	(void)r;
}

struct url_ask {
	struct transfer *transfer;
	const struct place *registry;
	long status;
};

static int url_allow(void *arg, const char *url, struct o2r_err *err)
{
	const struct url_ask *u = arg;

	return place_allows(u->registry, url, err);
}

static int url_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct url_ask *u = arg;

	u->status = r->status;
	if (r->status != 200 && r->status != 206)
		return err_set(err, ERR_FAIL, EREMOTEIO, "%s answers %ld",
			u->transfer->label, r->status);
	return transfer_head(u->transfer, r, err);
}

static int url_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct url_ask *u = arg;

	return transfer_data(u->transfer, p, n, err);
}

/* From where the manifest says that a foreign layer is: as anybody, once. */
static int ask_url(struct blob_ask *a, const char *text, const struct origin *origin,
	struct o2r_err *err)
{
	static const struct http_tls tls = {.verify = true};
	struct client *c = a->session->client;
	struct transfer *t = &a->transfer;
	CLEANUP(http_reply_finish) struct http_reply reply = {0};
	struct url_ask u = {
		.transfer = t, .registry = &c->places[c->endpoints.count - 1]};
	struct http_request rq = {.url = text,
		.ranged = wants_range(t),
		.first = t->next,
		.last = t->b->end - 1,
		.tls = &tls,
		.allow = url_allow,
		.head = url_head,
		.data = url_data,
		.arg = &u};
	int r = place_allows(u.registry, text, err);

	if (r < 0)
		return r;
	atomic_store(&c->foreign, true);
	t->label = origin->s;
	t->ranged = rq.ranged;
	r = http_perform(a->session->http, &rq, &reply, err);
	if (place_is_gone(r) && !u.status)
		note_dead(c, origin);
	return transfer_result(t, r, err);
}

/* 0: all is there. Otherwise what is still missing is for the registry to give, unless
 * the caller failed. */
static int ask_urls(struct blob_ask *a, struct o2r_err *err)
{
	struct client *c = a->session->client;
	struct transfer *t = &a->transfer;
	int r = -ENOENT;

	for (size_t i = 0; t->b->urls && t->b->urls[i]; i++) {
		const char *text = t->b->urls[i];
		struct o2r_err why = {0};
		struct url url;

		if (url_parse(text, &url) < 0) {
			ctx_log(c->ctx, LOG_INFO,
				"%s: number %zu of the URLs of blob %s is not one to be "
				"asked",
				c->label, i + 1, digest_format(t->b->digest).s);
			continue;
		}

		struct origin origin = origin_of(&url);

		if (is_dead(c, &origin))
			continue;
		r = ask_url(a, text, &origin, &why);
		if (r == 0)
			return 0;
		if (t->caller_failed || r == -EINTR) {
			if (err)
				*err = why;
			return r;
		}
		ctx_log(c->ctx, LOG_INFO, "%s: blob %s cannot be had where it says (%s)",
			c->label, digest_format(t->b->digest).s, why.text);
	}
	return r;
}

int client_blob(
	struct client_session *s, const struct client_blob *b, struct o2r_err *err)
{
	struct blob_ask a = {.session = s, .transfer = {.b = b, .next = b->first}};

	if (b->urls && !atomic_load(&s->client->distrust)) {
		int r = ask_urls(&a, err);

		if (r == 0 || r == -EINTR || a.transfer.caller_failed)
			return r;
	}
	return places_try(s, false, ask_place, &a, err);
}

struct whole {
	struct client_session *session;
	const struct client_blob *b;
	struct buf *out;
};

static int whole_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct whole *w = arg;

	return buf_append(w->out, p, n) < 0 ? err_nomem(err) : 0;
}

static int verify(const struct whole *w, const char *label, struct o2r_err *err)
{
	struct digest got;
	int r = digest_of(w->b->digest->algo, w->out->data ? w->out->data : "",
		w->out->len, &got, err);

	if (r < 0 || digest_equal(&got, w->b->digest))
		return r;
	return err_corrupt(err,
		"%s: other bytes came for blob %s: their digest is %s" CLIENT_WRONG,
		label, digest_format(w->b->digest).s, digest_format(&got).s);
}

/* A blob of one place only, so that it is known who sent what is wrong. */
static int whole_place(void *arg, struct place *p, bool *final, struct o2r_err *err)
{
	struct whole *w = arg;
	struct client_patience patience = {0};
	struct blob_ask a = {.session = w->session, .transfer = {.b = w->b}};
	int r, again = 0;

	w->out->len = 0;
	do {
		r = ask_place(&a, p, final, err);
		if (r == 0)
			return verify(w, p->label, err);
		if (*final && !a.transfer.caller_failed)
			again = client_try_again(w->session, &patience, r, err);
	} while (again > 0);
	return again < 0 ? again : r;
}

int client_blob_whole(struct client_session *s, const struct digest *digest,
	uint64_t size, struct buf *out, struct o2r_err *err)
{
	AUTO_BUF struct buf bytes = {.max = (size_t)MIN(size, SIZE_MAX / 2) + 1};
	struct client_blob b = {
		.digest = digest, .size = size, .end = size, .data = whole_data};
	struct whole w = {.session = s, .b = &b, .out = &bytes};
	int r;

	b.arg = &w;
	r = places_try(s, false, whole_place, &w, err);
	if (r < 0)
		return r;
	*out = bytes;
	bytes = (struct buf){0};
	return 0;
}
