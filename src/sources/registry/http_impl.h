/*
 * Parts of http.c's session, for files http_*.c only:
 *
 *   http.c           sessions, and the requests that redirects make of one
 *   http_transfer.c  one request and its reply, by libcurl
 *   http_headers.c   header lines -> struct http_reply; pure
 *   http_redirect.c  where a redirect leads; libcurl's URL arithmetic
 *   http_proxy.c     which proxy; pure but for reading the environment
 *   http_roots.c     the system's certificates
 *   http_trust.c     which certificates a server is verified by
 *   http_error.c     libcurl's codes -> ours
 */
#ifndef O2R_SOURCES_REGISTRY_HTTP_IMPL_H
#define O2R_SOURCES_REGISTRY_HTTP_IMPL_H

#include <curl/curl.h>

#include "base/buf.h"
#include "sources/registry/http.h"
#include "sources/registry/url.h"

enum {
	HTTP_CONNECT_MS = 30000,
	HTTP_IDLE_S = 60,          /* without a byte */
	HTTP_POLL_MS = 100,        /* how soon cancelling is seen */
	HTTP_RECEIVE = 256 << 10,  /* bytes of the receive buffer */
	HTTP_UNWANTED = 64 << 10,  /* bytes of a body read only to keep the connection */
	HTTP_ROOTS_MAX = 32 << 20, /* bytes of certificates */
	HTTP_PROXY_VAR_MAX = 32 << 10, /* bytes of a variable that names proxies */
};

/* "host:port", for messages. */
struct http_place {
	char s[sizeof(((struct url *)0)->host) + 16];
};

struct http_place http_place(const struct url *u);

/* --- http_headers.c --- */

struct http_headers {
	struct http_reply *reply;
	size_t bytes;   /* of all header lines so far, interim replies too */
	bool done;      /* what follows are trailers */
	bool bad_range; /* Content-Range twice, differently or not understood */
	bool bad_length;
	bool coded; /* Transfer-Encoding: the length is not that of the body */
	char *location;
};

/* The next line, with its end. 1: it ends the headers of the final reply. -EFBIG: more
 * than HTTP_HEADER_MAX. */
int http_headers_line(struct http_headers *h, const char *line, size_t n) O2R_MUST_CHECK;
void http_headers_finish(struct http_headers *h);

/* "bytes 0-9/100", "bytes 0-9/\*". */
bool http_content_range(
	const char *s, uint64_t *first, uint64_t *last, uint64_t *total) O2R_MUST_CHECK;

/* --- http_redirect.c --- */

/* Does this status with a Location lead elsewhere? */
bool http_is_redirect(long status);
/* *next: the absolute URL, and its parts; -EPERM for what no redirect may lead to. */
int http_redirect(const char *from, const char *location, char **next, struct url *parts,
	struct o2r_err *err) O2R_MUST_CHECK;

/* --- http_proxy.c --- */

/* What the environment says. NULL or "": nothing. */
struct http_proxy_env {
	const char *http, *https, *no;
	bool cgi; /* a CGI program: a client of the server chose HTTP_PROXY */
};

struct http_proxy_env http_proxy_env(void);

struct http_proxy {
	char url[sizeof(((struct url *)0)->host) + 32]; /* scheme://host:port */
	struct http_place place;
	bool tls;                  /* it is spoken to by https itself */
	char *username, *password; /* NULL: none */
};

/* 1: through *out, 0: directly. Errors name the variable, never what it holds. */
int http_proxy_choose(const struct http_proxy_env *env, const struct url *to,
	struct http_proxy *out, struct o2r_err *err) O2R_MUST_CHECK;
void http_proxy_finish(struct http_proxy *p);

/* --- http_roots.c --- */

/* The system's certificates as bytes. */
struct http_roots {
	bool read;
	struct buf
		pem; /* of the file, and of the folders where SSL_CERT_DIR names them */
};

/* Folders where certificates can be found by their hash, with colons between them; NULL:
 * none. */
const char *http_roots_folders(void);
int http_roots_read(struct http_roots *r, struct o2r_err *err) O2R_MUST_CHECK;

/* --- the session --- */

struct http {
	const struct ctx *ctx;
	const _Atomic bool *stop;
	CURLM *multi;
	CURL *easy;     /* of the transfer that is under way */
	bool all_roots; /* those that can be looked up did not do */
	struct http_roots roots;
	char *ca_pem; /* that all_pem has besides the roots */
	struct buf all_pem;
	char error[CURL_ERROR_SIZE];
};

/* --- http_transfer.c --- */

/* One request of those that redirects make. */
struct http_hop {
	const struct http_request *rq;
	const char *url;
	struct url parts;
	bool own_origin;    /* that of the first URL: its certificates */
	bool authorization; /* to be sent */
	struct http_reply *reply;
	bool tls12;     /* nothing later */
	char *location; /* out: a redirect leads there; malloc'd */
	bool mute;      /* out: it broke after TLS, before it said a word */
	bool unproven;  /* out: a certificate was not accepted */
};

/* 0: there is a reply, handed over unless it is a redirect. */
int http_transfer(
	struct http *h, struct http_hop *hop, struct o2r_err *err) O2R_MUST_CHECK;
/* 0, or -EINTR */
int http_check(const struct http *h, struct o2r_err *err) O2R_MUST_CHECK;

/* --- http_trust.c --- */

/* How h->easy verifies: by the system's certificates, and ca_pem (NULL: none), which
 * stays the caller's for the time of the transfer. */
int http_trust(struct http *h, const char *ca_pem, struct o2r_err *err) O2R_MUST_CHECK;
/* The same for a proxy that is spoken to by TLS: the system's alone. */
int http_trust_proxy(struct http *h, struct o2r_err *err) O2R_MUST_CHECK;

/* --- http_error.c --- */

/* What is known when libcurl gives up. */
struct http_failure {
	CURLcode code;
	const char *detail; /* libcurl's own text, may be "" */
	bool greeted;       /* connected, by TLS too */
	bool replied;       /* with a part of a reply at least */
	long os_error;      /* of connecting */
	long verify;        /* X509_V_ERR_*, 0: none */
	long proxy_verify;  /* the same for a proxy that is spoken to by TLS */
	long connect_code;  /* a proxy's status for CONNECT */
	const struct url *to;
	bool own_origin;                /* not another one, after a redirect */
	const struct http_proxy *proxy; /* NULL: none */
	const char *cert;               /* file of the client's, NULL: none */
};

int http_failure(const struct http_failure *f, struct o2r_err *err);

#endif
