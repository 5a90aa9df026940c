/*
 * What a client is made of, for files client*.c only:
 *
 *   client.c           clients and sessions
 *   client_place.c     the endpoints of a client, asked one after the other
 *   client_ask.c       one request at one endpoint: scheme, authentication, retries
 *   client_wait.c      waiting before something is asked again
 *   client_error.c     statuses and error documents -> errors
 *   client_manifest.c  manifests and indexes
 *   client_blob.c      parts of blobs
 *   client_transfer.c  what a reply with a part of a blob must be like
 */
#ifndef O2R_SOURCES_REGISTRY_CLIENT_IMPL_H
#define O2R_SOURCES_REGISTRY_CLIENT_IMPL_H

#include <pthread.h>

#include "sources/registry/auth.h"
#include "sources/registry/client.h"
#include "sources/registry/endpoint.h"
#include "sources/registry/http.h"

enum {
	CLIENT_TRIES = 5,                /* of one request */
	CLIENT_RENEWALS = 2,             /* of its authentication */
	CLIENT_WAIT_MS = 1000,           /* before the second try, then doubled */
	CLIENT_WAIT_MAX_MS = 60000,      /* what a server may ask for */
	CLIENT_WARNINGS_MAX = 16,        /* shown of one registry */
	CLIENT_ERROR_BODY_MAX = 1 << 20, /* bytes read of a reply that is no success */
};

enum scheme {
	SCHEME_UNKNOWN,
	SCHEME_HTTPS,
	SCHEME_HTTP,
};

/* An endpoint, and what has been learnt about it. The atomics may be set by any thread:
 * what two of them find out at once is the same. */
struct place {
	const struct endpoint *endpoint;
	struct http_tls tls;
	char *label;        /* for messages: "docker.io/library/nginx" */
	bool is_private;    /* its host is a private address */
	_Atomic int scheme; /* enum scheme */
	_Atomic bool down;  /* a mirror that cannot be reached, not asked again */
	_Atomic bool told;  /* its failure was told the user */
};

struct client {
	const struct ctx *ctx;
	struct registry_settings settings;
	char *label;  /* "docker.io/library/nginx" */
	bool by_name; /* the user gave no digest */
	struct endpoints endpoints;
	struct place *places; /* as many */
	struct auth *auth;
	_Atomic bool answered; /* has anybody? */
	_Atomic bool foreign;  /* has a URL of a foreign layer been asked? */
	_Atomic bool distrust; /* only the registry itself is asked */
	pthread_mutex_t lock;
	struct strings warnings; /* that were shown */
	struct strings dead;     /* origins of `urls` that cannot be reached */
};

struct client_session {
	struct client *client;
	struct http *http;
	const _Atomic bool *stop;
};

/* --- client_place.c --- */

int places_create(struct client *c, struct o2r_err *err) O2R_MUST_CHECK;
void places_destroy(struct client *c);

/*
 * Call fn for one place after the other, the registry itself last, until one returns 0,
 * -EINTR or sets *final. What fails at a mirror is told, and the next is asked; otherwise
 * the last one's failure is the result. by_tag: it is a tag that is asked for.
 */
int places_try(struct client_session *s, bool by_tag,
	int (*fn)(void *arg, struct place *p, bool *final, struct o2r_err *err),
	void *arg, struct o2r_err *err) O2R_MUST_CHECK;

/* Failures that the next request at the same place will meet too. */
bool place_is_gone(int code);

/* Is the host of a URL one that the registry may send us to? -EPERM; the text begins with
 * "it leads to". */
int place_allows(
	const struct place *p, const char *url, struct o2r_err *err) O2R_MUST_CHECK;

/* --- client_ask.c --- */

/* One request to a place. head and data are called for a reply that is a success (200,
 * 206) only, whose bytes they get; an error of theirs is the result. */
struct ask {
	struct client_session *session;
	struct place *place;
	const char *path;   /* "manifests/latest", "blobs/sha256:..." */
	const char *accept; /* NULL: anything */
	bool ranged;
	uint64_t first, last;
	int (*head)(void *arg, const struct http_reply *r, struct o2r_err *err);
	int (*data)(void *arg, const void *p, size_t n, struct o2r_err *err);
	void *arg;
	/* What a status that is no success means; fills err. */
	int (*refused)(
		const struct ask *q, const struct http_reply *r, struct o2r_err *err);
	/* within */
	long status;        /* of the last reply, 0: there was none */
	unsigned renewed;   /* how often authentication has been tried again */
	bool reached;       /* there was an answer, be it a redirect */
	bool cut;           /* enough of an error was read */
	bool stopped;       /* head or data has failed */
	struct buf body;    /* of a reply that is no success, its beginning */
	uint64_t body_seen; /* bytes of it */
};

int client_ask(struct ask *q, struct o2r_err *err) O2R_MUST_CHECK;
void ask_finish(struct ask *q);

/* --- client.c --- */

/* Time between tries: doubled each time, and a fifth more or less. */
uint32_t client_backoff(unsigned tries);
/* 0, or -EINTR when the session or the operation is told to stop. */
int client_check(const struct client_session *s, struct o2r_err *err) O2R_MUST_CHECK;

/* --- client_wait.c --- */

/* 0, or -EINTR as soon as client_check says so. */
int client_wait(
	struct client_session *s, uint32_t ms, struct o2r_err *err) O2R_MUST_CHECK;

/* --- client_transfer.c --- */

/* A part of a blob that arrives in one or more replies, of different servers even. */
struct transfer {
	const struct client_blob *b;
	const char *label;  /* of who is asked, for messages */
	bool ranged;        /* this request asks for [next, b->end) */
	uint64_t next;      /* byte of the blob to hand over next */
	uint64_t at;        /* byte of the blob that comes next in this reply */
	uint64_t reply_end; /* behind the last byte that may come in it */
	bool begun;         /* b->begin was called */
	bool caller_failed; /* b->begin or b->data was */
	bool enough;        /* this reply holds more than is wanted, and was left */
};

int transfer_head(void *t, const struct http_reply *r, struct o2r_err *err);
int transfer_data(void *t, const void *p, size_t n, struct o2r_err *err);
/* What has become of it when the request returned r. */
int transfer_result(const struct transfer *t, int r, struct o2r_err *err) O2R_MUST_CHECK;

/* --- client_error.c --- */

/* Worth asking again after a while. */
bool status_may_pass(long status);
/* What refuses, for all that is asked for: `missing` says what 404 means (why: the text
 * of the error document, "" or with a blank and in brackets). */
int client_refused(const struct ask *q, const struct http_reply *r,
	int (*missing)(const struct ask *q, const struct http_reply *r, const char *code,
		const char *why, struct o2r_err *err),
	struct o2r_err *err);
/* A page, where a registry would answer something else. */
bool reply_is_page(const struct http_reply *r);

#endif
