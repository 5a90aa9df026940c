#include "fs/data.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/pool.h"
#include "base/vec.h"

/*
 * How much one task reads at most: long enough that restoring a decoder is cheap beside
 * decoding, short enough that the last tasks of a layer keep all threads busy.
 */
enum {
	TASK_SPANS = 8,
	BUFFER = 1 << 20, /* decoded at a time; a multiple of STREAM_PIECE */
	PIECES_MAX = 4096,
	CANCELLED = 1, /* ordered: another task has failed, and has the error */
};

/* Some bytes of one file, in the order of the stream. */
struct want {
	uint64_t src_off, file_off, len;
	uint32_t item;
};

/* wants [first, last) of one layer, cut to [from, to) of its decoded bytes. */
struct task {
	uint64_t from, to;
	size_t first, last;
	uint16_t layer;
};

struct pass {
	const struct tree *t;
	struct stream *const *streams;
	const uint32_t *items;
	const struct ctx *ctx;
	const struct data_sink *sink;
	struct want *wants;
	size_t want_count, want_cap;
	struct task *tasks;
	size_t task_count, task_cap;
	uint64_t done, total; /* bytes handed over, of all; under the lock */
	/* ordered: the task whose turn it is */
	pthread_mutex_t lock;
	pthread_cond_t turn_changed;
	size_t turn;
	bool failed;
	/* decoders are kept between tasks: going on forwards is cheaper than restarting
	 */
	struct stream_reader **idle;
	uint16_t *idle_layer;
	size_t idle_count;
};

static void pass_finish(struct pass *p)
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

static int list_wants(struct pass *p, uint32_t count, struct o2r_err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct data_run one;
		uint32_t n = 0;
		const struct data_run *r = tree_runs(p->t, p->items[i], &one, &n);

		if (VEC_RESERVE(p->wants, p->want_count, p->want_cap, n, SIZE_MAX) < 0)
			return err_nomem(err);
		for (uint32_t k = 0; k < n; k++) {
			p->wants[p->want_count++] =
				(struct want){r[k].src_off, r[k].file_off, r[k].len, i};
			p->total += r[k].len;
		}
	}
	return 0;
}

static uint16_t layer_of(const struct pass *p, const struct want *w)
{
	return tree_get(p->t, p->items[w->item])->layer;
}

