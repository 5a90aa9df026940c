/* Blobs of a fetcher as their readers see them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/vec.h"
#include "sources/registry/fetcher_impl.h"

enum {
	BLOBS_MAX = 100000,
};

struct reader {
	struct fetch *blob;
	_Atomic bool wanted;
	/* Has it read bytes that were not verified then, and of which generation? */
	_Atomic bool early;
	_Atomic unsigned generation;
};

static void want(struct reader *rd)
{
	struct fetch *b = rd->blob;

	if (atomic_exchange(&rd->wanted, true))
		return;
	pthread_mutex_lock(&b->fetcher->lock);
	fetch_want(b);
	pthread_mutex_unlock(&b->fetcher->lock);
	fetch_tell(b);
}

static void op_want(void *arg)
{
	want(arg);
}

/* Lock held. 1: wait on. */
static int look(struct reader *rd, uint64_t end, bool whole, struct o2r_err *err)
{
	struct fetch *b = rd->blob;

	if (b->phase == PHASE_FAILED) {
		if (err)
			*err = b->err;
		return b->failed;
	}
	if (atomic_load(&rd->early) && rd->generation != b->generation) {
		atomic_store(&rd->early, false);
		return err_set(err, ERR_FAIL, ESTALE,
			"blob %s is fetched anew: what was read of it is void",
			b->name.s);
	}
	if (b->phase == PHASE_WHOLE) {
		atomic_store(&rd->early, false);
		return 0;
	}
	if (whole || b->phase != PHASE_ARRIVING || b->front < end)
		return 1;
	rd->generation = b->generation;
	atomic_store(&rd->early, true);
	return 0;
}

/* Lock held: somebody else may be done with it, while all threads are busy. */
static void look_at_others(struct fetch *b)
{
	if (b->phase == PHASE_LOCKED)
		fetch_look(b, true);
	if (b->phase == PHASE_ARRIVING)
		fetch_wake(b->fetcher);
}

static int wait_for(struct reader *rd, uint64_t end, bool whole, struct o2r_err *err)
{
	struct fetch *b = rd->blob;
	struct fetcher *f = b->fetcher;
	int r;

	want(rd);
	pthread_mutex_lock(&f->lock);
	b->waiting++;
	while ((r = look(rd, end, whole, err)) > 0) {
		r = ctx_check(f->ctx, err);
		if (r < 0)
			break;
		if (!whole)
			b->awaited = MIN(b->awaited, end);
		fetch_wait(f, &f->news, FETCH_SLICE_MS);
		look_at_others(b);
	}
	b->waiting--;

	bool ended = b->phase == PHASE_WHOLE;

	pthread_mutex_unlock(&f->lock);
	if (ended)
		fetch_tell(b);
	return r;
}

static bool is_at_rest(const struct reader *rd)
{
	return atomic_load(&rd->blob->at_rest_ready) && atomic_load(&rd->wanted) &&
	       !atomic_load(&rd->early);
}

static int op_ready(void *arg, struct o2r_err *err)
{
	struct reader *rd = arg;

	if (!is_at_rest(rd))
		return wait_for(rd, rd->blob->size, true, err);
	/* whoever knows that it is whole has been told so, not a moment later */
	fetch_tell(rd->blob);
	return 0;
}

static int op_arrived(void *arg, uint64_t end, struct o2r_err *err)
{
	struct reader *rd = arg;

	return is_at_rest(rd) ? 0 : wait_for(rd, end, false, err);
}

/* Before it is whole: from the file that it arrives in, if it still does. */
static int pread_early(struct reader *rd, void *buf, size_t n, uint64_t off)
{
	struct fetch *b = rd->blob;

	pthread_mutex_lock(&b->fetcher->lock);

	int fd = b->fd;
	bool there = b->phase == PHASE_ARRIVING && rd->generation == b->generation &&
		     b->front >= off + n;

	pthread_mutex_unlock(&b->fetcher->lock);
	/* whoever asks again hears why */
	return there ? pread_full(fd, buf, n, off) : -ESTALE;
}

static int op_pread(void *arg, void *buf, size_t n, uint64_t off)
{
	struct reader *rd = arg;
	struct fetch *b = rd->blob;

	if (is_at_rest(rd))
		return b->at_rest.ops->pread(b->at_rest.arg, buf, n, off);
	if (!atomic_load(&b->at_rest_ready))
		return pread_early(rd, buf, n, off);
	return rd->generation == b->generation
		       ? b->at_rest.ops->pread(b->at_rest.arg, buf, n, off)
		       : -ESTALE;
}

static int op_preadv_cached(void *arg, const struct iovec *v, int count, uint64_t off)
{
	const struct reader *rd = arg;

	return is_at_rest(rd) ? blob_preadv_cached(&rd->blob->at_rest, v, count, off)
			      : -EAGAIN;
}

/* Lock held: is it in the store, and known to be right? */
static bool is_known(struct fetch *b)
{
	if (b->phase == PHASE_IDLE)
		fetch_look(b, false);
	return b->phase == PHASE_WHOLE;
}

