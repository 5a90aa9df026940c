#include "sources/registry/auth.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "sources/registry/auth_space.h"
#include "sources/registry/challenge.h"
#include "sources/registry/now.h"
#include "sources/registry/refusal.h"
#include "sources/registry/scopes.h"

enum {
	LOOK_MS = 200, /* how often who waits looks whether he is to stop */
};

struct auth {
	const struct registry_settings *settings;
	const struct ctx *ctx;
	pthread_mutex_t lock;
	pthread_cond_t idle; /* a space is busy no more */
	struct space *spaces;
};

int auth_create(const struct registry_settings *settings, const struct ctx *ctx,
	struct auth **out, struct o2r_err *err)
{
	struct auth *a = calloc(1, sizeof(*a));
	pthread_condattr_t attr;

	if (!a)
		return err_nomem(err);
	*a = (struct auth){.settings = settings, .ctx = ctx};
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->idle, &attr);
	pthread_condattr_destroy(&attr);
	*out = a;
	return 0;
}

void auth_destroy(struct auth *a)
{
	if (!a)
		return;
	while (a->spaces) {
		struct space *s = a->spaces;

		a->spaces = s->next;
		space_destroy(s);
	}
	pthread_cond_destroy(&a->idle);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* Under the lock, which is given back meanwhile. 1: somebody was busy; 0: nobody. */
static int wait_idle(struct auth *a, struct space *s, struct o2r_err *err)
{
	int waited = 0;

	while (s->busy) {
		struct timespec until;
		int r;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&a->idle, &a->lock, &until);
		r = ctx_check(a->ctx, err);
		if (r < 0)
			return r;
		waited = 1;
	}
	return waited;
}

/* What this call is about. */
struct question {
	struct http *http;
	const struct auth_target *target;
	const struct challenge *challenge; /* NULL: none, a token is due */
	const char *used;
};

/* Under the lock, which is given back meanwhile: others wait for what comes out. */
static int renew(
	struct auth *a, struct space *s, const struct question *q, struct o2r_err *err)
{
	struct o2r_err own = {0};
	int r;

	s->busy = true;
	pthread_mutex_unlock(&a->lock);
	r = space_renew(s, q->challenge, q->http, q->target, a->settings, a->ctx, &own);
	pthread_mutex_lock(&a->lock);
	s->busy = false;
	/* who was told to stop has not failed for the others */
	s->failure = r < 0 && r != -EINTR ? own : (struct o2r_err){0};
	pthread_cond_broadcast(&a->idle);
	if (r < 0 && err)
		*err = own;
	return r;
}

/* shared: for another request than the one that it was made for. */
static int copy_header(struct space *s, bool shared, char **value, struct o2r_err *err)
{
	s->shared |= shared;
	*value = s->header ? strdup(s->header) : NULL;
	return s->header && !*value ? err_nomem(err) : 0;
}

static int failed_before(const struct space *s, struct o2r_err *err)
{
	if (err)
		*err = s->failure;
	return s->failure.code;
}

/* Under the lock. */
static int current_header(struct auth *a, struct space *s, const struct question *q,
	char **value, struct o2r_err *err)
{
	int waited = wait_idle(a, s, err), r = 0;

	if (waited < 0)
		return waited;
	if (!s->header)
		return copy_header(s, true, value, err);
	if (waited && s->failure.code && now_steady() >= s->expires)
		return failed_before(s, err);
	if (!waited && now_steady() >= s->due)
		r = renew(a, s, q, err);
	/* the old one is good for a little while yet */
	if (r < 0 && (r == -EINTR || now_steady() >= s->expires))
		return r;
	return copy_header(s, true, value, err);
}

/* Whatever the caller thinks of it: nobody asked for http in these cases. */
static struct auth_target guarded(const struct auth_target *t, const struct url *origin)
{
	struct auth_target out = *t;

	if (!origin->https && !t->endpoint->insecure && !t->endpoint->loopback)
		out.no_secrets = true;
	return out;
}

