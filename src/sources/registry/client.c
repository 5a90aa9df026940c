#include "sources/registry/client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/checked.h"
#include "base/cleanup.h"

static void client_cleanup(struct client **c)
{
	client_destroy(*c);
}

int client_create(const struct name *name, const struct registry_settings *settings,
	const struct ctx *ctx, struct client **out, struct o2r_err *err)
{
	CLEANUP(client_cleanup) struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_nomem(err);
	pthread_mutex_init(&c->lock, NULL);
	c->ctx = ctx;
	c->settings = *settings;
	c->by_name = name->digest.algo == DIGEST_NONE;
	if (asprintf(&c->label, "%s/%s", name->domain, name->path) < 0) {
		c->label = NULL;
		return err_nomem(err);
	}
	r = endpoints_find(name, &c->settings, ctx, &c->endpoints, err);
	if (r == 0)
		r = places_create(c, err);
	if (r == 0)
		r = auth_create(&c->settings, ctx, &c->auth, err);
	if (r < 0)
		return r;
	*out = STEAL(c);
	return 0;
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	auth_destroy(c->auth);
	places_destroy(c);
	endpoints_finish(&c->endpoints);
	strings_finish(&c->warnings);
	strings_finish(&c->dead);
	pthread_mutex_destroy(&c->lock);
	free(c->label);
	free(c);
}

const char *client_label(const struct client *c)
{
	return c->label;
}

bool client_distrust(struct client *c)
{
	bool others = c->endpoints.count > 1 || atomic_load(&c->foreign);

	return !atomic_exchange(&c->distrust, true) && others;
}

bool client_asks_others(struct client *c, bool urls)
{
	return !atomic_load(&c->distrust) && (c->endpoints.count > 1 || urls);
}

int client_session_create(struct client *c, const _Atomic bool *stop,
	struct client_session **out, struct o2r_err *err)
{
	struct client_session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_nomem(err);
	s->client = c;
	s->stop = stop;
	r = http_create(c->ctx, stop, &s->http, err);
	if (r < 0) {
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

void client_session_destroy(struct client_session *s)
{
	if (!s)
		return;
	http_destroy(s->http);
	free(s);
}

int client_check(const struct client_session *s, struct o2r_err *err)
{
	if (s->stop && atomic_load(s->stop))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	return ctx_check(s->client->ctx, err);
}

uint32_t client_backoff(unsigned tries)
{
	uint32_t ms = (uint32_t)CLIENT_WAIT_MS << MIN(tries, 5), spread = ms * 2 / 5;
	uint16_t random = 0;

	/* many clients of a server that has just come back must not ask all at once */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = UINT16_MAX / 2;
	return ms - spread / 2 + (uint32_t)((uint64_t)spread * random / UINT16_MAX);
}

int client_try_again(struct client_session *s, struct client_patience *p, int code,
	struct o2r_err *err)
{
	uint32_t ms;
	int r;

	if (!http_may_pass(code) || p->tries + 1 >= CLIENT_TRIES)
		return 0;
	/* a name that is wrong, a host that is not there: known at the first request */
	if (code != -ECONNRESET && !atomic_load(&s->client->answered))
		return 0;
	ms = client_backoff(p->tries++);
	ctx_log(s->client->ctx, LOG_INFO,
		"%s: the connection broke; once more in %u.%u s (try %u of %d)",
		s->client->label, ms / 1000, ms % 1000 / 100, p->tries + 1, CLIENT_TRIES);
	r = client_wait(s, ms, err);
	return r < 0 ? r : 1;
}
