/* The data pass over files: every byte once, whole blocks offered as they stand, whatever
 * the sink takes of them. */
#include <pthread.h>

#include "dir_fixture.h"
#include "fs/data.h"
#include "fs/merge.h"

enum {
	FILES = 40,
	LARGE = 20 << 20, /* several tasks */
	BLOCK = 4096,
};

struct image {
	struct tree *tree;
	struct stream *stream;
	struct blob blob;
	uint32_t *items, count;
};

/* What a sink has got. */
struct seen {
	const struct image *im;
	pthread_mutex_t lock;
	unsigned char **bytes; /* of each item */
	uint64_t pieces, copied, progress;
	unsigned calls;
	int take;     /* how many offers are taken; -1: all */
	int fail;     /* what the first offer returns when it is not 0 */
	bool ordered; /* no offer may come */
	uint32_t item;
};

static uint64_t size_of(const struct image *im, uint32_t item)
{
	return tree_get(im->tree, im->items[item])->size;
}

static void put(struct seen *s, uint32_t item, uint64_t off, const void *p, uint64_t n)
{
	CHECK(item < s->im->count && off + n <= size_of(s->im, item));
	memcpy(s->bytes[item] + off, p, n);
}

static int take_pieces(
	void *arg, const struct data_piece *v, size_t n, struct o2r_err *err)
{
	struct seen *s = arg;

	(void)err;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		put(s, v[i].item, v[i].file_off, v[i].p, v[i].len);
		s->pieces += v[i].len;
		CHECK(!s->ordered || v[i].item >= s->item);
		s->item = v[i].item;
	}
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int take_copy(void *arg, const struct data_span *d, struct o2r_err *err)
{
	struct seen *s = arg;
	unsigned char *buf = malloc(d->len);
	int r = 0;

	CHECK(!s->ordered);
	CHECK(d->len && d->len % BLOCK == 0 && d->file_off % BLOCK == 0);
	CHECK_EQ(d->fd_off, d->file_off);
	CHECK_EQ(pread(d->fd, buf, d->len, (off_t)d->fd_off), d->len);
	pthread_mutex_lock(&s->lock);
	s->calls++;
	if (s->fail)
		r = err_set(err, ERR_SPACE, -s->fail, "full");
	else if (s->take)
		r = 1;
	s->take -= s->take > 0;
	if (r == 1) {
		put(s, d->item, d->file_off, buf, d->len);
		s->copied += d->len;
	}
	pthread_mutex_unlock(&s->lock);
	free(buf);
	return r;
}

static void take_progress(void *arg, const struct progress *p)
{
	struct seen *s = arg;

	CHECK(p->done > s->progress && p->done <= p->total);
	s->progress = p->done;
}

static int pass(struct image *im, struct seen *s, unsigned threads, bool copy,
	struct o2r_err *err)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct ctx ctx = test_ctx;
	struct data_sink sink = {.pieces = take_pieces,
		.copy = copy ? take_copy : NULL,
		.arg = s,
		.ordered = s->ordered};

	s->im = im;
	pthread_mutex_init(&s->lock, NULL);
	s->bytes = calloc(im->count, sizeof(*s->bytes));
	for (uint32_t i = 0; i < im->count; i++)
		s->bytes[i] = calloc(1, size_of(im, i));
	ctx.threads = threads;
	ctx.progress = take_progress;
	ctx.arg = s;
	ctx.lock = &lock;
	return data_read(im->tree, &im->stream, im->items, im->count, &ctx, &sink, err);
}

static void seen_finish(struct seen *s)
{
	for (uint32_t i = 0; i < s->im->count; i++)
		free(s->bytes[i]);
	free(s->bytes);
	pthread_mutex_destroy(&s->lock);
}

/* The name under which an inode was made. */
static const char *name_of(const struct image *im, uint32_t ino)
{
	const struct tree_inode *root = tree_get(im->tree, TREE_ROOT);
	static char name[64];

	for (uint32_t i = 0; i < root->u.dir.count; i++) {
		const struct tree_dirent *d = &im->tree->dirents[root->u.dir.first + i];

		if (d->ino == ino)
			snprintf(name, sizeof(name), "d/%.*s", (int)dirent_len(d),
				dirent_name(d));
	}
	return name;
}

static void compare(const struct image *im, const struct seen *s)
{
	for (uint32_t i = 0; i < im->count; i++) {
		uint64_t size = size_of(im, i);
		unsigned char *want = malloc(size);
		int fd = open(at(name_of(im, im->items[i])), O_RDONLY);

		CHECK_EQ(pread(fd, want, size, 0), size);
		CHECK(memcmp(want, s->bytes[i], size) == 0);
		close(fd);
		free(want);
	}
	CHECK_EQ(s->pieces + s->copied, im->tree->data_bytes);
	CHECK_EQ(s->progress, im->tree->data_bytes);
}

