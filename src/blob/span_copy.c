/*
 * The decoded copy of a stream without random access: made once, forwards, by one worker
 * at a time, in a file from which all reads are served. Whoever waits is served when the
 * copy has come as far as his bytes; it goes on to the end when nobody waits. Each
 * read is checked, and a copy that does not check is made anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "blob/span_impl.h"

enum {
	TRIES = 3, /* copies that were no good, before it is done without one */
};

void span_copy_release(struct span_copy *p)
{
	if (!p || atomic_fetch_sub(&p->users, 1) != 1)
		return;
	blob_close(&p->blob);
	free(p);
}

/* Send those who wait on their way again; with the lock. */
static void dispatch_all(struct span_cache *c, struct span_lane *l, uint64_t end)
{
	struct span_link list;

	span_list_init(&list);
	span_wants_take(&l->waiting, end, &list);
	while (!span_list_empty(&list)) {
		struct span_want *w = SPAN_OF(list.next, struct span_want, link);

		span_list_remove(&w->link);
		span_dispatch(c, w);
	}
}

/* No file can be had: from now on the stream is decoded forwards, again and again. */
static void give_up(struct span_cache *c, struct span_lane *l, const struct o2r_err *err)
{
	struct span_copy *p = l->copy;

	if (l->copy_state == COPY_IMPOSSIBLE)
		return;
	l->copy_state = COPY_IMPOSSIBLE;
	l->copy = NULL;
	pthread_mutex_unlock(&c->lock);
	span_copy_release(p);
	ctx_log(c->ctx, LOG_WARN,
		"reading at random will be slow: no decoded copy can be kept of a zstd "
		"layer of one frame: %s",
		err->text);
	pthread_mutex_lock(&c->lock);
	dispatch_all(c, l, UINT64_MAX);
}

/* The copy has other bytes than the stream; with the lock. */
static void damaged(struct span_cache *c, struct span_lane *l, struct span_copy *p,
	const struct o2r_err *err)
{
	if (l->copy != p)
		return; /* somebody was faster */
	l->bad = true;
	if (++l->tries >= TRIES) {
		give_up(c, l, err);
		return;
	}
	l->copy = NULL;
	l->copied = 0;
	if (l->copy_state == COPY_WHOLE)
		l->copy_state = COPY_NONE;
	span_copy_release(p);
	ctx_log(c->ctx, LOG_INFO, "a decoded copy is made anew: %s", err->text);
}

/* What came of reading the copy; with the lock. */
static void read_over(struct span_cache *c, struct span_want *w, struct span_copy *p,
	int status, const struct o2r_err *err)
{
	if (status == 0 || status == -ENOMEM) {
		pthread_mutex_unlock(&c->lock);
		span_copy_release(p);
		span_want_done(c, w, status, err);
		pthread_mutex_lock(&c->lock);
		return;
	}
	damaged(c, w->lane, p, err);
	span_copy_release(p);
	span_dispatch(c, w);
}

static void read_job(struct span_cache *c, struct span_job *job)
{
	struct span_want *w = SPAN_OF(job, struct span_want, job);
	struct span_copy *p = w->lane->copy;
	struct o2r_err err = {0};

	if (!p || w->end > w->lane->copied) {
		span_dispatch(c, w);
		return;
	}
	atomic_fetch_add(&p->users, 1);
	pthread_mutex_unlock(&c->lock);

	int r = span_plain_read(c, w, &p->blob, false, &err);

	pthread_mutex_lock(&c->lock);
	read_over(c, w, p, r, &err);
}

static void read_copy(struct span_cache *c, struct span_want *w)
{
	struct span_copy *p = w->lane->copy;
	struct o2r_err err = {0};

	atomic_fetch_add(&p->users, 1);
	pthread_mutex_unlock(&c->lock);

	int r = span_plain_read(c, w, &p->blob, true, &err);

	pthread_mutex_lock(&c->lock);
	if (r != -EAGAIN) {
		read_over(c, w, p, r, &err);
		return;
	}
	span_copy_release(p);
	w->job.run = read_job;
	span_push(c, &w->job, SPAN_URGENT);
}

