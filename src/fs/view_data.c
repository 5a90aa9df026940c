#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "fs/view_impl.h"

enum {
	PARTS = 16, /* on the stack: nearly every file is one run */
};

/* Who comes second, the answer or the return of the call that asked for it, goes on with
 * the next read: so a queue of reads that are answered at once is a loop, no recursion.
 */
enum state {
	ASKING,
	ASKED,
	ANSWERED,
};

struct view_read {
	struct view_read *next;
	struct view *v;
	fuse_req_t req;
	unsigned char *buf;
	uint64_t off;
	size_t n;
	uint32_t ino;
	_Atomic int state;
};

void view_reads_init(struct view_reads *r)
{
	*r = (struct view_reads){0};
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->none, NULL);
}

void view_reads_wait(struct view_reads *r)
{
	pthread_mutex_lock(&r->lock);
	while (r->in_flight)
		pthread_cond_wait(&r->none, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

void view_reads_finish(struct view_reads *r)
{
	while (r->kept_count)
		free(r->kept[--r->kept_count]);
	pthread_cond_destroy(&r->none);
	pthread_mutex_destroy(&r->lock);
}

/* A buffer for the read, or its place in the queue: then false. With the lock. */
static bool enter(struct view_reads *rs, struct view_read *r)
{
	rs->in_flight++;
	if (rs->with_buffer == VIEW_READS_AT_ONCE) {
		if (rs->last)
			rs->last->next = r;
		else
			rs->first = r;
		rs->last = r;
		return false;
	}
	rs->with_buffer++;
	if (rs->kept_count)
		r->buf = rs->kept[--rs->kept_count];
	return true;
}

/* The buffer goes to the next one in the queue, which is returned. With the lock. */
static struct view_read *leave(struct view_reads *rs, unsigned char **buf)
{
	struct view_read *next = rs->first;

	if (next) {
		rs->first = next->next;
		rs->last = rs->first ? rs->last : NULL;
		next->buf = STEAL(*buf);
	} else {
		rs->with_buffer--;
		if (*buf && rs->kept_count < VIEW_READS_BUFFERS)
			rs->kept[rs->kept_count++] = STEAL(*buf);
	}
	if (--rs->in_flight == 0)
		pthread_cond_broadcast(&rs->none);
	return next;
}

/* Free what was answered; the read that may begin now, or NULL. */
static struct view_read *finish(struct view_read *r)
{
	struct view_reads *rs = &r->v->reads;
	unsigned char *buf AUTO_FREE = r->buf;

	free(r);
	pthread_mutex_lock(&rs->lock);

	struct view_read *next = leave(rs, &buf);

	pthread_mutex_unlock(&rs->lock);
	return next;
}

static void begin(struct view_read *r);

/* The bytes are in v[0 .. n), now and perhaps not later. */
static void answer(void *arg, int status, const struct iovec *v, unsigned n,
	const struct o2r_err *err)
{
	struct view_read *r = arg;
	struct view *view = r->v;

	view_log_to(view->ctx);
	if (status < 0 && status != -ECANCELED)
		view_faults_add(
			&view->faults, view->tree, r->ino, r->off, r->n, err, view->ctx);
	if (status < 0)
		fuse_reply_err(r->req, status == -ENOMEM ? ENOMEM : EIO);
	else
		fuse_reply_iov(r->req, v, (int)n);
	if (atomic_exchange(&r->state, ANSWERED) == ASKED)
		begin(finish(r));
}

/* They are in the buffer. */
static void answer_buffer(void *arg, int status, const struct o2r_err *err)
{
	struct view_read *r = arg;
	const struct iovec v = {.iov_base = r->buf, .iov_len = r->n};

	answer(r, status, &v, 1, err);
}

/* What of run lies in the read; zeros in front of it, from *at on. */
static struct span_part part_of(const struct view_read *r, const struct data_run *run,
	unsigned layer, uint64_t *at)
{
	uint64_t from = MAX(run->file_off, r->off);
	uint64_t to = MIN(run->file_off + run->len, r->off + r->n);

	memset(r->buf + (*at - r->off), 0, (size_t)(from - *at));
	*at = to;
	return (struct span_part){
		.off = run->src_off + (from - run->file_off),
		.dst = r->buf + (from - r->off),
		.n = (size_t)(to - from),
		.stream = layer,
	};
}

static void fetch(struct view_read *r)
{
	const struct tree *t = r->v->tree;
	struct span_part few[PARTS], *parts = few, *many AUTO_FREE = NULL;
	struct data_run one;
	uint32_t count = 0, n = 0;
	uint64_t at = r->off;
	const struct data_run *runs = tree_runs(t, r->ino, &one, &count);
	uint32_t first = tree_first_run(runs, count, r->off), end = first;

	while (end < count && runs[end].file_off < r->off + r->n)
		end++;
	if (end - first > PARTS)
		parts = many = malloc((end - first) * sizeof(*many));
	if (!parts) {
		struct o2r_err err = {0};

		answer_buffer(r, err_nomem(&err), &err);
		return;
	}
	for (uint32_t i = first; i < end; i++)
		parts[n++] = part_of(r, &runs[i], tree_get(t, r->ino)->layer, &at);
	memset(r->buf + (at - r->off), 0, (size_t)(r->off + r->n - at));
	/* zeros, if there are any, are in the buffer: then all must be */
	if (n == 1 && parts[0].n == r->n)
		span_cache_lend(r->v->cache, parts, n, answer, r);
	else if (n)
		span_cache_fetch(r->v->cache, parts, n, answer_buffer, r);
	else
		answer_buffer(r, 0, NULL);
}

static void begin(struct view_read *r)
{
	while (r) {
		if (!r->buf)
			r->buf = malloc(VIEW_READ_MAX);
		if (r->buf) {
			fetch(r);
		} else {
			struct o2r_err err = {0};

			answer_buffer(r, err_nomem(&err), &err);
		}
		if (atomic_exchange(&r->state, ASKED) != ANSWERED)
			return;
		r = finish(r);
	}
}

void view_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct view *v = fuse_req_userdata(req);
	const struct tree_inode *i = view_inode(req, ino);

	(void)fi;
	if (!i)
		return;
	if (!S_ISREG(i->mode) || off < 0 || size > VIEW_READ_MAX) {
		fuse_reply_err(req, S_ISDIR(i->mode) ? EISDIR : EINVAL);
		return;
	}
	if ((uint64_t)off >= i->size) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}

	struct view_read *r = malloc(sizeof(*r));

	if (!r) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*r = (struct view_read){.v = v,
		.req = req,
		.off = (uint64_t)off,
		.n = (size_t)MIN((uint64_t)size, i->size - (uint64_t)off),
		.ino = (uint32_t)ino};
	pthread_mutex_lock(&v->reads.lock);

	bool now = enter(&v->reads, r);

	pthread_mutex_unlock(&v->reads.lock);
	if (now)
		begin(r);
}

