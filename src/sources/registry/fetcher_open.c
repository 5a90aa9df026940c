/* From a blob that somebody wants to a file that it is read from. */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/registry/fetcher_impl.h"

static void begin_hashing(struct fetch *b)
{
	struct o2r_err err = {0};

	if (digester_init(&b->digester, b->digest.algo, &err) < 0)
		fetch_fail(b, &err);
}

/* Its digest was right, so its size is, and the manifest's is not: no reason to throw
 * away what others may need. */
static int fail_size(struct fetch *b)
{
	struct o2r_err err = {0};
	int r = err_corrupt(&err, "blob %s has %llu bytes, but its manifest says %llu",
		b->name.s, (unsigned long long)b->st.st_size,
		(unsigned long long)b->size);

	fetch_fail(b, &err);
	return r;
}

/* The store's file, if it is one of the right size. */
static int open_kept(struct fetch *b)
{
	struct store *s = b->fetcher->store;
	AUTO_FD int fd = s ? store_get(s, STORE_BLOB, &b->digest, NULL) : -ENOENT;

	if (fd < 0 || fstat(fd, &b->st) < 0)
		return -ENOENT;
	if ((uint64_t)b->st.st_size != b->size) {
		if (store_seen(s, &b->digest, &b->st))
			return fail_size(b);
		store_drop(s, STORE_BLOB, &b->digest);
		return -ENOENT;
	}
	return steal_fd(&fd);
}

void fetch_look(struct fetch *b, bool hash)
{
	AUTO_FD int fd = open_kept(b);

	if (fd < 0)
		return;

	bool seen = store_seen(b->fetcher->store, &b->digest, &b->st);

	if (!seen && !hash)
		return;
	b->fd = steal_fd(&fd);
	b->kept = b->has_st = true;
	if (seen) {
		fetch_set_whole(b);
		return;
	}
	/* it may have been copied, or damaged: read once more, as if it had arrived */
	clock_gettime(CLOCK_REALTIME, &b->began);
	b->phase = PHASE_ARRIVING;
	b->front = b->size;
	begin_hashing(b);
}

static void fail_offline(struct fetch *b)
{
	struct o2r_err err;

	err_set(&err, ERR_NOT_FOUND, ENOENT,
		"blob %s is not kept, and nothing is fetched offline: get the image by "
		"`o2r pull` first",
		b->name.s);
	fetch_fail(b, &err);
}

void fetch_want(struct fetch *b)
{
	struct fetcher *f = b->fetcher;

	if (b->phase != PHASE_IDLE)
		return;
	b->turn = f->turns++;
	fetch_look(b, true);
	if (b->phase == PHASE_IDLE && f->client)
		b->phase = PHASE_QUEUED;
	else if (b->phase == PHASE_IDLE)
		fail_offline(b);
	fetch_wake(f);
}

static void adopt(struct fetch *b, struct partial *p)
{
	uint64_t bytes = partial_bytes(p);

	b->partial = p;
	b->fd = partial_fd(p);
	b->front = partial_front(p);
	b->pieced = bytes > 0;
	b->by_others = client_asks_others(b->fetcher->client, b->urls);
	b->phase = PHASE_ARRIVING;
	begin_hashing(b);
}

static bool is_read_only(struct fetcher *f)
{
	pthread_mutex_lock(&f->lock);

	bool is = !f->store || f->read_only;

	pthread_mutex_unlock(&f->lock);
	return is;
}

/* In the store; where that cannot be written to, as without. */
static int open_partial(struct fetch *b, struct partial **out, struct o2r_err *err)
{
	struct fetcher *f = b->fetcher;
	int r;

	if (!is_read_only(f)) {
		r = partial_open(f->store, &b->digest, b->size, out, err);
		if (r == 0 || r == -EWOULDBLOCK || r == -ENOMEM || err->cls == ERR_SPACE)
			return r;
		fetch_warn(f, err);
		pthread_mutex_lock(&f->lock);
		f->read_only = true;
		pthread_mutex_unlock(&f->lock);
	}
	return partial_open(NULL, &b->digest, b->size, out, err);
}

static bool look_again(struct fetch *b)
{
	struct fetcher *f = b->fetcher;

	pthread_mutex_lock(&f->lock);
	fetch_look(b, true);

	bool open = b->phase != PHASE_OPENING;

	if (open)
		fetch_wake(f);
	pthread_mutex_unlock(&f->lock);
	return open;
}

static void log_resumed(struct fetch *b, struct partial *p)
{
	uint64_t bytes = partial_bytes(p);

	if (bytes)
		ctx_log(b->fetcher->ctx, LOG_INFO,
			"blob %s: %llu of %llu bytes are here from an earlier run",
			b->name.s, (unsigned long long)bytes,
			(unsigned long long)b->size);
}

/* Once: that process may be stopped, and then this is why nothing happens. */
static void log_locked(struct fetch *b)
{
	if (!b->told_locked)
		ctx_log(b->fetcher->ctx, LOG_INFO,
			"blob %s: another process fetches it, which is waited for",
			b->name.s);
	b->told_locked = true;
}

void fetch_open(struct fetch *b)
{
	struct fetcher *f = b->fetcher;
	struct partial *p = NULL;
	struct o2r_err err = {0};

	if (look_again(b))
		return;

	int r = open_partial(b, &p, &err);

	/* whoever had it before may have ended it meanwhile */
	if (r == 0 && look_again(b)) {
		partial_discard(p);
		partial_close(p);
		return;
	}
	if (r == 0)
		log_resumed(b, p);
	if (r == -EWOULDBLOCK)
		log_locked(b);
	pthread_mutex_lock(&f->lock);
	if (r == -EWOULDBLOCK) {
		b->phase = PHASE_LOCKED;
		b->due = fetch_now() + FETCH_POLL_MS;
	} else if (r < 0) {
		fetch_fail(b, &err);
	} else {
		adopt(b, p);
		fetch_wake(f);
	}
	pthread_mutex_unlock(&f->lock);
}
