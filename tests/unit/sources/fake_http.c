#include "fake_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/auth.h"
#include "sources/registry/certs.h"
#include "sources/registry/client_impl.h"

struct fake fake;

static struct client *client;
static struct ctx ctx;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	exit(2);
}

static void keep_log(void *arg, enum log_level level, const char *msg)
{
	size_t at = strlen(fake.log);

	(void)arg;
	snprintf(fake.log + at, sizeof(fake.log) - at, "%d %s\n", level, msg);
}

void fake_begin(void)
{
	fake = (struct fake){0};
	ctx = (struct ctx){.log = keep_log,
		.level = LOG_TRACE,
		.threads = 1,
		.limits = LIMITS_DEFAULT};
}

struct ctx fake_ctx(void)
{
	return ctx;
}

struct client_session *fake_open(const struct digest *digest)
{
	static const struct registry_settings settings;
	struct name name = {.domain = (char *)"docker.io",
		.path = (char *)"library/nginx",
		.tag = digest ? NULL : (char *)"latest"};
	struct client_session *s = NULL;
	struct o2r_err err = {0};

	if (digest)
		name.digest = *digest;
	must(client_create(&name, &settings, &ctx, &client, &err) == 0, err.text);
	must(client_session_create(client, NULL, &s, &err) == 0, err.text);
	return s;
}

struct client *fake_client(void)
{
	return client;
}

void fake_close(struct client_session *s)
{
	client_session_destroy(s);
	client_destroy(client);
}

unsigned fake_logged(const char *text)
{
	unsigned n = 0;

	for (const char *p = fake.log; (p = strstr(p, text)); p++)
		n++;
	return n;
}

/* --- http.h --- */

struct http {
	int nothing;
};

int http_create(const struct ctx *c, const _Atomic bool *stop, struct http **out,
	struct o2r_err *err)
{
	(void)c, (void)stop;
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : err_nomem(err);
}

void http_destroy(struct http *h)
{
	free(h);
}

