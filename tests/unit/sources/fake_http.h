/*
 * A network by script, for tests of the client: takes the place of http.h, auth.h,
 * endpoint.h, certs.h and of the client's waits when a program is linked. Each request
 * gets the next answer of the script; what was asked is kept to be looked at.
 */
#ifndef O2R_TESTS_FAKE_HTTP_H
#define O2R_TESTS_FAKE_HTTP_H

#include "sources/registry/client.h"

struct fake_answer {
	int fails; /* http_perform's result, before anything came; 0: there is a reply */
	const char *redirect; /* where it leads first; NULL: nowhere */
	long status;          /* 0: 200 */
	const char *type, *body;
	uint64_t repeat;    /* of the body; 0: once */
	int breaks;         /* the result behind the body */
	const char *length; /* Content-Length; NULL: none */
	uint64_t range[3];  /* first, last, total of Content-Range */
	const char *retry_after, *limit, *remaining, *digest;
	const char *warnings[3];
};

enum {
	FAKE_REQUESTS = 64,
	FAKE_ENDPOINTS = 4,
};

struct fake {
	struct fake_answer script[FAKE_REQUESTS]; /* zero-initialised: 200, empty */
	unsigned asked;                           /* of it */
	char asked_for[FAKE_REQUESTS][300];       /* "URL [AUTHORIZATION] [FIRST-LAST]" */
	char accept[400];                         /* of the last one */
	bool verify;                              /* likewise */
	uint32_t waits[FAKE_REQUESTS];            /* in ms */
	unsigned wait_count;
	bool wait_interrupted;
	struct {
		const char *host;
		bool insecure, loopback, mirror, tags, digests, bad_certs;
	} endpoints[FAKE_ENDPOINTS]; /* the first without a host is their end; none: hub
				      */
	bool token;                  /* auth_header has one */
	bool no_secrets;             /* was asked for */
	int auth_fails;              /* auth_refused's result */
	char log[20000];             /* "LEVEL text\n" */
};

extern struct fake fake;

/* Forget all; ctx of a fresh client, and its only session. */
void fake_begin(void);
struct ctx fake_ctx(void);
/* docker.io/library/nginx:latest, or with a digest. */
struct client_session *fake_open(const struct digest *digest);
struct client *fake_client(void);
void fake_close(struct client_session *s);
/* How often the text is in the log. */
unsigned fake_logged(const char *text);

#endif
