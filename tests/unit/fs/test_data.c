/* The data pass: every byte of every file once, in order where asked for, failures seen.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/vec.h"
#include "blob/blob.h"
#include "fs/data.h"
#include "fs/merge.h"
#include "unit.h"

enum {
	LAYERS = 3,
	SPAN = STREAM_PIECE,
	LAYER_BYTES = 41 * SPAN + 777,
	FILES = 300,
};

/* Layers of numbered bytes, and files that lie in them with gaps. */
struct image {
	unsigned char *bytes[LAYERS];
	struct blob blobs[LAYERS];
	struct stream *streams[LAYERS];
	struct tree *tree;
	uint32_t *items, count;
	struct ctx ctx;
};

static int drop(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	(void)arg, (void)p, (void)n, (void)err;
	return 0;
}

static void make_stream(struct image *im, unsigned i)
{
	struct stream_expect expect = {.codec = CODEC_PLAIN, .span = SPAN};
	struct stream_sink sink = {.data = drop};
	struct o2r_err err = {0};

	im->bytes[i] = malloc(LAYER_BYTES);
	for (size_t k = 0; k < LAYER_BYTES; k++)
		im->bytes[i][k] = (unsigned char)(k * 2654435761u >> 13 ^ i);
	CHECK_EQ(blob_open_memory(&im->blobs[i], im->bytes[i], LAYER_BYTES, 0, &err), 0);
	CHECK_EQ(stream_scan(&im->blobs[i], &expect, &sink, &im->ctx, NULL,
			 &im->streams[i], &err),
		0);
}

static void add_file(struct layer *l, unsigned layer, unsigned number, uint64_t off,
	uint64_t size, const struct data_map *map)
{
	char path[40];

	snprintf(path, sizeof(path), "%u-%u", layer, number);
	if (VEC_RESERVE(l->entries, l->count, l->cap, 1, SIZE_MAX) < 0)
		abort();
	l->entries[l->count++] = (struct entry){.kind = ENTRY_FILE,
		.path = arena_dup(&l->arena, path, strlen(path)),
		.path_len = (uint32_t)strlen(path),
		.size = size,
		.data_off = off,
		.map = map};
}

/* Small files, some of several spans, one sparse one; the last byte is a file's. */
static void fill_layer(struct layer *l, unsigned layer)
{
	struct data_map *map =
		arena_alloc(&l->arena, sizeof(*map) + 2 * sizeof(map->runs[0]), 8);
	uint64_t off = 512;

	for (unsigned i = 0; i < FILES; i++) {
		uint64_t size = i % 100 == 50 ? 9 * SPAN + i : i * 37 % 2000;

		add_file(l, layer, i, off, size, NULL);
		off += size + 512 * (i % 3);
	}
	map->count = 2;
	map->runs[0] = (struct data_run){.file_off = 5, .len = 3000, .src_off = off};
	map->runs[1] =
		(struct data_run){.file_off = 900000, .len = 10, .src_off = off + 3000};
	add_file(l, layer, FILES, off, 1000000, map);
	CHECK(off + 4000 < LAYER_BYTES);
	add_file(l, layer, FILES + 1, LAYER_BYTES - 1, 1, NULL);
}

static void make(struct image *im)
{
	struct merge_time root = {0};
	struct merge *m = NULL;
	struct o2r_err err = {0};

	*im = (struct image){.ctx = {.threads = 1, .limits = LIMITS_DEFAULT}};
	CHECK_EQ(merge_create(&im->ctx, &m, &err), 0);
	for (unsigned i = 0; i < LAYERS; i++) {
		struct layer l = {0};

		make_stream(im, i);
		fill_layer(&l, i);
		CHECK_EQ(merge_add(m, &l, "layer", &err), 0);
		layer_finish(&l);
	}
	CHECK_EQ(merge_freeze(m, root, &im->tree, &err), 0);
	merge_destroy(m);
	im->items = tree_files_in_data_order(im->tree, &im->count);
}

static void unmake(struct image *im)
{
	for (unsigned i = 0; i < LAYERS; i++) {
		stream_destroy(im->streams[i]);
		blob_close(&im->blobs[i]);
		free(im->bytes[i]);
	}
	free(im->items);
	tree_destroy(im->tree);
}

/* What the sink has seen. */
struct seen {
	struct image *im;
	pthread_mutex_t lock;
	bool ordered;
	_Atomic unsigned inside;
	uint64_t bytes, progress;
	uint32_t item;
	uint64_t next; /* of item */
	unsigned calls, fail_at;
	int failure;
};

static void take_progress(void *arg, const struct progress *p)
{
	struct seen *s = arg;

	pthread_mutex_lock(&s->lock);
	CHECK(p->done >= s->progress && p->done <= p->total);
	s->progress = p->done;
	pthread_mutex_unlock(&s->lock);
}

static uint64_t source_of(const struct image *im, uint32_t ino, uint64_t file_off)
{
	struct data_run one;
	uint32_t n = 0;
	const struct data_run *r = tree_runs(im->tree, ino, &one, &n);

	for (uint32_t i = 0; i < n; i++)
		if (file_off >= r[i].file_off && file_off - r[i].file_off < r[i].len)
			return r[i].src_off + (file_off - r[i].file_off);
	return UINT64_MAX;
}

