#include "fake_token_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "sources/registry/now.h"
#include "sources/registry/secret.h"

struct token_server server;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(void *arg, enum log_level level, const char *msg)
{
	(void)arg, (void)level;
	pthread_mutex_lock(&lock);

	size_t at = strlen(server.said);

	snprintf(server.said + at, sizeof(server.said) - at, "%s\n", msg);
	pthread_mutex_unlock(&lock);
}

const struct ctx server_ctx = {
	.log = keep,
	.level = LOG_TRACE,
	.threads = 1,
	.limits = LIMITS_DEFAULT,
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	exit(2);
}

void server_begin(void)
{
	server = (struct token_server){.steady = 1000, .wall = 1700000000};
}

void server_check_silence(const char *text)
{
	/* as it is, and as base64 has it in two of three places */
	static const char *const secrets[] = {MARK, "UzNDUjNU", "TM0NSM1Q"};

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		must(!strstr(text, secrets[i]) && !strstr(server.said, secrets[i]),
			"a secret was told");
	pthread_mutex_unlock(&lock);
}

/* --- now.h --- */

int64_t now_steady(void)
{
	return __atomic_load_n(&server.steady, __ATOMIC_RELAXED);
}

int64_t now_wall(void)
{
	return server.wall;
}

/* --- http.h --- */

int http_create(const struct ctx *ctx, const _Atomic bool *stop, struct http **out,
	struct o2r_err *err)
{
	(void)ctx, (void)stop, (void)out, (void)err;
	must(false, "nobody makes sessions here");
	return -EINVAL;
}

void http_destroy(struct http *h)
{
	(void)h;
}

bool http_may_pass(int code)
{
	return code == -ECONNRESET || code == -ETIMEDOUT || code == -EHOSTUNREACH;
}

void http_reply_finish(struct http_reply *r)
{
	free(r->url);
	*r = (struct http_reply){0};
}

static void put(char *to, size_t size, const char *from)
{
	must(snprintf(to, size, "%s", from ? from : "") < (int)size, "a long text");
}

static struct token_answer note(const struct http_request *rq)
{
	struct token_request *to;
	unsigned at = 0, n;

	pthread_mutex_lock(&lock);
	n = server.asked++;
	must(n < TOKEN_REQUESTS, "too many requests");
	to = &server.requests[n];
	put(to->url, sizeof(to->url), rq->url);
	put(to->authorization, sizeof(to->authorization), rq->authorization);
	put(to->form, sizeof(to->form), rq->form);
	to->has_cert = rq->tls->cert || rq->tls->key;
	to->has_ca = rq->tls->ca_pem;
	to->verify = rq->tls->verify;
	while (at < n && at + 1 < TOKEN_ANSWERS &&
		(server.script[at + 1].status || server.script[at + 1].fails))
		at++;
	pthread_mutex_unlock(&lock);
	return server.script[at];
}

int http_perform(struct http *h, const struct http_request *rq, struct http_reply *reply,
	struct o2r_err *err)
{
	struct token_answer a = note(rq);
	int r = 0;

	(void)h;
	if (server.delay_ms)
		usleep(server.delay_ms * 1000);
	if (a.redirect)
		r = rq->allow(rq->arg, a.redirect, err);
	if (r < 0)
		return r;
	if (a.fails == -EINTR)
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	if (a.fails)
		return err_set(err, ERR_FAIL, -a.fails, "cannot reach it");
	reply->status = a.status;
	reply->url = strdup(rq->url);
	for (unsigned i = 0; r == 0 && a.body && i < (a.repeat ? a.repeat : 1); i++)
		r = rq->data(rq->arg, a.body, strlen(a.body), err);
	if (r == 0 && a.breaks)
		r = err_set(err, ERR_FAIL, ECONNRESET, "the connection broke");
	return r;
}

/* --- places --- */

void place_begin(struct place *p, bool https, const char *registry, const char *path)
{
	*p = (struct place){
		.endpoint = {.registry = (char *)registry,
			.host = (char *)registry,
			.path = (char *)path,
			.tags = true,
			.digests = true},
		.tls = {.verify = true},
	};
	if (strcmp(registry, "docker.io") == 0)
		p->endpoint.host = (char *)"registry-1.docker.io";
	snprintf(p->url, sizeof(p->url), "%s://%s/v2/%s/manifests/1",
		https ? "https" : "http", p->endpoint.host, path);
	p->target = (struct auth_target){
		.endpoint = &p->endpoint,
		.url = p->url,
		.tls = &p->tls,
	};
}

static const char *result(int r, char *value, const struct o2r_err *err, int *code)
{
	static _Thread_local char text[1200];

	if (code)
		*code = r;
	if (r < 0) {
		must(err->code == r && err->text[0] && !strchr(err->text, '\n'),
			"an error that says nothing");
		server_check_silence(err->text);
	}
	put(text, sizeof(text), r < 0 ? err->text : value);
	secret_free(value);
	return text;
}

const char *refused(struct auth *a, const struct place *p, const char *challenge,
	const char *used, int *code)
{
	CLEANUP(strings_finish) struct strings lines = {0};
	struct o2r_err err = {0};
	char *value = NULL;
	int r;

	if (challenge)
		must(strings_add(&lines, challenge, strlen(challenge)) == 0, "memory");
	r = auth_refused(a, NULL, &p->target, &lines, used, &value, &err);
	must(r != 0, "neither header nor error");
	return result(r, value, &err, code);
}

const char *header(struct auth *a, const struct place *p, int *code)
{
	struct o2r_err err = {0};
	char *value = NULL;
	int r = auth_header(a, NULL, &p->target, &value, &err);

	return result(r, value, &err, code);
}
