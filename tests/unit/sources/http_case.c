#include "http_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct http_tls verified = {.verify = true};
struct ctx plain = {.threads = 1};

static int on_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct asked *a = arg;

	(void)err;
	a->heads++;
	a->head_status = r->status;
	return a->head_result;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct asked *a = arg;

	(void)err;
	if (a->data_result < 0)
		return a->data_result;
	return buf_append(&a->body, p, n);
}

static int on_allow(void *arg, const char *url, struct o2r_err *err)
{
	struct asked *a = arg;

	(void)err;
	snprintf(a->allowed, sizeof(a->allowed), "%s", url);
	return a->allow_result;
}

void asked_finish(struct asked *a)
{
	http_reply_finish(&a->reply);
	buf_finish(&a->body);
}

struct http *session(const struct ctx *ctx, const _Atomic bool *stop)
{
	struct http *h = NULL;

	if (http_create(ctx, stop, &h, NULL) < 0)
		exit(1);
	return h;
}

int ask_url(struct http *h, const char *url, struct asked *a)
{
	a->rq.url = url;
	a->rq.tls = &verified;
	a->rq.data = on_data;
	a->rq.arg = a;

	int r = http_perform(h, &a->rq, &a->reply, &a->err);

	/* every failure says in one line whom it is about */
	if (r < 0 && a->err.code && (a->err.code != r || strchr(a->err.text, '\n'))) {
		fprintf(stderr, "%d is told as %d: %s\n", r, a->err.code, a->err.text);
		exit(1);
	}
	return r;
}

int ask(struct http *h, struct canned_server *s, const char *path, struct asked *a)
{
	snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%u%s", canned_port(s), path);
	a->rq.head = on_head;
	a->rq.allow = on_allow;
	return ask_url(h, a->url, a);
}

bool request_has(struct canned_server *s, unsigned n, const char *text)
{
	AUTO_FREE char *request = canned_request(s, n);

	return strstr(request, text) != NULL;
}

void clean_environment(void)
{
	static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY",
		"https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy",
		"REQUEST_METHOD", "SSL_CERT_FILE", "SSL_CERT_DIR"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}