/* In blocks, as the ext4 image has it: a block with any data is data. */
static uint64_t seek(const struct tree *t, uint32_t ino, uint64_t off, bool hole)
{
	struct data_run one;
	uint32_t count = 0;
	const struct data_run *runs = tree_runs(t, ino, &one, &count);
	uint32_t i = tree_first_run(runs, count, off / TREE_BLOCK * TREE_BLOCK);

	for (; i < count; i++) {
		uint64_t from = runs[i].file_off / TREE_BLOCK * TREE_BLOCK;
		uint64_t end = runs[i].file_off + runs[i].len;

		if (!hole)
			return MAX(off, from);
		if (from > off)
			break;
		off = MAX(off, DIV_ROUND_UP(end, TREE_BLOCK) * TREE_BLOCK);
	}
	return hole ? MIN(off, tree_get(t, ino)->size) : UINT64_MAX;
}

void view_lseek(
	fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	const struct tree_inode *i = view_inode(req, ino);
	uint64_t to;

	(void)fi;
	if (!i)
		return;
	if (!S_ISREG(i->mode) || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (off < 0 || (uint64_t)off >= i->size) {
		fuse_reply_err(req, ENXIO);
		return;
	}
	to = seek(view_of(req)->tree, (uint32_t)ino, (uint64_t)off, whence == SEEK_HOLE);
	if (to == UINT64_MAX)
		fuse_reply_err(req, ENXIO);
	else
		fuse_reply_lseek(req, (off_t)to);
}