int auth_header(struct auth *a, struct http *http, const struct auth_target *t,
	char **value, struct o2r_err *err)
{
	struct auth_target target;
	struct question q = {.http = http, .target = &target};
	struct url origin;
	struct space *s;
	int r = 0;

	*value = NULL;
	if (!target_origin(t, &origin))
		return 0;
	target = guarded(t, &origin);
	pthread_mutex_lock(&a->lock);
	s = space_find(a->spaces, &target, &origin);
	if (s)
		r = current_header(a, s, &q, value, err);
	pthread_mutex_unlock(&a->lock);
	return r;
}

/* Has somebody got another header since this request was made, that may do? */
static bool has_newer(const struct space *s, const struct question *q)
{
	if (!s->header || now_steady() >= s->expires)
		return false;
	if (q->used && strcmp(q->used, s->header) == 0)
		return false;
	return !q->challenge->scope || scopes_cover(&s->scopes, q->challenge->scope);
}

/* What was refused is what there is now: 0 when another one may help. */
static int judge(const struct space *s, const struct question *q, struct o2r_err *err)
{
	const struct challenge *c = q->challenge;
	struct asker who = {
		.registry = s->registry,
		.repository = s->path,
		.cred = &s->cred,
		.no_secrets = s->no_secrets,
	};

	if (!q->used || !s->header || strcmp(q->used, s->header) != 0)
		return 0;
	if (c->kind != CHALLENGE_NONE && c->kind != s->kind)
		return 0;
	if (s->kind == CHALLENGE_BASIC)
		return refuse_credentials(&who, err);
	if (c->scope && !scopes_cover(&s->scopes, c->scope) && !s->cred.registry_token)
		return 0;
	if (s->cred.registry_token)
		return refuse_access(&who, err);
	/* one that others had may have been good, and be so no more; but one that was
	 * made for this very request has never been, and the next would be no better */
	if (s->shared)
		return 0;
	if (c->error && strcmp(c->error, "invalid_token") == 0)
		return err_set(err, ERR_ACCESS, EACCES,
			"it does not accept the token that its own token server gave: do "
			"their clocks differ?");
	return refuse_access(&who, err);
}

/* Under the lock. */
static int next_header(struct auth *a, struct space *s, const struct question *q,
	char **value, struct o2r_err *err)
{
	int waited = wait_idle(a, s, err), r;

	if (waited < 0)
		return waited;
	if (has_newer(s, q))
		return copy_header(s, true, value, err);
	if (waited && s->failure.code)
		return failed_before(s, err);
	r = judge(s, q, err);
	if (r == 0)
		r = renew(a, s, q, err);
	return r < 0 ? r : copy_header(s, false, value, err);
}

static struct space *get_space(
	struct auth *a, const struct auth_target *t, const struct url *origin)
{
	struct space *s = space_find(a->spaces, t, origin);

	if (s)
		return s;
	s = space_create(t, origin);
	if (s) {
		s->next = a->spaces;
		a->spaces = s;
	}
	return s;
}

int auth_refused(struct auth *a, struct http *http, const struct auth_target *t,
	const struct strings *challenges, const char *used, char **value,
	struct o2r_err *err)
{
	CLEANUP(challenge_finish) struct challenge challenge = {0};
	struct auth_target target;
	struct question q = {
		.http = http,
		.target = &target,
		.challenge = &challenge,
		.used = used,
	};
	struct url origin;
	struct space *s;
	int r;

	*value = NULL;
	if (!target_origin(t, &origin))
		return err_set(err, ERR_ACCESS, EACCES,
			"credentials are wanted in another place, which gets none");
	r = challenge_choose(challenges->s, challenges->count, &challenge, err);
	if (r < 0)
		return r;
	target = guarded(t, &origin);
	pthread_mutex_lock(&a->lock);
	s = get_space(a, &target, &origin);
	r = s ? next_header(a, s, &q, value, err) : err_nomem(err);
	pthread_mutex_unlock(&a->lock);
	return r < 0 ? r : 1;
}
