/*
 * HTTP by libcurl, the only user of it. A session belongs to one thread and keeps its
 * connections (HTTP/2 where offered) for the next request. It knows nothing of
 * registries: no retry, no authentication of its own, no netrc, no cookies.
 *
 * Redirects (301, 302, 303, 307, 308) are followed, at most HTTP_REDIRECTS_MAX: never
 * from https to http, never to another scheme, and the Authorization header goes to the
 * scheme, host and port of the first URL only. A POST is not redirected anywhere. Other
 * origins are verified as the first one is (a registry's storage may have the registry's
 * own authority), but get no certificate of ours. Bodies are handed over as they are on
 * the wire (Accept-Encoding: identity).
 *
 * Proxies are those that Go programs use: HTTP_PROXY, HTTPS_PROXY, NO_PROXY in either
 * case (with CIDR), none for loopback.
 *
 * Time-outs: 30 s to connect, 60 s without a byte. Cancelling (ctx, *stop) takes effect
 * within 200 ms, in name resolution and connecting too.
 */
#ifndef O2R_SOURCES_REGISTRY_HTTP_H
#define O2R_SOURCES_REGISTRY_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/err.h"
#include "sources/registry/strings.h"

enum {
	HTTP_REDIRECTS_MAX = 10,
	HTTP_HEADER_MAX = 64 << 10, /* bytes of all headers of one reply */
};

/* How servers are verified, and who we are to them. */
struct http_tls {
	bool verify;
	char *ca_pem;     /* certificates besides the system's; NULL: none */
	char *cert, *key; /* files of the client's pair; NULL: none */
};

struct http_reply {
	long status;
	char *url;          /* that answered, after redirects */
	char *content_type; /* without parameters, lower case; NULL: none */
	bool has_length;
	uint64_t length; /* Content-Length */
	bool has_range;  /* a Content-Range that can be understood */
	uint64_t range_first, range_last;
	uint64_t range_total;              /* UINT64_MAX: "*" */
	char *digest;                      /* Docker-Content-Digest; NULL: none */
	char *retry_after;                 /* NULL: none */
	char *rate_limit, *rate_remaining; /* RateLimit-Limit, RateLimit-Remaining */
	struct strings challenges;         /* WWW-Authenticate, each line */
	struct strings warnings;           /* Warning, each line */
	uint64_t received;                 /* bytes of the body */
};

void http_reply_finish(struct http_reply *r);

struct http_request {
	const char *url;           /* absolute, http or https */
	const char *accept;        /* NULL: anything */
	const char *authorization; /* NULL: none */
	const char *form;          /* a body for POST, urlencoded; NULL: a GET */
	bool ranged;               /* Range: bytes=first-last */
	uint64_t first, last;
	const char *unix_socket; /* to be asked instead of the URL's host; NULL */
	bool patient;            /* however long no byte comes */
	const struct http_tls *tls;
	/* May a redirect lead there? NULL: anywhere that the rules above allow. */
	int (*allow)(void *arg, const char *url, struct o2r_err *err);
	/* Before the body of the reply that ends the redirects; a negative return ends
	 * the request and is its result. May be NULL. */
	int (*head)(void *arg, const struct http_reply *r, struct o2r_err *err);
	/* Bytes of the body as they come; likewise. NULL: the body is not wanted. */
	int (*data)(void *arg, const void *p, size_t n, struct o2r_err *err);
	void *arg;
};

struct http;

/* stop (may be NULL): makes requests end with -EINTR once true. */
int http_create(const struct ctx *ctx, const _Atomic bool *stop, struct http **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void http_destroy(struct http *h);

/*
 * 0: there is a reply, whatever its status. *reply is zero-initialised and is filled (and
 * to be finished) on failure too. Codes of failure, each text naming the host and saying
 * what to do:
 *
 *   -EHOSTUNREACH  name not resolved, or the proxy's     (class FAIL)
 *   -ECONNREFUSED  nobody listens there                  (FAIL)
 *   -ETIMEDOUT     connecting, or no byte for too long   (FAIL)
 *   -ECONNRESET    the connection broke, also in mid-body (FAIL)
 *   -EPROTO        what answers does not speak TLS       (FAIL)
 *   -EKEYREJECTED  certificate not accepted, ours or theirs (ACCESS)
 *   -EACCES        a proxy does not let us through       (ACCESS)
 *   -ELOOP         too many redirects                    (FAIL)
 *   -EPERM         a redirect that is not followed       (FAIL)
 *   -EBADMSG       what answers does not speak HTTP, or headers too large (FAIL)
 *   -EINTR         cancelled                             (INTERRUPTED)
 */
int http_perform(struct http *h, const struct http_request *rq, struct http_reply *reply,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Worth another try after a while: -ETIMEDOUT, -ECONNRESET, -EHOSTUNREACH. */
bool http_may_pass(int code);

#endif
