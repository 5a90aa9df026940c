/*
 * File data: from (item, offset in the file) to a place in the image, neighbours gathered
 * to large writes. Small files stand one behind the other in the order in which their
 * data comes, so with the zeros that fill up each last block in between, a whole span of
 * a layer becomes one write.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "ext4/writer.h"
#include "fs/data.h"

enum {
	BATCH_MAX = 512,
};

/* One writing of one file. */
struct target {
	uint64_t size;
	uint64_t dense; /* of its first data block */
	uint32_t blocks;
	const struct range_pos *ranges; /* NULL: one, from block 0 on */
	size_t range_count;             /* without the one that ends the list */
};

struct batch {
	struct ext4_writer *w;
	struct iovec iov[BATCH_MAX];
	int count;
	uint64_t off, end; /* bytes of the image */
};

static const unsigned char zeros[GEOMETRY_BLOCK_SIZE];

static void find_target(
	const struct ext4_writer *w, int pass, uint32_t item, struct target *out)
{
	const struct pass *s = &w->p->passes[pass];
	uint32_t t = s->items[item];
	const struct tree_inode *n = tree_get(w->p->tree, t);
	uint32_t start =
		s->copies ? w->p->copies[s->copies[item]].start : w->p->nodes[t].start;

	*out = (struct target){
		.size = n->size,
		.dense = w->l->data + start,
		.blocks = w->p->nodes[t].blocks,
	};
	if (n->map) {
		const size_t *at = &w->map_ranges[n->map];

		out->ranges = &w->ranges[at[0]];
		out->range_count = at[1] - at[0] - 1;
	}
}

/* Which data block of a file a block is, and how many follow without a hole, itself
 * included; 0: it is in a hole. */
static uint64_t block_index(const struct target *t, uint64_t block, uint64_t *index)
{
	size_t low = 0, high = t->range_count;

	*index = block;
	if (!t->ranges)
		return block < t->blocks ? t->blocks - block : 0;

	/* The last range that begins at or in front of the block. */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->ranges[mid].first <= block)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return 0;

	const struct range_pos *r = &t->ranges[low - 1];
	uint64_t in = block - r->first, count = r[1].before - r->before;

	*index = r->before + in;
	return in < count ? count - in : 0;
}

/* Image byte of a file's byte, and how many follow it there. */
static uint64_t locate(const struct ext4_writer *w, const struct target *t,
	uint64_t file_off, uint64_t *image_off)
{
	uint64_t size = w->l->geo.block_size, index, room;
	uint64_t blocks = block_index(t, file_off / size, &index);
	uint64_t real = geometry_real(&w->l->geo, t->dense + index, &room);

	*image_off = real * size + file_off % size;
	return blocks ? MIN(blocks, room) * size - file_off % size : 0;
}

static int flush(struct batch *b, struct o2r_err *err)
{
	struct ext4_writer *w = b->w;
	int count = b->count, r = 0;

	b->count = 0;
	if (!count)
		return 0;
	if (w->out.ops->ordered) {
		r = sequence_to(&w->seq, b->off / w->l->geo.block_size, err);
		if (r == 0)
			r = sequence_flush(&w->seq, err);
	}
	return r < 0 ? r : writer_out(w, b->iov, count, b->off, err);
}

static int add(
	struct batch *b, const void *p, size_t n, uint64_t off, struct o2r_err *err)
{
	if (b->count && (off != b->end || b->count == BATCH_MAX)) {
		int r = flush(b, err);

		if (r < 0)
			return r;
	}
	if (!b->count)
		b->off = off;
	b->iov[b->count++] = (struct iovec){.iov_base = (void *)p, .iov_len = n};
	b->end = off + n;
	return 0;
}

static int no_place(uint32_t item, uint64_t file_off, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EINVAL,
		"data of file %u at byte %llu has no place in the plan", item,
		(unsigned long long)file_off);
}

static int bad_piece(const struct data_piece *v, struct o2r_err *err)
{
	return no_place(v->item, v->file_off, err);
}

static int add_piece(struct batch *b, const struct target *t, const struct data_piece *v,
	struct o2r_err *err)
{
	uint64_t off = v->file_off, left = v->len, at;
	const char *p = v->p;
	int r = 0;

	if (left > t->size || off > t->size - left)
		return bad_piece(v, err);
	while (r == 0 && left) {
		uint64_t n = MIN(left, locate(b->w, t, off, &at));

		if (!n)
			return bad_piece(v, err);
		r = add(b, p, (size_t)n, at, err);
		p += n;
		off += n;
		left -= n;
	}
	/* The last block of a file is whole, so that the next file follows at once. */
	if (r == 0 && v->len && off == t->size && off % sizeof(zeros))
		r = add(b, zeros, sizeof(zeros) - off % sizeof(zeros), b->end, err);
	return r;
}

