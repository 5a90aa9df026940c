#include "fake_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"

enum {
	PIECE = 64 << 10,
	SLICE_MS = 20,
};

struct client_session {
	struct client *client;
	const _Atomic bool *stop;
	int used;
};

void fake_init(struct client *c)
{
	*c = (struct client){.gate = UINT64_MAX};
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
}

void fake_finish(struct client *c)
{
	for (unsigned i = 0; i < c->blob_count; i++)
		free(c->blobs[i].bytes);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}

unsigned fake_add(struct client *c, uint64_t size)
{
	struct fake_blob *b = &c->blobs[c->blob_count];
	uint32_t x = 12345 + c->blob_count;

	b->size = size;
	b->bytes = malloc((size_t)size + 4);
	for (size_t i = 0; i < size; i += 4) {
		x = x * 1664525 + 1013904223;
		memcpy(b->bytes + i, &x, 4);
	}
	c->bad += digest_of(DIGEST_SHA256, b->bytes, (size_t)size, &b->digest, NULL) < 0;
	return c->blob_count++;
}

static void wait_a_little(struct client *c)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SLICE_MS * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&c->changed, &c->lock, &until);
}

void fake_set_gate(struct client *c, uint64_t gate)
{
	pthread_mutex_lock(&c->lock);
	c->gate = gate;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static uint64_t served(const struct client *c, unsigned blob)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < c->count; i++)
		if (c->requests[i].blob == blob)
			n += c->requests[i].served;
	return n;
}

uint64_t fake_served(struct client *c, unsigned blob)
{
	pthread_mutex_lock(&c->lock);

	uint64_t n = served(c, blob);

	pthread_mutex_unlock(&c->lock);
	return n;
}

unsigned fake_asked(struct client *c, unsigned blob)
{
	unsigned n = 0;

	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->count; i++)
		n += c->requests[i].blob == blob;
	pthread_mutex_unlock(&c->lock);
	return n;
}

bool fake_wait(struct client *c, unsigned blob, uint64_t bytes)
{
	bool ok;

	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < 10000 / SLICE_MS && served(c, blob) < bytes; i++)
		wait_a_little(c);
	ok = served(c, blob) >= bytes;
	pthread_mutex_unlock(&c->lock);
	return ok;
}

const char *client_label(const struct client *c)
{
	(void)c;
	return "fake.example/app";
}

bool client_distrust(struct client *c)
{
	bool others;

	pthread_mutex_lock(&c->lock);
	others = c->mirror;
	c->mirror = false;
	if (others)
		c->wrong = 0;
	pthread_mutex_unlock(&c->lock);
	return others;
}

bool client_asks_others(struct client *c, bool urls)
{
	bool others;

	(void)urls;
	pthread_mutex_lock(&c->lock);
	others = c->mirror;
	pthread_mutex_unlock(&c->lock);
	return others;
}

int client_session_create(struct client *c, const _Atomic bool *stop,
	struct client_session **out, struct o2r_err *err)
{
	struct client_session *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err);
	s->client = c;
	s->stop = stop;
	*out = s;
	return 0;
}

void client_session_destroy(struct client_session *s)
{
	free(s);
}

/* With the lock held: until the gate lets the byte through. */
static int pass_gate(struct client_session *s, uint64_t at, struct o2r_err *err)
{
	struct client *c = s->client;

	while (at >= c->gate && !atomic_load(s->stop))
		wait_a_little(c);
	return atomic_load(s->stop) ? err_set(err, ERR_INTERRUPTED, EINTR, "interrupted")
				    : 0;
}

static int broken(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, ECONNRESET, "fake.example: the connection broke");
}

struct serving {
	struct client_session *session;
	const struct client_blob *want;
	const struct fake_blob *blob;
	struct fake_request *request;
	bool wrong;
};

/* The next piece; with the lock held, which is given away. */
static int serve_piece(
	const struct serving *s, uint64_t at, size_t n, struct o2r_err *err)
{
	struct client *c = s->session->client;
	unsigned char piece[PIECE];
	unsigned slow = c->slow_us;
	int r;

	memcpy(piece, s->blob->bytes + at, n);
	if (s->wrong && at <= c->wrong_at && c->wrong_at < at + n)
		piece[c->wrong_at - at] ^= 1;
	pthread_mutex_unlock(&c->lock);
	if (slow)
		usleep(slow);
	r = s->want->data(s->want->arg, piece, n, err);
	pthread_mutex_lock(&c->lock);
	/* the last piece that somebody wants may be told to be that */
	s->request->served += r == 0 || r == -ECANCELED ? n : 0;
	pthread_cond_broadcast(&c->changed);
	return r;
}

static int serve(const struct serving *s, struct o2r_err *err)
{
	struct client *c = s->session->client;
	uint64_t at = s->want->first, most = UINT64_MAX;
	int r = 0;

	if (c->breaks && c->break_after) {
		most = c->break_after;
		c->breaks--;
	}
	while (r == 0 && at < s->want->end) {
		size_t n = (size_t)MIN(s->want->end - at, (uint64_t)PIECE);

		r = pass_gate(s->session, at, err);
		n = (size_t)MIN(n, c->gate - at);
		n = (size_t)MIN(n, most - (at - s->want->first));
		if (r == 0 && !n)
			return broken(err);
		if (r == 0)
			r = serve_piece(s, at, n, err);
		at += n;
	}
	return r;
}

static int begin(const struct serving *s, struct o2r_err *err)
{
	struct client *c = s->session->client;

	if (c->fail || (c->refuse && s->want->first))
		return err_set(err, ERR_FAIL, -(c->fail ? c->fail : c->refuse),
			"fake.example/app: refused");

	bool ranges = !c->no_ranges;

	pthread_mutex_unlock(&c->lock);

	int r = s->want->begin ? s->want->begin(s->want->arg, ranges, err) : 0;

	pthread_mutex_lock(&c->lock);
	return r;
}

int client_blob(
	struct client_session *session, const struct client_blob *b, struct o2r_err *err)
{
	struct client *c = session->client;
	struct serving s = {.session = session, .want = b};
	int r;

	/* a session belongs to one thread */
	c->bad += session->used++ != 0;
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->blob_count; i++)
		if (digest_equal(&c->blobs[i].digest, b->digest) && !s.blob) {
			s.blob = &c->blobs[i];
			s.request = &c->requests[c->count++];
			*s.request = (struct fake_request){i, b->first, b->end, 0};
		}
	if (!s.blob || c->count == FAKE_REQUESTS || b->size != s.blob->size ||
		b->first >= b->end || b->end > b->size)
		abort();
	c->running++;
	c->running_max = MAX(c->running_max, c->running);
	if (c->wrong) {
		c->wrong--;
		s.wrong = true;
	}
	r = begin(&s, err);
	if (r == 0)
		r = serve(&s, err);
	c->running--;
	pthread_mutex_unlock(&c->lock);
	session->used--;
	return r;
}

int client_try_again(struct client_session *s, struct client_patience *p, int code,
	struct o2r_err *err)
{
	if (atomic_load(s->stop))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	if (code != -ECONNRESET || p->tries++ >= 4)
		return 0;
	pthread_mutex_lock(&s->client->lock);
	s->client->waits++;
	pthread_mutex_unlock(&s->client->lock);
	return 1;
}