static int op_identity(void *arg, struct stat *st)
{
	const struct reader *rd = arg;
	struct fetch *b = rd->blob;
	int r = -ENOTSUP;

	pthread_mutex_lock(&b->fetcher->lock);
	if (is_known(b) && b->has_st) {
		*st = b->st;
		r = 0;
	}
	pthread_mutex_unlock(&b->fetcher->lock);
	return r;
}

static bool op_checks(void *arg)
{
	const struct reader *rd = arg;
	struct fetch *b = rd->blob;

	pthread_mutex_lock(&b->fetcher->lock);

	bool known = is_known(b);

	pthread_mutex_unlock(&b->fetcher->lock);
	return !known;
}

/* What is in the store was verified when it came. Whoever is sure has it thrown away;
 * otherwise the next one who wants it computes its digest again, and does so then. */
static void op_doubt(void *arg, bool sure)
{
	const struct reader *rd = arg;
	struct fetch *b = rd->blob;
	struct fetcher *f = b->fetcher;

	pthread_mutex_lock(&f->lock);

	int fd = f->store && b->phase == PHASE_WHOLE && b->has_st ? b->fd : -1;

	pthread_mutex_unlock(&f->lock);
	if (fd < 0)
		return;
	store_forget_seen(f->store, &b->digest);
	if (sure && store_drop_blob(f->store, &b->digest, fd))
		ctx_log(f->ctx, LOG_WARN,
			"the kept blob %s is damaged, and dropped: the next command "
			"fetches it anew",
			b->name.s);
	else if (!sure && !atomic_exchange(&b->doubted, true))
		ctx_log(f->ctx, LOG_INFO,
			"the kept blob %s may be damaged: the next command looks",
			b->name.s);
}

static void op_destroy(void *arg)
{
	free(arg);
}

static const struct blob_ops fetched_ops = {
	.pread = op_pread,
	.preadv_cached = op_preadv_cached,
	.ready = op_ready,
	.identity = op_identity,
	.want = op_want,
	.arrived = op_arrived,
	.checks = op_checks,
	.doubt = op_doubt,
	.destroy = op_destroy,
};

static int copy_urls(struct fetch *b, const char *const *urls, struct o2r_err *err)
{
	size_t n = 0;

	while (urls && urls[n])
		n++;
	if (!n)
		return 0;
	b->urls = calloc(n + 1, sizeof(*b->urls));
	for (size_t i = 0; b->urls && i < n; i++)
		if (!(b->urls[i] = strdup(urls[i])))
			return err_nomem(err);
	return b->urls ? 0 : err_nomem(err);
}

void fetch_destroy(struct fetch *b)
{
	blob_close(&b->at_rest);
	digester_finish(&b->digester);
	if (!b->partial && b->fd >= 0)
		close(b->fd);
	partial_close(b->partial);
	for (unsigned i = 0; i < b->generation; i++) {
		partial_close(b->wrong[i].partial);
		if (b->wrong[i].fd >= 0)
			close(b->wrong[i].fd);
	}
	for (char **u = b->urls; u && *u; u++)
		free(*u);
	free(b->urls);
	free(b);
}

/* Lock held. */
static int add(struct fetcher *f, const struct fetch_item *item, struct fetch **out,
	struct o2r_err *err)
{
	struct fetch *b = calloc(1, sizeof(*b));

	if (!b)
		return err_nomem(err);
	b->fetcher = f;
	b->digest = item->digest;
	b->name = digest_format(&item->digest);
	b->size = item->size;
	b->layer = item->layer;
	b->layers = item->layers;
	b->fd = -1;
	b->awaited = UINT64_MAX;
	b->told.state = -1;

	int r = copy_urls(b, item->urls, err);

	if (r == 0 && VEC_RESERVE(f->blobs, f->count, f->cap, 1, BLOBS_MAX) < 0)
		r = err_nomem(err);
	if (r < 0) {
		fetch_destroy(b);
		return r;
	}
	f->blobs[f->count++] = *out = b;
	return 0;
}

static int find_or_add(struct fetcher *f, const struct fetch_item *item,
	struct fetch **out, struct o2r_err *err)
{
	for (size_t i = 0; i < f->count; i++) {
		if (!digest_equal(&f->blobs[i]->digest, &item->digest))
			continue;
		*out = f->blobs[i];
		if ((*out)->size == item->size)
			return 0;
		return err_corrupt(err, "blob %s has two sizes, %llu and %llu",
			(*out)->name.s, (unsigned long long)(*out)->size,
			(unsigned long long)item->size);
	}
	return add(f, item, out, err);
}

int fetcher_blob(struct fetcher *f, const struct fetch_item *item, struct blob *out,
	struct o2r_err *err)
{
	AUTO_FREE struct reader *rd = calloc(1, sizeof(*rd));
	int r;

	if (!rd)
		return err_nomem(err);
	pthread_mutex_lock(&f->lock);
	r = find_or_add(f, item, &rd->blob, err);
	pthread_mutex_unlock(&f->lock);
	if (r < 0)
		return r;
	*out = (struct blob){.ops = &fetched_ops, .arg = STEAL(rd), .size = item->size};
	return 0;
}
