/*
 * A token server by script, for tests of auth.h: takes the place of http.h and now.h when
 * a program is linked. Each request gets the next answer of the script, the last one
 * again and again; what was asked is kept to be looked at. Any number of threads.
 */
#ifndef O2R_TESTS_FAKE_TOKEN_SERVER_H
#define O2R_TESTS_FAKE_TOKEN_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ctx.h"
#include "sources/registry/auth.h"

/* Part of every secret here, and of no message. */
#define MARK "S3CR3T"

struct token_answer {
	int fails;            /* http_perform's result; 0: there is a reply */
	const char *redirect; /* where it leads first; NULL: nowhere */
	long status;
	const char *body;
	unsigned repeat; /* of the body; 0: once */
	bool breaks;     /* -ECONNRESET behind the body */
};

enum {
	TOKEN_ANSWERS = 8,
	TOKEN_REQUESTS = 64,
};

struct token_request {
	char url[2000], authorization[300], form[600];
	bool has_cert, has_ca, verify;
};

struct token_server {
	struct token_answer script[TOKEN_ANSWERS]; /* status 0 ends it */
	unsigned delay_ms;                         /* of each answer */
	unsigned asked;
	struct token_request requests[TOKEN_REQUESTS];
	int64_t steady, wall; /* the clocks */
	char said[20000];     /* all messages */
};

extern struct token_server server;
extern const struct ctx server_ctx;

/* Forget all. */
void server_begin(void);
/* The text, and all that was logged, has no secret in it. */
void server_check_silence(const char *text);

/* https://REGISTRY/v2/PATH/manifests/1, of a registry of that name. */
struct place {
	struct endpoint endpoint;
	struct http_tls tls;
	struct auth_target target;
	char url[300];
};
void place_begin(struct place *p, bool https, const char *registry, const char *path);

/* What auth_refused makes of one line of WWW-Authenticate (NULL: none): the header, ""
 * for none, the text of an error, whose code goes to *code (may be NULL). In a buffer of
 * its thread. */
const char *refused(struct auth *a, const struct place *p, const char *challenge,
	const char *used, int *code);
/* The same of auth_header. */
const char *header(struct auth *a, const struct place *p, int *code);

#endif