static void look_at(struct seen *s, const struct data_piece *p)
{
	const struct image *im = s->im;
	uint32_t ino = im->items[p->item];
	uint64_t src = source_of(im, ino, p->file_off);

	CHECK(p->len && src <= LAYER_BYTES && p->len <= LAYER_BYTES - src);
	CHECK_MEM(p->p, im->bytes[tree_get(im->tree, ino)->layer] + src, p->len);
	s->bytes += p->len;
	if (!s->ordered)
		return;
	CHECK(p->item > s->item || (p->item == s->item && p->file_off >= s->next));
	s->item = p->item;
	s->next = p->file_off + p->len;
}

static int take(void *arg, const struct data_piece *v, size_t n, struct o2r_err *err)
{
	struct seen *s = arg;
	unsigned inside = atomic_fetch_add(&s->inside, 1);
	int r = 0;

	pthread_mutex_lock(&s->lock);
	CHECK(!s->ordered || !inside);
	for (size_t i = 0; i < n; i++)
		look_at(s, &v[i]);
	if (++s->calls == s->fail_at)
		r = s->failure == EIO ? err_set(err, ERR_FAIL, EIO, "full")
				      : err_set(err, ERR_FAIL, s->failure, "stopped");
	pthread_mutex_unlock(&s->lock);
	atomic_fetch_sub(&s->inside, 1);
	return r;
}

static int pass(struct image *im, struct seen *s, unsigned threads, bool ordered,
	struct o2r_err *err)
{
	struct data_sink sink = {.pieces = take, .arg = s, .ordered = ordered};
	struct ctx ctx = im->ctx;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	s->im = im;
	s->ordered = ordered;
	pthread_mutex_init(&s->lock, NULL);
	ctx.threads = threads;
	ctx.progress = take_progress;
	ctx.arg = s;
	ctx.lock = &lock;

	int r = data_read(im->tree, im->streams, im->items, im->count, &ctx, &sink, err);

	pthread_mutex_destroy(&s->lock);
	return r;
}

static void everything(struct image *im)
{
	for (unsigned threads = 1; threads <= 8; threads += threads < 4 ? 1 : 4)
		for (int ordered = 0; ordered < 2; ordered++) {
			struct seen s = {0};
			struct o2r_err err = {0};

			CHECK_EQ(pass(im, &s, threads, ordered, &err), 0);
			CHECK_STR(err.text, "");
			CHECK_EQ(s.bytes, im->tree->data_bytes);
			CHECK_EQ(s.progress, im->tree->data_bytes);
		}
}

/* Whichever call fails, with whatever code: no one waits for ever, and it is reported. */
static void failures(struct image *im)
{
	static const int codes[] = {EIO, ECANCELED};

	for (unsigned at = 1; at < 12; at++)
		for (unsigned threads = 1; threads <= 8; threads += 7)
			for (unsigned k = 0; k < 4; k++) {
				struct seen s = {.fail_at = at, .failure = codes[k / 2]};
				struct o2r_err err = {0};

				CHECK_EQ(pass(im, &s, threads, k % 2, &err), -s.failure);
				CHECK(strcmp(err.text, k / 2 ? "stopped" : "full") == 0);
			}
}

static void damage(struct image *im)
{
	size_t at = LAYER_BYTES / 2;

	im->bytes[1][at] ^= 1;
	for (int ordered = 0; ordered < 2; ordered++)
		for (unsigned threads = 1; threads <= 8; threads += 7) {
			struct seen s = {0};
			struct o2r_err err = {0};

			CHECK_EQ(pass(im, &s, threads, ordered, &err), -EBADMSG);
			CHECK(strstr(err.text, "layer 2 of ") != NULL);
		}
	im->bytes[1][at] ^= 1;
}

static void cancelled(struct image *im)
{
	volatile int cancel = 1;
	struct seen s = {0};
	struct o2r_err err = {0};

	im->ctx.cancel = &cancel;
	for (int ordered = 0; ordered < 2; ordered++)
		CHECK_EQ(pass(im, &s, 8, ordered, &err), -EINTR);
	im->ctx.cancel = NULL;
	CHECK_EQ(s.calls, 0);
}

static void outside(struct image *im)
{
	struct tree_inode *i = &im->tree->inodes[im->items[5]];
	uint64_t size = i->size, off = i->u.data_off;

	for (unsigned k = 0; k < 3; k++) {
		struct seen s = {0};
		struct o2r_err err = {0};

		i->size = k == 0 ? UINT64_MAX - 100 : k == 1 ? LAYER_BYTES : 1;
		i->u.data_off = k == 2 ? LAYER_BYTES : off;
		CHECK_EQ(pass(im, &s, 2, false, &err), -EBADMSG);
		CHECK(strstr(err.text, "outside of layer 1") != NULL);
	}
	i->size = size;
	i->u.data_off = off;
}

int main(void)
{
	struct image im;

	make(&im);
	everything(&im);
	failures(&im);
	damage(&im);
	cancelled(&im);
	outside(&im);
	unmake(&im);
	TEST_END;
}
