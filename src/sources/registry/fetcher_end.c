/* How a blob ends: whole and right, wrong, or failed. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sources/registry/fetcher_impl.h"

void fetch_warn(struct fetcher *f, const struct o2r_err *why)
{
	bool again = atomic_exchange(&f->warned, true);

	ctx_log(f->ctx, again ? LOG_DEBUG : LOG_WARN,
		"what is fetched cannot be kept for the next time: %s", why->text);
}

/* Lock held: all readers look what has become of it. */
static void news(struct fetch *b)
{
	b->awaited = UINT64_MAX;
	pthread_cond_broadcast(&b->fetcher->news);
}

void fetch_fail(struct fetch *b, const struct o2r_err *err)
{
	if (b->phase == PHASE_FAILED || b->phase == PHASE_WHOLE)
		return;
	b->phase = PHASE_FAILED;
	b->failed = err->code ? err->code : -EIO;
	b->err = *err;
	/* somebody else may fetch it now */
	if (b->partial)
		partial_give_up(b->partial);
	news(b);
}

void fetch_set_whole(struct fetch *b)
{
	struct o2r_err err = {0};
	int fd = fcntl(b->fd, F_DUPFD_CLOEXEC, 3);
	int r = fd < 0 ? err_errno(&err, errno, "cannot keep blob %s open", b->name.s)
		       : blob_open_fd(&b->at_rest, fd, 0, b->size, &err);

	if (r < 0) {
		fetch_fail(b, &err);
		return;
	}
	b->phase = PHASE_WHOLE;
	atomic_store(&b->at_rest_ready, true);
	news(b);
}

static void end_right(struct fetch *b)
{
	struct fetcher *f = b->fetcher;
	struct o2r_err err = {0};
	int r = 0;

	if (b->partial) {
		r = partial_publish(b->partial, &b->st, &err);
		if (r < 0)
			fetch_warn(f, &err);
	} else {
		store_note_seen(f->store, &b->digest, &b->st, &b->began);
	}
	pthread_mutex_lock(&f->lock);
	assert(b->phase == PHASE_ARRIVING);
	b->has_st |= r > 0;
	fetch_set_whole(b);
	pthread_mutex_unlock(&f->lock);
}

/* Lock held: forget what is there; who reads it keeps it open. */
static void begin_anew(struct fetch *b)
{
	assert(b->phase == PHASE_ARRIVING);
	b->wrong[b->generation++] =
		(struct wrong){.partial = b->partial, .fd = b->partial ? -1 : b->fd};
	b->renewed |= b->partial != NULL;
	b->partial = NULL;
	b->fd = -1;
	b->kept = b->has_st = b->ending = b->pieced = false;
	b->front = b->hashed = 0;
	b->ranges = RANGES_UNKNOWN;
	digester_finish(&b->digester);
	b->phase = PHASE_QUEUED;
	news(b);
	fetch_wake(b->fetcher);
}

/* What came in one go from the registry itself came so from there; anything else may be a
 * matter of pieces that do not fit together, or of who sent it, and is tried once more.
 */
static bool is_worth_it(const struct fetch *b)
{
	struct client *c = b->fetcher->client;

	if (!c || b->generation == FETCH_WRONG_MAX)
		return false;
	/* several may be on their way from a mirror when the first is found wrong */
	return b->kept || client_distrust(c) || b->by_others ||
	       (b->pieced && !b->renewed);
}

/* Lock held. */
static void fail_wrong(struct fetch *b, struct o2r_err *err)
{
	size_t at = strlen(err->text);

	if (!b->kept)
		snprintf(err->text + at, sizeof(err->text) - at, "%s", CLIENT_WRONG);
	fetch_fail(b, err);
}

static void end_wrong(struct fetch *b, const struct digest *is)
{
	struct fetcher *f = b->fetcher;
	struct o2r_err err = {0};

	if (b->partial)
		partial_discard(b->partial);
	else
		(void)store_drop_blob(f->store, &b->digest, b->fd);
	if (b->kept)
		err_corrupt(&err, "the kept blob %s is damaged (its digest is %s)%s",
			b->name.s, digest_format(is).s,
			f->client ? "" : ": get the image by `o2r pull` again");
	else
		err_corrupt(&err,
			"%s: other bytes came for blob %s%s: their digest is %s",
			client_label(f->client), b->name.s,
			b->by_others ? " (from there, or from a mirror or URL of it)"
				     : "",
			digest_format(is).s);

	bool anew = is_worth_it(b);

	if (anew)
		ctx_log(f->ctx, LOG_WARN, "%s: it is fetched anew", err.text);
	pthread_mutex_lock(&f->lock);
	if (anew)
		begin_anew(b);
	else
		fail_wrong(b, &err);
	pthread_mutex_unlock(&f->lock);
}

/* Nobody else changes what is asked for here: b->ending is this thread's, and requests
 * are over (fetcher_request.c), so that none of them makes the blob fail meanwhile. */
void fetch_end(struct fetch *b)
{
	struct o2r_err err = {0};
	struct digest is = {0};

	if (digester_final(&b->digester, &is, &err) < 0) {
		pthread_mutex_lock(&b->fetcher->lock);
		fetch_fail(b, &err);
		pthread_mutex_unlock(&b->fetcher->lock);
	} else if (digest_equal(&is, &b->digest)) {
		end_right(b);
	} else {
		end_wrong(b, &is);
	}
}
