/* HTTP requests of tests, against a canned server: one request and what came of it. */
#ifndef O2R_TESTS_HTTP_CASE_H
#define O2R_TESTS_HTTP_CASE_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "canned_server.h"
#include "sources/registry/http.h"

struct asked {
	struct http_request rq;
	struct http_reply reply;
	struct o2r_err err;
	struct buf body;
	unsigned heads;
	long head_status;
	int head_result, data_result, allow_result;
	char allowed[200]; /* the last that was to be allowed */
	char url[300];
};

void asked_finish(struct asked *a);

#define ASKED CLEANUP(asked_finish) struct asked

extern const struct http_tls verified;
extern struct ctx plain;

/* Ends the program when there is none. */
struct http *session(const struct ctx *ctx, const _Atomic bool *stop);
/* Ask for a path of the server; callbacks and what is not set yet are filled in. */
int ask(struct http *h, struct canned_server *s, const char *path, struct asked *a);
/* The same for any URL, without callbacks but for the body. */
int ask_url(struct http *h, const char *url, struct asked *a);
bool request_has(struct canned_server *s, unsigned n, const char *text);
/* Proxies and certificates of who runs the tests are not theirs. */
void clean_environment(void);

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define TO(status, url)                                                                  \
	"HTTP/1.1 " status " Go\r\nContent-Length: 4\r\nLocation: " url "\r\n\r\ngone"

#endif