static void make_bytes(const char *name, off_t from, size_t n, off_t size)
{
	int fd = open(at(name), O_WRONLY | O_CREAT, 0644);
	unsigned char *p = malloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)((i * 2654435761U) >> 11);
	CHECK_EQ(pwrite(fd, p, n, from), n);
	CHECK_EQ(ftruncate(fd, size), 0);
	free(p);
	close(fd);
}

static void make_files(void)
{
	static const size_t sizes[] = {
		1, 4095, 4096, 4097, 8191, 70000, 300000, 1 << 20, 12345};
	char name[32];

	make_dir("d");
	for (unsigned i = 0; i < FILES; i++) {
		size_t n = sizes[i % (sizeof(sizes) / sizeof(*sizes))];

		snprintf(name, sizeof(name), "d/f%u", i);
		make_bytes(name, 0, n, (off_t)n);
	}
	make_bytes("d/large", 0, LARGE + 5, LARGE + 5);
	make_bytes("d/sparse", 5 << 20, 9000, 100 << 20);
}

static void make_image(struct image *im)
{
	struct dir_layer d = open_layer("d", (struct dir_rules){0});
	struct files *files = NULL;
	struct digest identity;
	struct layer layer = {0};
	struct o2r_err err = {0};
	struct merge *m = NULL;

	CHECK_EQ(dir_index(&d, &test_ctx, &layer, &files, &identity, &err), 0);
	dir_layer_finish(&d);
	CHECK_EQ(files_blob(files, &im->blob, &err), 0);
	CHECK_EQ(stream_of(&im->blob, &identity, &im->stream, &err), 0);
	CHECK_EQ(merge_create(&test_ctx, &m, &err), 0);
	CHECK_EQ(merge_add(m, &layer, "d", &err), 0);
	layer_finish(&layer);
	CHECK_EQ(merge_freeze(m, (struct merge_time){0, 0}, &im->tree, &err), 0);
	merge_destroy(m);
	im->items = tree_files_in_data_order(im->tree, &im->count);
	CHECK_EQ(im->count, FILES + 2);
}

static void everything(struct image *im)
{
	static const int takes[] = {-1, 0, 1, 7};

	for (unsigned threads = 1; threads <= 4; threads += 3)
		for (unsigned k = 0; k < 6; k++) {
			struct seen s = {.ordered = k == 5, .take = k < 4 ? takes[k] : 0};
			struct o2r_err err = {0};

			CHECK_EQ(pass(im, &s, threads, k != 4, &err), 0);
			compare(im, &s);
			/* what is read of what can be taken: less than a block a file,
			 * but for the two ends of data in a hole */
			if (k == 0)
				CHECK(s.pieces < (FILES + 3) * BLOCK);
			CHECK(k < 4 ? s.calls > 0 : s.calls == 0);
			seen_finish(&s);
		}
}

static void failures(struct image *im)
{
	struct seen s = {.fail = -ENOSPC};
	struct o2r_err err = {0};

	CHECK_EQ(pass(im, &s, 4, true, &err), -ENOSPC);
	CHECK_STR(err.text, "full");
	seen_finish(&s);
}

/* A file that is not shown may change, one that is may not. */
static void changes(struct image *im)
{
	for (int copy = 0; copy < 2; copy++) {
		struct seen s = {.take = -1};
		struct o2r_err err = {0};

		usleep(20000);
		make_bytes("d/large", 0, 3, LARGE + 5);
		CHECK_EQ(pass(im, &s, 2, copy, &err), -EBUSY);
		CHECK(strstr(err.text, "d/large changed") != NULL);
		seen_finish(&s);
	}
	for (uint32_t i = 0; i < im->count; i++)
		if (size_of(im, i) == LARGE + 5) {
			memmove(&im->items[i], &im->items[i + 1],
				(im->count - i - 1) * sizeof(*im->items));
			im->count--;
		}

	struct seen s = {.take = -1};
	struct o2r_err err = {0};

	CHECK_EQ(pass(im, &s, 2, true, &err), 0);
	CHECK_EQ(s.pieces + s.copied, im->tree->data_bytes - LARGE - 5);
	seen_finish(&s);
}

int main(void)
{
	struct image im = {0};

	umask(022);
	CHECK(mkdtemp(work) != NULL);
	make_files();
	make_image(&im);
	everything(&im);
	failures(&im);
	changes(&im);
	free(im.items);
	tree_destroy(im.tree);
	stream_destroy(im.stream);
	blob_close(&im.blob);
	remove_work();
	TEST_END;
}