static int add_task(struct pass *p, struct task t, struct o2r_err *err)
{
	if (VEC_RESERVE(p->tasks, p->task_count, p->task_cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	p->tasks[p->task_count++] = t;
	return 0;
}

/*
 * Cut one layer's wants into tasks at multiples of a few spans. A stream that cannot be
 * entered in the middle is one task. Spans that nobody wants appear in no task.
 */
static int cut_layer(struct pass *p, size_t first, size_t last, struct o2r_err *err)
{
	uint16_t layer = layer_of(p, &p->wants[first]);
	const struct stream *s = p->streams[layer];
	uint64_t step =
		stream_is_seekable(s) ? stream_span(s) * TASK_SPANS : UINT64_MAX / 2;
	uint64_t from = p->wants[first].src_off;
	size_t w = first;

	if (!stream_is_seekable(s))
		step = UINT64_MAX / 2;

	while (w < last) {
		/* skip to the step of the next wanted byte */
		from = MAX(from, p->wants[w].src_off);

		uint64_t end = from - from % step + step;
		size_t e = w;

		while (e < last && p->wants[e].src_off < end)
			e++;

		uint64_t stop = p->wants[e - 1].src_off + p->wants[e - 1].len;
		struct task t = {from, MIN(stop, end), w, e, layer};
		int r = add_task(p, t, err);

		if (r < 0)
			return r;
		from = t.to;
		/* a want that goes on behind the end is met again */
		w = stop > end ? e - 1 : e;
	}
	return 0;
}

static int list_tasks(struct pass *p, struct o2r_err *err)
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
static int take_reader(
	struct pass *p, uint16_t layer, struct stream_reader **out, struct o2r_err *err)
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

static void give_reader(struct pass *p, uint16_t layer, struct stream_reader *r)
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

static int wait_turn(struct pass *p, size_t task)
{
	int r = 0;

	if (!p->sink->ordered)
		return 0;
	pthread_mutex_lock(&p->lock);
	while (p->turn != task && !p->failed)
		pthread_cond_wait(&p->turn_changed, &p->lock);
	r = p->failed ? CANCELLED : 0;
	pthread_mutex_unlock(&p->lock);
	return r;
}

static void end_turn(struct pass *p, bool failed)
{
	if (!p->sink->ordered)
		return;
	pthread_mutex_lock(&p->lock);
	p->turn++;
	p->failed |= failed;
	pthread_cond_broadcast(&p->turn_changed);
	pthread_mutex_unlock(&p->lock);
}

static int flush(struct pass *p, const struct data_piece *v, size_t *n, uint64_t *bytes,
	struct o2r_err *err)
{
	int r = *n ? p->sink->pieces(p->sink->arg, v, *n, err) : 0;

	if (r == 0) {
		const char *stage = p->sink->stage ? p->sink->stage : "write";
		struct progress pr = {.stage = stage, .total = p->total};

		/* told under the lock, so that it never seems to go back */
		pthread_mutex_lock(&p->lock);
		pr.done = p->done += *bytes;
		ctx_progress(p->ctx, &pr);
		pthread_mutex_unlock(&p->lock);
	}
	*n = 0;
	*bytes = 0;
	return r;
}

/* Hand over what the decoded bytes [off, off + n) hold of the task's wants. */
static int emit(struct pass *p, const struct task *t, size_t *next,
	const unsigned char *buf, uint64_t off, uint64_t n, struct data_piece *v,
	struct o2r_err *err)
{
	size_t count = 0;
	uint64_t bytes = 0;

	for (; *next < t->last; ++*next) {
		const struct want *w = &p->wants[*next];
		uint64_t from = MAX(MAX(w->src_off, t->from), off);
		uint64_t to = MIN(MIN(w->src_off + w->len, t->to), off + n);

		if (from < to) {
			v[count++] = (struct data_piece){
				.p = buf + (from - off),
				.file_off = w->file_off + (from - w->src_off),
				.len = (uint32_t)(to - from),
				.item = w->item,
			};
			bytes += to - from;
		}
		if (w->src_off + w->len > off + n)
			break;
		if (count == PIECES_MAX) {
			int r = flush(p, v, &count, &bytes, err);

			if (r < 0)
				return r;
		}
	}
	return flush(p, v, &count, &bytes, err);
}

/* Where decoding has to go on: wants may be far apart, and nobody pays for the gaps. */
static uint64_t next_piece(
	const struct pass *p, const struct task *t, size_t next, uint64_t off)
{
	const struct want *w = &p->wants[next];

	return MAX(off, MAX(w->src_off, t->from) & ~(uint64_t)(STREAM_PIECE - 1));
}

/* Only what is wrong with the layer says so: the sink has errors of its own. */
static int read_buffer(const struct pass *p, uint16_t layer, struct stream_reader *reader,
	uint64_t off, void *buf, size_t n, struct o2r_err *err)
{
	int r = stream_reader_read(reader, off, buf, n, err);

	if (r < 0)
		err_wrap(err, "layer %u of %u (%.19s)", layer + 1u, p->t->layer_count,
			digest_format(stream_blob_digest(p->streams[layer])).s);
	return r;
}

static int run_buffers(struct pass *p, size_t number, struct stream_reader *reader,
	unsigned char *buf, struct data_piece *v, struct o2r_err *err)
{
	const struct task *t = &p->tasks[number];
	uint64_t size = stream_size(p->streams[t->layer]), off = 0;
	size_t next = t->first;

	while (next < t->last) {
		off = next_piece(p, t, next, off);
		if (off >= t->to)
			break;

		uint64_t want = MIN(t->to - off, BUFFER), n;

		/* pieces are checked whole */
		if (!align_u64(want, STREAM_PIECE, &n))
			return err_nomem(err);
		n = MIN(n, size - off);
		int r = ctx_check(p->ctx, err);

		if (r == 0)
			r = read_buffer(p, t->layer, reader, off, buf, n, err);
		if (r == 0)
			r = wait_turn(p, number);
		if (r == 0)
			r = emit(p, t, &next, buf, off, n, v, err);
		if (r != 0)
			return r;
		off += n;
	}
	return wait_turn(p, number);
}

static int run_task(void *arg, size_t number, struct o2r_err *err)
{
	struct pass *p = arg;
	const struct task *t = &p->tasks[number];
	AUTO_FREE unsigned char *buf = malloc(BUFFER);
	AUTO_FREE struct data_piece *v = malloc(PIECES_MAX * sizeof(*v));
	struct stream_reader *reader = NULL;
	int r = buf && v ? take_reader(p, t->layer, &reader, err) : err_nomem(err);

	if (r == 0)
		r = run_buffers(p, number, reader, buf, v, err);
	if (reader)
		give_reader(p, t->layer, reader);
	end_turn(p, r != 0);
	return r < 0 ? r : 0;
}

int data_read(const struct tree *t, struct stream *const *streams, const uint32_t *items,
	uint32_t count, const struct ctx *ctx, const struct data_sink *sink,
	struct o2r_err *err)
{
	struct pass p CLEANUP(pass_finish) = {
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
