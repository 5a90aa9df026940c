#include "sources/registry/http.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/http_impl.h"

enum {
	EXPLAIN_TRIES = 3,
	CONNECTIONS_MAX = 4, /* kept by a session: the registry, where it redirects to */
};

/*
 * libcurl (and the libraries under it) wants to be set up once for the process, which
 * only a variable of the process can know. It is never torn down: a program that uses us
 * may use libcurl too.
 */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init(void)
{
	/* what fails here fails again with the first handle */
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int http_create(const struct ctx *ctx, const _Atomic bool *stop, struct http **out,
	struct o2r_err *err)
{
	struct http *h;

	pthread_once(&curl_once, init);
	h = calloc(1, sizeof(*h));
	if (!h)
		return err_nomem(err);
	h->ctx = ctx;
	h->stop = stop;
	h->multi = curl_multi_init();
	if (!h->multi || curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
				 (long)CONNECTIONS_MAX) != CURLM_OK) {
		http_destroy(h);
		return err_nomem(err);
	}
	*out = h;
	return 0;
}

void http_destroy(struct http *h)
{
	if (!h)
		return;
	curl_multi_cleanup(h->multi);
	buf_finish(&h->roots.pem);
	buf_finish(&h->all_pem);
	free(h->ca_pem);
	free(h);
}

/* A value that cannot end its line. */
static bool is_value(const char *s)
{
	for (; s && *s; s++)
		if ((*s < ' ' && *s != '\t') || *s >= 0x7f)
			return false;
	return true;
}

static int check_request(
	const struct http_request *rq, struct url *u, struct o2r_err *err)
{
	if (url_parse(rq->url, u) < 0)
		return err_set(err, ERR_FAIL, EINVAL, "not a URL that can be asked");
	if (!is_value(rq->accept))
		return err_set(err, ERR_FAIL, EINVAL,
			"%s cannot be asked for a type with such bytes in it",
			http_place(u).s);
	if (!is_value(rq->authorization))
		return err_set(err, ERR_ACCESS, EINVAL,
			"the credentials for %s have bytes in them that cannot be sent",
			http_place(u).s);
	return 0;
}

/* On to where a redirect leads, which *url is afterwards. */
static int follow(
	struct http_hop *hop, const struct url *first, char **url, struct o2r_err *err)
{
	const struct http_request *rq = hop->rq;
	AUTO_FREE char *location = STEAL(hop->location);
	AUTO_FREE char *next = NULL;
	struct url parts;
	int r;

	if (rq->form)
		return err_set(err, ERR_FAIL, EPERM,
			"%s redirects what may be sent to nobody else, which is not "
			"followed",
			http_place(&hop->parts).s);
	r = http_redirect(*url, location, &next, &parts, err);
	if (r == 0 && rq->allow)
		r = rq->allow(rq->arg, next, err);
	if (r < 0)
		return r;
	hop->parts = parts;
	hop->own_origin = url_same_origin(first, &parts);
	/* nor does it come back with a redirect back */
	hop->authorization = hop->authorization && hop->own_origin;
	free(*url);
	*url = STEAL(next);
	return 0;
}

static void cleanup_reply(struct http_reply *r)
{
	http_reply_finish(r);
}

/*
 * With TLS 1.3 the client has done its part before the server has looked at the client's
 * certificate, and what a server says about that may get lost as it closes the
 * connection. TLS 1.2 tells before. So ask once more, without a secret: this is about
 * what to say only.
 */
static int ask_again(struct http *h, const struct http_hop *of, struct o2r_err *why)
{
	CLEANUP(cleanup_reply) struct http_reply reply = {0};
	struct http_request rq = {.tls = of->rq->tls};
	struct http_hop hop = {.rq = &rq,
		.url = of->url,
		.parts = of->parts,
		.own_origin = of->own_origin,
		.reply = &reply,
		.tls12 = true};
	int r = http_transfer(h, &hop, why);

	free(hop.location);
	return r;
}

static int explain(
	struct http *h, const struct http_hop *of, int code, struct o2r_err *err)
{
	struct o2r_err why = {0};
	int r = -ECONNRESET;

	/* there too it may get lost, if rarely */
	for (int i = 0; r == -ECONNRESET && i < EXPLAIN_TRIES; i++)
		r = ask_again(h, of, &why);
	if (r != -EKEYREJECTED && r != -EINTR)
		return code;
	if (err)
		*err = why;
	return r;
}

int http_perform(struct http *h, const struct http_request *rq, struct http_reply *reply,
	struct o2r_err *err)
{
	struct http_hop hop = {
		.rq = rq, .own_origin = true, .authorization = true, .reply = reply};
	AUTO_FREE char *url = NULL;
	struct url first;
	int r = check_request(rq, &first, err);

	if (r < 0)
		return r;
	url = strdup(rq->url);
	if (!url)
		return err_nomem(err);
	hop.parts = first;
	for (unsigned redirects = 0;; redirects++) {
		http_reply_finish(reply);
		hop.url = url;
		reply->url = strdup(url);
		if (!reply->url)
			return err_nomem(err);
		r = http_transfer(h, &hop, err);
		if (r < 0)
			free(hop.location);
		if (r < 0 && hop.mute)
			return explain(h, &hop, r, err);
		if (r < 0 || !hop.location)
			return r;
		if (redirects == HTTP_REDIRECTS_MAX) {
			free(hop.location);
			return err_set(err, ERR_FAIL, ELOOP,
				"%s redirects more than %d times: tell who runs it",
				http_place(&first).s, HTTP_REDIRECTS_MAX);
		}
		r = follow(&hop, &first, &url, err);
		if (r < 0)
			return r;
	}
}