int ext4_writer_pieces(struct ext4_writer *w, int pass, const struct data_piece *v,
	size_t n, struct o2r_err *err)
{
	struct batch b;
	struct target t = {0};
	uint64_t bytes = 0;
	int r = 0;

	b.w = w;
	b.count = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (v[i].item >= w->p->passes[pass].count)
			return bad_piece(&v[i], err);
		if (i == 0 || v[i].item != v[i - 1].item)
			find_target(w, pass, v[i].item, &t);
		r = add_piece(&b, &t, &v[i], err);
		bytes += v[i].len;
	}
	if (r == 0)
		r = flush(&b, err);
	if (r == 0)
		atomic_fetch_add(&w->done[pass], bytes);
	return r;
}

int ext4_writer_copy(
	struct ext4_writer *w, int pass, const struct data_span *s, struct o2r_err *err)
{
	uint64_t from = s->fd_off, off = s->file_off, left = s->len, at;
	struct target t;
	int r = 1;

	if (!w->out.ops->copy || s->fd_off % w->l->geo.block_size)
		return 0;
	if (s->item >= w->p->passes[pass].count ||
		(s->file_off | s->len) % w->l->geo.block_size)
		return no_place(s->item, s->file_off, err);
	find_target(w, pass, s->item, &t);
	if (left > t.size || off > t.size - left)
		return no_place(s->item, s->file_off, err);
	while (r > 0 && left) {
		uint64_t n = MIN(left, locate(w, &t, off, &at));

		if (!n)
			return no_place(s->item, off, err);
		r = w->out.ops->copy(w->out.arg, s->fd, from, n, at, err);
		from += n;
		off += n;
		left -= n;
	}
	if (r > 0)
		atomic_fetch_add(&w->done[pass], s->len);
	return r;
}

/* Ranges of all maps, so that a piece finds its place without going through its file. */
static int index_ranges(struct ext4_writer *w, struct o2r_err *err)
{
	const struct tree *t = w->p->tree;
	size_t n = 0, cap = 0;

	w->map_ranges = calloc((size_t)t->map_count + 2, sizeof(*w->map_ranges));
	if (!w->map_ranges)
		return err_nomem(err);
	for (uint32_t map = 1; map <= t->map_count; map++) {
		struct range_iter it = {
			.runs = t->maps[map]->runs,
			.count = t->maps[map]->count,
			.block_size = w->l->geo.block_size,
		};
		struct block_range r;
		uint32_t before = 0;

		w->map_ranges[map] = n;
		for (;;) {
			bool more = range_next(&it, &r);

			if (VEC_RESERVE(w->ranges, n, cap, 1, SIZE_MAX) < 0)
				return err_nomem(err);
			w->ranges[n++] =
				(struct range_pos){more ? r.first : UINT32_MAX, before};
			if (!more)
				break;
			before += r.count;
		}
		w->map_ranges[map + 1] = n;
	}
	return 0;
}

static int zero_block_at(struct ext4_writer *w, const struct target *t, uint64_t file_off,
	struct o2r_err *err)
{
	uint64_t at;

	if (!locate(w, t, file_off, &at))
		return 0;
	return writer_zero(w, at / w->l->geo.block_size, 1, err);
}

/* Blocks that are hole in one part and data in another. */
static int zero_edges(struct ext4_writer *w, int pass, uint32_t item, struct o2r_err *err)
{
	uint32_t ino = w->p->passes[pass].items[item], count;
	uint64_t size = w->l->geo.block_size;
	struct target t;
	struct data_run one;
	const struct data_run *runs = tree_runs(w->p->tree, ino, &one, &count);
	int r = 0;

	find_target(w, pass, item, &t);
	for (uint32_t i = 0; r == 0 && t.ranges && i < count; i++) {
		uint64_t end = runs[i].file_off + runs[i].len;

		if (!runs[i].len)
			continue;
		if (runs[i].file_off % size)
			r = zero_block_at(w, &t, runs[i].file_off, err);
		if (r == 0 && end % size && end != t.size)
			r = zero_block_at(w, &t, end - 1, err);
	}
	return r;
}

int data_prepare(struct ext4_writer *w, struct o2r_err *err)
{
	int r = index_ranges(w, err);

	/* New files and streams are zeros where nothing is written. */
	for (int pass = 0; w->out.ops->zero && r == 0 && pass < w->p->pass_count;
		pass++) {
		for (uint32_t i = 0; r == 0 && i < w->p->passes[pass].count; i++)
			r = zero_edges(w, pass, i, err);
	}
	return r;
}
