#include "fs/data_impl.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/pool.h"
#include "base/vec.h"

static void pass_finish(struct data_pass *p)
{
	for (size_t i = 0; i < p->idle_count; i++)
		stream_reader_destroy(p->idle[i]);
	free(p->idle);
	free(p->idle_layer);
	free(p->wants);
	free(p->tasks);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->turn_changed);
}

static int list_wants(struct data_pass *p, uint32_t count, struct o2r_err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct data_run one;
		uint32_t n = 0;
		const struct data_run *r = tree_runs(p->t, p->items[i], &one, &n);

		if (VEC_RESERVE(p->wants, p->want_count, p->want_cap, n, SIZE_MAX) < 0)
			return err_nomem(err);
		for (uint32_t k = 0; k < n; k++) {
			p->wants[p->want_count++] = (struct data_want){
				r[k].src_off, r[k].file_off, r[k].len, i};
			p->total += r[k].len;
		}
	}
	return 0;
}

static uint16_t layer_of(const struct data_pass *p, const struct data_want *w)
{
	return tree_get(p->t, p->items[w->item])->layer;
}

static int add_task(struct data_pass *p, struct data_task t, struct o2r_err *err)
{
	if (VEC_RESERVE(p->tasks, p->task_count, p->task_cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	p->tasks[p->task_count++] = t;
	return 0;
}

/* The last block of a file that ends in front of end, so that all of a file's blocks can
 * be taken as they stand. */
static uint64_t block_before(const struct data_want *w, uint64_t end)
{
	return end - (w->file_off + (end - w->src_off)) % TREE_BLOCK;
}

/* The task that begins at `from`, in want `first`, of those up to `last`. */
static struct data_task cut_task(const struct data_pass *p, size_t first, size_t last,
	uint64_t from, uint64_t step)
{
	const struct data_want *w = p->wants;
	uint16_t layer = layer_of(p, &w[first]);
	bool files = stream_is_files(p->streams[layer]);
	uint64_t end = from - (files ? 0 : from % step) + step;
	size_t e = first;

	while (e < last && w[e].src_off < end)
		e++;
	if (files && w[e - 1].src_off + w[e - 1].len > end) {
		end = block_before(&w[e - 1], end);
		e -= end <= w[e - 1].src_off;
	}
	end = MIN(w[e - 1].src_off + w[e - 1].len, end);
	return (struct data_task){from, end, first, e, layer};
}

/*
 * Cut one layer's wants into tasks at multiples of a few spans. A stream that cannot be
 * entered in the middle is one task. Spans that nobody wants appear in no task.
 */
static int cut_layer(struct data_pass *p, size_t first, size_t last, struct o2r_err *err)
{
	uint16_t layer = layer_of(p, &p->wants[first]);
	const struct stream *s = p->streams[layer];
	uint64_t step =
		stream_is_seekable(s) ? stream_span(s) * DATA_TASK_SPANS : UINT64_MAX / 2;
	uint64_t from = p->wants[first].src_off;
	size_t w = first;

	while (w < last) {
		/* skip to the step of the next wanted byte */
		from = MAX(from, p->wants[w].src_off);

		struct data_task t = cut_task(p, w, last, from, step);
		int r = add_task(p, t, err);

		if (r < 0)
			return r;
		from = t.to;
		/* a want that goes on behind the end is met again */
		w = t.last;
		if (p->wants[w - 1].src_off + p->wants[w - 1].len > t.to)
			w--;
	}
	return 0;
}

static int list_tasks(struct data_pass *p, struct o2r_err *err)
{
	for (size_t i = 0; i < p->want_count;) {
		size_t e = i + 1;
		uint16_t layer = layer_of(p, &p->wants[i]);
		const struct stream *s =
			layer < p->t->layer_count ? p->streams[layer] : NULL;

		while (e < p->want_count && layer_of(p, &p->wants[e]) == layer)
			e++;
		for (size_t k = i; k < e; k++)
			if (!s || p->wants[k].src_off > stream_size(s) ||
				p->wants[k].len > stream_size(s) - p->wants[k].src_off)
				return err_corrupt(
					err, "file data outside of layer %u", layer + 1);
		int r = cut_layer(p, i, e, err);

		if (r < 0)
			return r;
		i = e;
	}
	return 0;
}

/* A decoder of this layer: one that has been used, if it can be. */
static int take_reader(struct data_pass *p, uint16_t layer, struct stream_reader **out,
	struct o2r_err *err)
{
	*out = NULL;
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < p->idle_count && !*out; i++)
		if (p->idle_layer[i] == layer) {
			*out = p->idle[i];
			p->idle[i] = p->idle[--p->idle_count];
			p->idle_layer[i] = p->idle_layer[p->idle_count];
		}
	/* a decoder of a layer that is behind us is of no more use */
	if (!*out && p->idle_count) {
		stream_reader_destroy(p->idle[--p->idle_count]);
	}
	pthread_mutex_unlock(&p->lock);
	return *out ? 0 : stream_reader_create(p->streams[layer], p->ctx, out, err);
}

static void give_reader(struct data_pass *p, uint16_t layer, struct stream_reader *r)
{
	pthread_mutex_lock(&p->lock);
	if (p->idle_count < p->ctx->threads) {
		p->idle[p->idle_count] = r;
		p->idle_layer[p->idle_count++] = layer;
		r = NULL;
	}
	pthread_mutex_unlock(&p->lock);
	stream_reader_destroy(r);
}

static int wait_turn(struct data_pass *p, size_t task)
{
	int r = 0;

	if (!p->sink->ordered)
		return 0;
	pthread_mutex_lock(&p->lock);
	while (p->turn != task && !p->failed)
		pthread_cond_wait(&p->turn_changed, &p->lock);
	r = p->failed ? DATA_CANCELLED : 0;
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void end_turn(struct data_pass *p, bool failed)
{
	if (!p->sink->ordered)
		return;
	pthread_mutex_lock(&p->lock);
	p->turn++;
	p->failed |= failed;
	pthread_cond_broadcast(&p->turn_changed);
	pthread_mutex_unlock(&p->lock);
}

void data_count(struct data_pass *p, uint64_t bytes)
{
	const char *stage = p->sink->stage ? p->sink->stage : "write";
	struct progress pr = {.stage = stage, .total = p->total};

	/* told under the lock, so that it never seems to go back */
	pthread_mutex_lock(&p->lock);
	pr.done = p->done += bytes;
	ctx_progress(p->ctx, &pr);
	pthread_mutex_unlock(&p->lock);
}

int data_flush(struct data_pass *p, size_t task, const struct data_piece *v, size_t *n,
	struct o2r_err *err)
{
	int r = *n ? wait_turn(p, task) : 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < *n; i++)
		bytes += v[i].len;
	if (r == 0 && *n)
		r = p->sink->pieces(p->sink->arg, v, *n, err);
	*n = 0;
	if (r == 0 && bytes)
		data_count(p, bytes);
	return r;
}

/* Hand over what the decoded bytes [off, off + n) hold of the task's wants. */
static int emit(struct data_pass *p, size_t number, size_t *next,
	const unsigned char *buf, uint64_t off, uint64_t n, struct data_piece *v,
	struct o2r_err *err)
{
	const struct data_task *t = &p->tasks[number];
	size_t count = 0;

	for (; *next < t->last; ++*next) {
		const struct data_want *w = &p->wants[*next];
		uint64_t from = MAX(MAX(w->src_off, t->from), off);
		uint64_t to = MIN(MIN(w->src_off + w->len, t->to), off + n);

		if (from < to) {
			v[count++] = (struct data_piece){
				.p = buf + (from - off),
				.file_off = w->file_off + (from - w->src_off),
				.len = (uint32_t)(to - from),
				.item = w->item,
			};
		}
		if (w->src_off + w->len > off + n)
			break;
		if (count == DATA_PIECES_MAX) {
			int r = data_flush(p, number, v, &count, err);

			if (r != 0)
				return r;
		}
	}
	return data_flush(p, number, v, &count, err);
}

/* Where decoding has to go on: wants may be far apart, and nobody pays for the gaps. */
static uint64_t next_piece(
	const struct data_pass *p, const struct data_task *t, size_t next, uint64_t off)
{
	const struct data_want *w = &p->wants[next];

	return MAX(off, MAX(w->src_off, t->from) & ~(uint64_t)(STREAM_PIECE - 1));
}

/* Only what is wrong with the layer says so: the sink has errors of its own. */
static int read_buffer(const struct data_pass *p, uint16_t layer,
	struct stream_reader *reader, uint64_t off, void *buf, size_t n,
	struct o2r_err *err)
{
	int r = stream_reader_read(reader, off, buf, n, err);

	if (r < 0)
		err_wrap(err, "layer %u of %u (%.19s)", layer + 1u, p->t->layer_count,
			digest_format(stream_blob_digest(p->streams[layer])).s);
	return r;
}

static int run_buffers(struct data_pass *p, size_t number, struct stream_reader *reader,
	unsigned char *buf, struct data_piece *v, struct o2r_err *err)
{
	const struct data_task *t = &p->tasks[number];
	uint64_t size = stream_size(p->streams[t->layer]), off = 0;
	size_t next = t->first;

	while (next < t->last) {
		off = next_piece(p, t, next, off);
		if (off >= t->to)
			break;

		uint64_t want = MIN(t->to - off, DATA_BUFFER), n;

		/* pieces are checked whole */
		if (!align_u64(want, STREAM_PIECE, &n))
			return err_nomem(err);
		n = MIN(n, size - off);
		int r = ctx_check(p->ctx, err);

		if (r == 0)
			r = read_buffer(p, t->layer, reader, off, buf, n, err);
		if (r == 0)
			r = emit(p, number, &next, buf, off, n, v, err);
		if (r != 0)
			return r;
		off += n;
	}
	return 0;
}

static int run_stream(struct data_pass *p, size_t number, unsigned char *buf,
	struct data_piece *v, struct o2r_err *err)
{
	uint16_t layer = p->tasks[number].layer;
	struct stream_reader *reader;
	int r = take_reader(p, layer, &reader, err);

	if (r < 0)
		return r;
	r = run_buffers(p, number, reader, buf, v, err);
	give_reader(p, layer, reader);
	return r;
}

static int run_task(void *arg, size_t number, struct o2r_err *err)
{
	struct data_pass *p = arg;
	const struct data_task *t = &p->tasks[number];
	AUTO_FREE unsigned char *buf = malloc(DATA_BUFFER);
	AUTO_FREE struct data_piece *v = malloc(DATA_PIECES_MAX * sizeof(*v));
	int r = !buf || !v ? err_nomem(err)
		: stream_is_files(p->streams[t->layer])
			? data_files_run(p, number, buf, v, err)
			: run_stream(p, number, buf, v, err);

	if (r == 0)
		r = wait_turn(p, number);
	end_turn(p, r != 0);
	return r < 0 ? r : 0;
}

int data_read(const struct tree *t, struct stream *const *streams, const uint32_t *items,
	uint32_t count, const struct ctx *ctx, const struct data_sink *sink,
	struct o2r_err *err)
{
	struct data_pass p CLEANUP(pass_finish) = {
		.t = t, .streams = streams, .items = items, .ctx = ctx, .sink = sink};

	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.turn_changed, NULL);
	p.idle = calloc(ctx->threads, sizeof(*p.idle));
	p.idle_layer = calloc(ctx->threads, sizeof(*p.idle_layer));
	if (!p.idle || !p.idle_layer)
		return err_nomem(err);

	int r = list_wants(&p, count, err);

	if (r == 0)
		r = list_tasks(&p, err);
	return r < 0 ? r : pool_run(ctx->threads, p.task_count, run_task, &p, err);
}
