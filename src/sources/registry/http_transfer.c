#include "sources/registry/http_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "config.h"

static const char USER_AGENT[] = "o2r/" O2R_VERSION;

/* What the callbacks know. */
struct transfer {
	struct http *h;
	struct http_hop *hop;
	struct http_headers headers;
	struct http_proxy proxy;
	bool proxied;
	struct curl_slist *lines;
	struct buf line;
	uint64_t dropped; /* bytes of a body that nobody wants */
	bool enough;      /* of those: the connection is not worth more */
	int result;       /* what a callback ended it with */
	struct o2r_err *err;
};

int http_check(const struct http *h, struct o2r_err *err)
{
	if (h->stop && atomic_load_explicit(h->stop, memory_order_relaxed))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	return ctx_check(h->ctx, err);
}

/* Header lines may hold passwords. */
static void transfer_finish(struct transfer *t)
{
	for (struct curl_slist *l = t->lines; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(t->lines);
	if (t->line.data)
		explicit_bzero(t->line.data, t->line.cap);
	buf_finish(&t->line);
	http_headers_finish(&t->headers);
	http_proxy_finish(&t->proxy);
	curl_easy_cleanup(t->h->easy);
	t->h->easy = NULL;
}

/* --- what comes --- */

static int begin_body(struct transfer *t)
{
	struct http_hop *hop = t->hop;
	struct http_reply *reply = hop->reply;
	const struct http_request *rq = hop->rq;

	if (http_is_redirect(reply->status) && t->headers.location) {
		hop->location = STEAL(t->headers.location);
		return 0;
	}
	if (t->proxied && !hop->parts.https && reply->status == 407) {
		struct http_failure f = {
			.connect_code = 407, .to = &hop->parts, .proxy = &t->proxy};

		return http_failure(&f, t->err);
	}
	return rq->head ? rq->head(rq->arg, reply, t->err) : 0;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	int r = http_headers_line(&t->headers, p, size * count);

	if (r == 1)
		r = begin_body(t);
	else if (r == -EFBIG)
		r = err_set(t->err, ERR_FAIL, EBADMSG,
			"the headers that %s sends are larger than %d KiB: it is no "
			"registry",
			http_place(&t->hop->parts).s, HTTP_HEADER_MAX >> 10);
	else if (r < 0)
		r = err_nomem(t->err);
	t->result = MIN(r, 0);
	return r < 0 ? 0 : size * count;
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	const struct http_request *rq = t->hop->rq;
	size_t n = size * count;

	t->result = http_check(t->h, t->err);
	if (t->result < 0)
		return 0;
	if (t->hop->location || !rq->data) {
		t->dropped += n;
		t->enough = t->dropped > HTTP_UNWANTED;
		return t->enough ? 0 : n;
	}
	t->hop->reply->received += n;
	t->result = MIN(rq->data(rq->arg, p, n, t->err), 0);
	return t->result < 0 ? 0 : n;
}

/* --- what is asked --- */

/* One header field; its value has been looked at by http_perform. */
static int add_line(struct transfer *t, const char *name, const char *value)
{
	t->line.len = 0;
	if (buf_printf(&t->line, "%s:%s%s", name, *value ? " " : "", value) < 0)
		return -ENOMEM;

	struct curl_slist *l = curl_slist_append(t->lines, t->line.data);

	if (!l)
		return -ENOMEM;
	t->lines = l;
	return 0;
}

static int add_lines(struct transfer *t)
{
	const struct http_request *rq = t->hop->rq;
	char range[64];
	int r = add_line(t, "Accept-Encoding", "identity");

	if (r == 0 && rq->accept)
		r = add_line(t, "Accept", rq->accept);
	if (r == 0 && rq->authorization && t->hop->authorization)
		r = add_line(t, "Authorization", rq->authorization);
	if (r == 0 && rq->ranged) {
		snprintf(range, sizeof(range), "bytes=%" PRIu64 "-%" PRIu64, rq->first,
			rq->last);
		r = add_line(t, "Range", range);
	}
	/* no "100-continue", which costs a second where it is not known */
	if (r == 0 && rq->form)
		r = add_line(t, "Expect", "");
	return r;
}

/* The first that fails counts. */
#define SET(t, option, value)                                                            \
	do {                                                                             \
		CURLcode c_ = curl_easy_setopt((t)->h->easy, option, value);             \
                                                                                         \
		if (c_ != CURLE_OK && (t)->result == 0)                                  \
			(t)->result =                                                    \
				c_ == CURLE_OUT_OF_MEMORY                                \
					? err_nomem((t)->err)                            \
					: err_set((t)->err, ERR_FAIL, EOPNOTSUPP,        \
						  "this libcurl cannot do what "         \
						  "is needed (option %s: %s)",           \
						  #option, curl_easy_strerror(c_));      \
	} while (0)

static void set_common(struct transfer *t)
{
	SET(t, CURLOPT_NOSIGNAL, 1L);
	SET(t, CURLOPT_ERRORBUFFER, t->h->error);
	SET(t, CURLOPT_USERAGENT, USER_AGENT);
	SET(t, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(t, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	SET(t, CURLOPT_FOLLOWLOCATION, 0L);
	SET(t, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(t, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
	SET(t, CURLOPT_LOW_SPEED_LIMIT, 1L);
	SET(t, CURLOPT_LOW_SPEED_TIME, t->hop->rq->patient ? 0L : (long)HTTP_IDLE_S);
	SET(t, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(t, CURLOPT_BUFFERSIZE, (long)HTTP_RECEIVE);
	SET(t, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	/* a name that is being looked up is left to its thread when we go */
	SET(t, CURLOPT_QUICK_EXIT, 1L);
	/* a libcurl without HTTP/2 does without */
	(void)curl_easy_setopt(
		t->h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
}

static void set_request(struct transfer *t)
{
	const struct http_request *rq = t->hop->rq;

	SET(t, CURLOPT_URL, t->hop->url);
	if (rq->unix_socket)
		SET(t, CURLOPT_UNIX_SOCKET_PATH, rq->unix_socket);
	SET(t, CURLOPT_HTTPHEADER, t->lines);
	SET(t, CURLOPT_HEADERFUNCTION, on_header);
	SET(t, CURLOPT_HEADERDATA, t);
	SET(t, CURLOPT_WRITEFUNCTION, on_body);
	SET(t, CURLOPT_WRITEDATA, t);
	if (rq->form) {
		SET(t, CURLOPT_POST, 1L);
		SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(rq->form));
		SET(t, CURLOPT_POSTFIELDS, rq->form);
	}
}

static int set_tls(struct transfer *t)
{
	const struct http_tls *tls = t->hop->rq->tls;
	bool own = t->hop->own_origin;

	SET(t, CURLOPT_SSLVERSION,
		t->hop->tls12
			? (long)CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2
			: (long)CURL_SSLVERSION_TLSv1_2);
	if (tls && own && tls->cert) {
		SET(t, CURLOPT_SSLCERT, tls->cert);
		SET(t, CURLOPT_SSLKEY, tls->key);
		/* never a question at the terminal */
		SET(t, CURLOPT_KEYPASSWD, "");
	}
	if (tls && !tls->verify) {
		SET(t, CURLOPT_SSL_VERIFYPEER, 0L);
		SET(t, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (t->result == 0 && t->hop->parts.https && (!tls || tls->verify))
		t->result = http_trust(t->h, tls ? tls->ca_pem : NULL, t->err);
	if (t->result == 0 && t->proxied && t->proxy.tls)
		t->result = http_trust_proxy(t->h, t->err);
	return t->result;
}

static int set_proxy(struct transfer *t)
{
	struct http_proxy_env env = http_proxy_env();
	int r = http_proxy_choose(&env, &t->hop->parts, &t->proxy, t->err);

	if (r < 0)
		return r;
	t->proxied = r > 0;
	/* both always, so that libcurl does not ask the environment */
	SET(t, CURLOPT_PROXY, t->proxied ? t->proxy.url : "");
	SET(t, CURLOPT_NOPROXY, "");
	SET(t, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(t, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	if (t->proxied && t->proxy.username) {
		SET(t, CURLOPT_PROXYUSERNAME, t->proxy.username);
		SET(t, CURLOPT_PROXYPASSWORD, t->proxy.password);
	}
	return t->result;
}

static int prepare(struct transfer *t)
{
	int r;

	/* a new one: some options do not change any more in one that has failed (7.88),
	 * and connections are the multi handle's anyway */
	t->h->easy = curl_easy_init();
	t->h->error[0] = '\0';
	if (!t->h->easy || add_lines(t) < 0)
		return err_nomem(t->err);
	set_common(t);
	set_request(t);
	r = t->result;
	if (r == 0)
		r = set_proxy(t);
	return r == 0 ? set_tls(t) : r;
}

/* --- how it goes --- */

static int multi_failed(CURLMcode m, struct o2r_err *err)
{
	if (m == CURLM_OUT_OF_MEMORY)
		return err_nomem(err);
	return err_set(
		err, ERR_FAIL, EIO, "libcurl does not go on: %s", curl_multi_strerror(m));
}

/* Until libcurl has a result: *code. */
static int drive(struct http *h, CURLcode *code, struct o2r_err *err)
{
	for (;;) {
		int r = http_check(h, err), running, left;
		CURLMsg *msg;
		CURLMcode m;

		if (r < 0)
			return r;
		m = curl_multi_perform(h->multi, &running);
		if (m != CURLM_OK)
			return multi_failed(m, err);
		while ((msg = curl_multi_info_read(h->multi, &left)))
			if (msg->msg == CURLMSG_DONE && msg->easy_handle == h->easy) {
				*code = msg->data.result;
				return 0;
			}
		m = curl_multi_poll(h->multi, NULL, 0, HTTP_POLL_MS, NULL);
		if (m != CURLM_OK)
			return multi_failed(m, err);
	}
}

static long info(struct http *h, CURLINFO what)
{
	long v = 0;

	return curl_easy_getinfo(h->easy, what, &v) == CURLE_OK ? v : 0;
}

static int failed(struct transfer *t, CURLcode code)
{
	struct http *h = t->h;
	const struct http_tls *tls = t->hop->rq->tls;
	curl_off_t ready = 0;
	struct http_failure f = {
		.code = code,
		.detail = h->error,
		.os_error = info(h, CURLINFO_OS_ERRNO),
		.verify = info(h, CURLINFO_SSL_VERIFYRESULT),
		.proxy_verify = info(h, CURLINFO_PROXY_SSL_VERIFYRESULT),
		.connect_code = info(h, CURLINFO_HTTP_CONNECTCODE),
		.to = &t->hop->parts,
		.own_origin = t->hop->own_origin,
		.proxy = t->proxied ? &t->proxy : NULL,
		.cert = tls && t->hop->own_origin ? tls->cert : NULL,
	};

	/* on a connection that was kept there is nothing to be made */
	(void)curl_easy_getinfo(h->easy,
		t->hop->parts.https ? CURLINFO_APPCONNECT_TIME_T
				    : CURLINFO_CONNECT_TIME_T,
		&ready);
	f.replied = t->headers.bytes > 0;
	t->hop->unproven = code == CURLE_PEER_FAILED_VERIFICATION;
	t->hop->mute = t->hop->parts.https && ready > 0 && !f.replied &&
		       (code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR);
	f.greeted = ready > 0 || f.replied || info(h, CURLINFO_NUM_CONNECTS) == 0;
	return http_failure(&f, t->err);
}

static void note(struct transfer *t)
{
	const struct http_hop *hop = t->hop;
	const char *path = strstr(hop->url, "://") + 3;

	/* a query may be a secret */
	ctx_log(t->h->ctx, LOG_DEBUG, "%s %s://%.*s: %ld, %" PRIu64 " bytes",
		hop->rq->form ? "POST" : "GET", hop->parts.https ? "https" : "http",
		(int)strcspn(path, "?#"), path, hop->reply->status, hop->reply->received);
}

static int transfer(struct http *h, struct http_hop *hop, struct o2r_err *err)
{
	CLEANUP(transfer_finish)
	struct transfer t = {.h = h, .hop = hop, .headers.reply = hop->reply, .err = err};
	CURLcode code = CURLE_OK;
	CURLMcode m;
	int r = prepare(&t);

	if (r < 0)
		return r;
	m = curl_multi_add_handle(h->multi, h->easy);
	if (m != CURLM_OK)
		return multi_failed(m, err);
	r = drive(h, &code, err);
	curl_multi_remove_handle(h->multi, h->easy);
	if (r < 0)
		return r;
	if (t.result < 0)
		return t.result;
	/* what else a redirect says does not matter */
	if (code != CURLE_OK && !hop->location && !t.enough)
		return failed(&t, code);
	if (!t.headers.done)
		return failed(&t, CURLE_PARTIAL_FILE);
	note(&t);
	return 0;
}

int http_transfer(struct http *h, struct http_hop *hop, struct o2r_err *err)
{
	int r = transfer(h, hop, err);

	/* nothing has been sent yet */
	if (r == -EKEYREJECTED && hop->unproven && !h->all_roots) {
		h->all_roots = true;
		r = transfer(h, hop, err);
	}
	return r;
}
