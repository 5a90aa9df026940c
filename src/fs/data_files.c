/*
 * Data that stands in files: whole blocks are offered to the sink as they stand; what is
 * left, most of it small files and the ends of others, is read and handed over as pieces.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "fs/data_impl.h"

enum {
	/* at a time: often enough for progress and Ctrl-C */
	COPY_MAX = 64 << 20,
};

struct reading {
	struct data_pass *p;
	size_t task;
	unsigned char *buf;
	size_t used; /* of buf */
	struct data_piece *v;
	size_t count; /* of v */
	bool failed;  /* a read, not the sink */
};

/* Some bytes of one file. */
struct place {
	int fd;
	uint64_t fd_off, file_off, left;
	uint32_t item;
};

static int hand_over(struct reading *r, struct o2r_err *err)
{
	r->used = 0;
	return data_flush(r->p, r->task, r->v, &r->count, err);
}

static void advance(struct place *at, uint64_t n)
{
	at->fd_off += n;
	at->file_off += n;
	at->left -= n;
}

/* The next n bytes as pieces. */
static int read_bytes(
	struct reading *r, struct place *at, uint64_t n, struct o2r_err *err)
{
	while (n) {
		size_t k = (size_t)MIN(n, DATA_BUFFER - r->used);
		int e = pread_full(at->fd, r->buf + r->used, k, at->fd_off);

		if (e < 0) {
			r->failed = true;
			return err_errno(err, -e, "cannot read it");
		}
		r->v[r->count++] = (struct data_piece){.p = r->buf + r->used,
			.file_off = at->file_off,
			.len = (uint32_t)k,
			.item = at->item};
		r->used += k;
		advance(at, k);
		n -= k;
		if (r->used == DATA_BUFFER || r->count == DATA_PIECES_MAX) {
			e = ctx_check(r->p->ctx, err);
			if (e == 0)
				e = hand_over(r, err);
			if (e != 0)
				return e;
		}
	}
	return 0;
}

/* As many whole blocks as the sink takes. */
static int copy_blocks(struct reading *r, struct place *at, struct o2r_err *err)
{
	const struct data_sink *sink = r->p->sink;
	int taken = 1;

	while (taken > 0 && at->left >= TREE_BLOCK) {
		struct data_span s = {.fd = at->fd,
			.fd_off = at->fd_off,
			.file_off = at->file_off,
			.len = MIN(at->left, COPY_MAX) / TREE_BLOCK * TREE_BLOCK,
			.item = at->item};

		taken = ctx_check(r->p->ctx, err);
		if (taken == 0)
			taken = sink->copy(sink->arg, &s, err);
		if (taken <= 0)
			break;
		advance(at, s.len);
		data_count(r->p, s.len);
	}
	return MIN(taken, 0);
}

static int take(struct reading *r, struct place *at, struct o2r_err *err)
{
	uint64_t head = -at->file_off % TREE_BLOCK;
	int e = 0;

	if (r->p->sink->copy && !r->p->sink->ordered && at->left >= head + TREE_BLOCK) {
		e = read_bytes(r, at, head, err);
		if (e == 0)
			e = copy_blocks(r, at, err);
	}
	return e == 0 ? read_bytes(r, at, at->left, err) : e;
}

/* Bytes [from, to) of the stream, which are one file's. */
static int take_want(struct reading *r, const struct stream *s, const struct data_want *w,
	uint64_t from, uint64_t to, struct o2r_err *err)
{
	struct place at = {.file_off = w->file_off + (from - w->src_off),
		.left = to - from,
		.item = w->item};
	AUTO_FD int fd = -1;
	uint64_t len;
	int changed, e = stream_locate(s, from, &fd, &at.fd_off, &len, err);

	if (e < 0)
		return e;
	if (len < at.left)
		return err_corrupt(err, "data of a file reaches over its end");
	at.fd = fd;
	e = take(r, &at, err);
	if (e != 0 && !r->failed)
		return e;
	changed = stream_locate_check(s, from, fd, err);
	if (changed == 0 && e < 0)
		stream_locate_wrap(s, from, err);
	return changed < 0 ? changed : e;
}

int data_files_run(struct data_pass *p, size_t task, unsigned char *buf,
	struct data_piece *v, struct o2r_err *err)
{
	struct reading r = {.p = p, .task = task, .buf = buf, .v = v};
	const struct data_task *t = &p->tasks[task];
	const struct stream *s = p->streams[t->layer];
	int e = 0;

	for (size_t i = t->first; e == 0 && i < t->last; i++) {
		const struct data_want *w = &p->wants[i];
		uint64_t from = MAX(w->src_off, t->from);
		uint64_t to = MIN(w->src_off + w->len, t->to);

		e = ctx_check(p->ctx, err);
		if (e == 0 && from < to)
			e = take_want(&r, s, w, from, to, err);
	}
	return e == 0 ? hand_over(&r, err) : e;
}