void span_copy_want(struct span_cache *c, struct span_want *w)
{
	struct span_lane *l = w->lane;

	if (l->copy && w->end <= l->copied) {
		read_copy(c, w);
		return;
	}
	span_list_add(&l->waiting, &w->link);
	if (!l->making) {
		/* perhaps it is queued already, not as urgently */
		l->copy_state = COPY_MAKING;
		span_list_remove(&l->copying.link);
		span_push(c, &l->copying, SPAN_URGENT);
	}
}

/* ---- making it ----------------------------------------------------------------------
 */

/* Room for all of it, so that a disk that is too small is known now. */
static int reserve(int fd, uint64_t size, struct o2r_err *err)
{
	if (fallocate(fd, 0, 0, (off_t)size) == 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
		return err_errno(
			err, errno, "no room for %llu bytes", (unsigned long long)size);
	return ftruncate(fd, (off_t)size) < 0
		       ? err_errno(err, errno, "cannot make a file of %llu bytes",
				 (unsigned long long)size)
		       : 0;
}

/* Takes fd over. */
static int wrap(
	int fd, uint64_t size, bool own, struct span_copy **out, struct o2r_err *err)
{
	AUTO_FREE struct span_copy *p = calloc(1, sizeof(*p));

	if (!p) {
		close(fd);
		return err_nomem(err);
	}
	p->fd = fd;
	p->own = own;
	atomic_init(&p->users, 1);

	int r = blob_open_fd(&p->blob, fd, 0, size, err);

	if (r == 0)
		*out = STEAL(p);
	return r;
}

/* An empty file to fill, from the owner of the callbacks or of our own. 1: a whole one.
 */
static int find_file(struct span_cache *c, const struct span_lane *l, bool own,
	struct span_copy **out, struct o2r_err *err)
{
	const struct span_cache_options *o = &c->options;
	uint64_t size = stream_size(l->stream);
	int fd = -1, r = 0;

	if (own) {
		fd = file_anonymous(err);
		r = fd < 0 ? fd : 0;
	} else {
		r = o->open(o->arg, l->number, &fd, err);
	}
	if (r == 0)
		r = reserve(fd, size, err);
	if (r < 0) {
		cleanup_fd(&fd);
		return r;
	}

	int failed = wrap(fd, size, own, out, err);

	return failed < 0 ? failed : r;
}

/* Without the lock. 1: a whole copy was found. */
static int begin(struct span_cache *c, struct span_lane *l, bool bad,
	struct span_copy **out, struct o2r_err *err)
{
	const struct span_cache_options *o = &c->options;
	int r = -1;

	if (o->open) {
		if (bad && o->bad)
			o->bad(o->arg, l->number);
		r = find_file(c, l, false, out, err);
		if (r == -EBADMSG && o->bad) { /* not of its size */
			o->bad(o->arg, l->number);
			r = find_file(c, l, false, out, err);
		}
	}
	return r < 0 ? find_file(c, l, true, out, err) : r;
}

static void copy_failed(
	struct span_cache *c, struct span_lane *l, int status, const struct o2r_err *err)
{
	struct span_link list;

	span_list_init(&list);
	span_wants_take(&l->waiting, UINT64_MAX, &list);
	l->copy_state = COPY_NONE; /* what is copied stays; the next one tries to go on */
	pthread_mutex_unlock(&c->lock);
	span_wants_done(c, &list, status, err);
	pthread_mutex_lock(&c->lock);
}

/* With the lock: there is a file to fill, or there is none and all is settled. */
static bool have_file(struct span_cache *c, struct span_lane *l)
{
	struct span_copy *p = NULL;
	struct o2r_err err = {0};
	bool bad = l->bad;

	if (l->copy)
		return true;
	l->bad = false;
	pthread_mutex_unlock(&c->lock);

	int r = begin(c, l, bad, &p, &err);

	pthread_mutex_lock(&c->lock);
	if (r == -ENOMEM) {
		copy_failed(c, l, r, &err);
		return false;
	}
	if (r < 0) {
		give_up(c, l, &err);
		return false;
	}
	l->copy = p;
	l->copied = r > 0 ? stream_size(l->stream) : 0;
	if (r > 0) {
		l->copy_state = COPY_WHOLE;
		dispatch_all(c, l, UINT64_MAX);
		return false;
	}
	c->counters.decoded_spans++;
	return true;
}

/* Decode and write the next n bytes, with the lock, which is given up. *written: it was
 * not decoding that failed. */
static int copy_batch(struct span_cache *c, struct span_lane *l, struct span_reader *r,
	unsigned char *buf, size_t n, bool *decoded, struct o2r_err *err)
{
	struct span_copy *p = l->copy;
	uint64_t at = l->copied;

	atomic_fetch_add(&p->users, 1);
	pthread_mutex_unlock(&c->lock);

	int failed = stream_reader_read(r->reader, at, buf, n, err);

	*decoded = failed == 0;
	if (failed == 0) {
		failed = pwrite_full(p->fd, buf, n, at);
		if (failed < 0)
			err_errno(err, -failed, "cannot write it");
	}
	pthread_mutex_lock(&c->lock);
	span_count(c, r);
	if (failed == 0 && l->copy == p)
		l->copied = at + n;
	span_copy_release(p);
	return failed;
}

static void copy_whole(struct span_cache *c, struct span_lane *l)
{
	const struct span_cache_options *o = &c->options;
	struct span_copy *p = l->copy;

	l->copy_state = COPY_WHOLE;
	if (!o->whole || p->own)
		return;
	atomic_fetch_add(&p->users, 1);
	pthread_mutex_unlock(&c->lock);
	o->whole(o->arg, l->number, p->fd);
	pthread_mutex_lock(&c->lock);
	span_copy_release(p);
}

/* Fill the file until it is whole, or others need the thread more (true: to go on). */
static bool fill(struct span_cache *c, struct span_lane *l, struct span_reader *r,
	unsigned char *buf)
{
	uint64_t size = stream_size(l->stream);
	size_t batch = SPAN_BATCH;

	for (;;) {
		struct o2r_err err = {0};
		bool decoded = false;

		dispatch_all(c, l, l->copied);
		if (l->copy_state != COPY_MAKING)
			return false;
		if (l->copy && l->copied == size) {
			/* also at the very end: it may be kept */
			copy_whole(c, l);
			return false;
		}
		if (c->workers.ended)
			return false;
		if (!l->copy)
			return true; /* it was found damaged already */
		if (span_pressed(c))
			return true;

		int failed = copy_batch(c, l, r, buf,
			(size_t)MIN(size - l->copied, batch), &decoded, &err);

		if (failed == 0)
			continue;
		if (decoded) {
			give_up(c, l, &err);
			return false;
		}
		if (batch == STREAM_PIECE || failed == -ENOMEM) {
			copy_failed(c, l, failed, &err);
			return false;
		}
		batch = STREAM_PIECE; /* as far as it goes */
	}
}

/* With the lock. */
static bool make(struct span_cache *c, struct span_lane *l)
{
	AUTO_FREE unsigned char *buf = NULL;
	struct o2r_err err = {0};
	struct span_reader *r;
	bool there, again;

	if (!have_file(c, l))
		return false;
	buf = malloc(SPAN_BATCH);
	r = buf ? span_reader_take(c, l, l->copied, &there, &err) : NULL;
	if (!r) {
		if (!buf)
			err_nomem(&err);
		copy_failed(c, l, err.code, &err);
		return false;
	}
	again = fill(c, l, r, buf);
	span_reader_put(c, r);
	return again;
}

void span_copy_make(struct span_cache *c, struct span_job *job)
{
	struct span_lane *l = SPAN_OF(job, struct span_lane, copying);

	l->making = true;

	bool again = make(c, l);

	l->making = false;
	/* who came when it had ended for some reason begins anew */
	if (!again && (l->copy_state != COPY_NONE || span_list_empty(&l->waiting)))
		return;
	l->copy_state = COPY_MAKING;
	span_push(
		c, &l->copying, span_list_empty(&l->waiting) ? SPAN_AHEAD : SPAN_URGENT);
}
