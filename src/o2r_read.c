/* File data behind o2r.h: the image's span cache, and reading through it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "handle.h"
#include "sources/store.h"

enum {
	PARTS = 64, /* stretches of data fetched at once */
};

/* ---- decoded copies in the cache folder ---------------------------------------------
 */

static const struct digest *diff_id_of(const struct o2r_image *image, unsigned layer)
{
	return &image->image->layers[layer].diff_id;
}

static int open_copy(void *arg, unsigned layer, int *fd, struct o2r_err *err)
{
	struct o2r_image *image = arg;
	struct tmpfile *t = &image->copies[layer];
	int kept = store_get(image->store, STORE_DECODED, diff_id_of(image, layer), NULL);

	if (kept >= 0) {
		*fd = kept;
		return 1;
	}
	tmpfile_finish(t);

	int r = store_begin(image->store, t, err);

	if (r < 0)
		return r;
	/* one for the cache, one to give it its name by */
	*fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 3);
	if (*fd >= 0)
		return 0;
	r = err_errno(err, errno, "cannot duplicate a descriptor");
	tmpfile_finish(t);
	return r;
}

static void whole_copy(void *arg, unsigned layer, int fd)
{
	struct o2r_image *image = arg;
	struct tmpfile *t = &image->copies[layer];
	struct o2r_err err = {0};

	(void)fd;
	if (store_publish(
		    image->store, t, STORE_DECODED, diff_id_of(image, layer), &err) < 0)
		ctx_log(&image->ctx, LOG_WARN,
			"the decoded copy of a layer is not kept for the next time: %s",
			err.text);
	tmpfile_finish(t);
}

static void bad_copy(void *arg, unsigned layer)
{
	struct o2r_image *image = arg;

	tmpfile_finish(&image->copies[layer]);
	store_drop(image->store, STORE_DECODED, diff_id_of(image, layer));
}

/* ---- the cache ----------------------------------------------------------------------
 */

static int create(struct o2r_image *image, struct o2r_err *err)
{
	unsigned count = image->image->layer_count;
	struct span_cache_options o = {.memory = image->options.read_memory};

	image->copies = calloc((size_t)count + 1, sizeof(*image->copies));
	if (!image->copies)
		return err_nomem(err);
	for (unsigned i = 0; i < count; i++)
		image->copies[i] = (struct tmpfile)TMPFILE_INIT;
	if (image->store) {
		o.open = open_copy;
		o.whole = whole_copy;
		o.bad = bad_copy;
		o.arg = image;
	}
	return span_cache_create(
		image->streams, count, &o, &image->ctx, &image->read_cache, err);
}

int o2r_read_cache(struct o2r_image *image, struct span_cache **out, struct o2r_err *err)
{
	int r = o2r_load_tree(image, err);

	if (r < 0)
		return r;
	pthread_mutex_lock(&image->read_lock);
	if (!image->read_cache) {
		free(image->copies); /* of a try that failed */
		image->copies = NULL;
		r = create(image, err);
	}
	pthread_mutex_unlock(&image->read_lock);
	if (r == 0)
		*out = image->read_cache;
	return r;
}

void o2r_read_close(struct o2r_image *image)
{
	struct span_cache_counters n;

	if (image->read_cache) {
		span_cache_counters(image->read_cache, &n);
		span_cache_destroy(image->read_cache);
		ctx_log(&image->ctx, LOG_DEBUG,
			"reads: %llu spans decoded (%llu bytes), %llu hits, "
			"%llu plain bytes, %llu ahead",
			(unsigned long long)n.decoded_spans,
			(unsigned long long)n.decoded_bytes, (unsigned long long)n.hits,
			(unsigned long long)n.plain_bytes,
			(unsigned long long)n.ahead_spans);
	}
	for (unsigned i = 0; image->copies && i < image->image->layer_count; i++)
		tmpfile_finish(&image->copies[i]);
	free(image->copies);
}

/* ---- reading ------------------------------------------------------------------------
 */

static int read_file(struct o2r_image *image, struct span_cache *c, uint32_t ino,
	unsigned char *buf, size_t n, uint64_t offset, struct o2r_err *err)
{
	const struct tree *t = image->tree;
	struct span_part parts[PARTS];
	struct data_run one;
	uint32_t count = 0;
	unsigned filled = 0;
	const struct data_run *runs = tree_runs(t, ino, &one, &count);
	uint64_t end = offset + n, at = offset; /* bytes before at are taken care of */
	int r = 0;

	for (uint32_t i = tree_first_run(runs, count, offset);
		r == 0 && i < count && runs[i].file_off < end; i++) {
		uint64_t from = MAX(runs[i].file_off, offset);
		uint64_t to = MIN(runs[i].file_off + runs[i].len, end);

		memset(buf + (at - offset), 0, (size_t)(from - at));
		parts[filled++] = (struct span_part){
			.off = runs[i].src_off + (from - runs[i].file_off),
			.dst = buf + (from - offset),
			.n = (size_t)(to - from),
			.stream = tree_get(t, ino)->layer,
		};
		at = to;
		if (filled == PARTS) {
			r = span_cache_read(c, parts, filled, err);
			filled = 0;
		}
	}
	memset(buf + (at - offset), 0, (size_t)(end - at));
	return r == 0 && filled ? span_cache_read(c, parts, filled, err) : r;
}

int64_t o2r_read(struct o2r_image *image, uint64_t ino, void *buf, size_t n,
	uint64_t offset, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct span_cache *c = NULL;
	struct o2r_err err = {0};
	int r = o2r_get_inode(image, ino, &i, &err);

	if (r == 0 && !S_ISREG(i->mode))
		r = err_set(&err, ERR_USAGE, S_ISDIR(i->mode) ? EISDIR : EINVAL,
			"inode %llu is not a regular file", (unsigned long long)ino);
	if (r == 0)
		r = o2r_read_cache(image, &c, &err);
	if (r < 0)
		return o2r_fail(error, &err);
	if (offset >= i->size)
		return 0;
	n = (size_t)MIN((uint64_t)MIN(n, (size_t)INT64_MAX), i->size - offset);
	r = read_file(image, c, (uint32_t)ino, buf, n, offset, &err);
	return r < 0 ? o2r_fail(error, &err) : (int64_t)n;
}