bool http_may_pass(int code)
{
	return code == -ECONNRESET || code == -ETIMEDOUT || code == -EHOSTUNREACH;
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static void fill(const struct fake_answer *a, struct http_reply *r)
{
	r->status = a->status ? a->status : 200;
	r->content_type = copy(a->type);
	r->has_length = a->length != NULL;
	r->length = a->length ? strtoull(a->length, NULL, 10) : 0;
	r->has_range = a->range[2] != 0;
	r->range_first = a->range[0];
	r->range_last = a->range[1];
	r->range_total = a->range[2];
	r->digest = copy(a->digest);
	r->retry_after = copy(a->retry_after);
	r->rate_limit = copy(a->limit);
	r->rate_remaining = copy(a->remaining);
	for (unsigned i = 0; i < 3 && a->warnings[i]; i++)
		must(strings_add(&r->warnings, a->warnings[i], strlen(a->warnings[i])) ==
				0,
			"memory");
}

static int hand_over(const struct http_request *rq, const struct fake_answer *a,
	struct http_reply *r, struct o2r_err *err)
{
	int ret = rq->head ? rq->head(rq->arg, r, err) : 0;

	for (uint64_t i = 0; ret == 0 && a->body && i < (a->repeat ? a->repeat : 1);
		i++) {
		r->received += strlen(a->body);
		ret = rq->data(rq->arg, a->body, strlen(a->body), err);
	}
	return ret;
}

int http_perform(struct http *h, const struct http_request *rq, struct http_reply *reply,
	struct o2r_err *err)
{
	unsigned n = fake.asked++;
	const struct fake_answer *a = &fake.script[n];
	char range[60] = "";
	int r;

	(void)h;
	must(n < FAKE_REQUESTS, "too many requests");
	must(!reply->url && !reply->status, "a reply that is not fresh");
	if (rq->ranged)
		snprintf(range, sizeof(range), " %llu-%llu",
			(unsigned long long)rq->first, (unsigned long long)rq->last);
	snprintf(fake.asked_for[n], sizeof(fake.asked_for[n]), "%s%s%s%s", rq->url,
		rq->authorization ? " " : "", rq->authorization ? rq->authorization : "",
		range);
	snprintf(fake.accept, sizeof(fake.accept), "%s", rq->accept ? rq->accept : "");
	fake.verify = rq->tls->verify;
	reply->url = copy(rq->url);
	if (a->redirect) {
		r = rq->allow ? rq->allow(rq->arg, a->redirect, err) : 0;
		if (r < 0)
			return r;
	}
	if (a->fails)
		return err_set(err, ERR_FAIL, -a->fails, "failure %d", -a->fails);
	fill(a, reply);
	r = hand_over(rq, a, reply, err);
	if (r == 0 && a->breaks)
		r = err_set(err, ERR_FAIL, -a->breaks, "broken %d", -a->breaks);
	return r;
}

/* --- auth.h --- */

struct auth {
	int nothing;
};

int auth_create(const struct registry_settings *settings, const struct ctx *c,
	struct auth **out, struct o2r_err *err)
{
	(void)settings, (void)c;
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : err_nomem(err);
}

void auth_destroy(struct auth *a)
{
	free(a);
}

int auth_header(struct auth *a, struct http *http, const struct auth_target *t,
	char **value, struct o2r_err *err)
{
	(void)a, (void)http, (void)err;
	fake.no_secrets = t->no_secrets;
	*value = fake.token ? copy("Bearer old-secret") : NULL;
	return 0;
}

int auth_refused(struct auth *a, struct http *http, const struct auth_target *t,
	const struct strings *challenges, const char *used, char **value,
	struct o2r_err *err)
{
	(void)a, (void)http, (void)t, (void)challenges;
	if (used && strcmp(used, "Bearer new-secret") == 0)
		return err_set(err, ERR_ACCESS, EACCES, "not even so");
	must(!used == !fake.token, "which header was refused");
	if (fake.auth_fails)
		return err_set(err, ERR_ACCESS, -fake.auth_fails, "wrong password");
	*value = copy("Bearer new-secret");
	return 1;
}

/* --- endpoint.h, certs.h --- */

int endpoints_find(const struct name *name, const struct registry_settings *settings,
	const struct ctx *c, struct endpoints *out, struct o2r_err *err)
{
	unsigned n = 0;

	(void)settings, (void)c, (void)err;
	if (!fake.endpoints[0].host) {
		fake.endpoints[0].host = "registry-1.docker.io";
		fake.endpoints[0].tags = fake.endpoints[0].digests = true;
	}
	while (n < FAKE_ENDPOINTS && fake.endpoints[n].host)
		n++;
	out->list = calloc(n, sizeof(*out->list));
	must(out->list, "memory");
	out->count = n;
	for (unsigned i = 0; i < n; i++)
		out->list[i] = (struct endpoint){
			.registry =
				copy(fake.endpoints[i].bad_certs ? "bad" : name->domain),
			.host = copy(fake.endpoints[i].host),
			.path = copy(name->path),
			.insecure = fake.endpoints[i].insecure,
			.loopback = fake.endpoints[i].loopback,
			.mirror = fake.endpoints[i].mirror,
			.tags = fake.endpoints[i].tags,
			.digests = fake.endpoints[i].digests,
		};
	return 0;
}

void endpoints_finish(struct endpoints *e)
{
	for (size_t i = 0; i < e->count; i++) {
		free(e->list[i].registry);
		free(e->list[i].host);
		free(e->list[i].path);
	}
	free(e->list);
	*e = (struct endpoints){0};
}

int certs_find(const char *registry, const char *cert_dir, const struct ctx *c,
	struct http_tls *out, struct o2r_err *err)
{
	(void)cert_dir, (void)c, (void)out;
	return strcmp(registry, "bad") == 0
		       ? err_set(err, ERR_FAIL, ENOENT, "x.cert has no x.key")
		       : 0;
}

void http_tls_finish(struct http_tls *tls)
{
	*tls = (struct http_tls){0};
}

/* --- client_wait.c --- */

int client_wait(struct client_session *s, uint32_t ms, struct o2r_err *err)
{
	(void)s;
	must(fake.wait_count < FAKE_REQUESTS, "too many waits");
	fake.waits[fake.wait_count++] = ms;
	return fake.wait_interrupted ? err_set(err, ERR_INTERRUPTED, EINTR, "interrupted")
				     : 0;
}
