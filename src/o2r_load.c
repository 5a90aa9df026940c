/* From layers at rest to the merged tree: index all in parallel (from the cache, or by a
 * scan), merge bottom to top. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/pool.h"
#include "base/text.h"
#include "blob/hash_crew.h"
#include "fs/merge.h"
#include "fs/tar_index.h"
#include "handle.h"
#include "o2r_dirs.h"
#include "o2r_index.h"
#include "o2r_prefix.h"

enum {
	INDEX_MEMORY = 16 << 20, /* of checkpoints; more go to a temporary file */
	SCANS_MAX = 4,           /* of a blob that is fetched anew */
};

struct load {
	struct o2r_image *image;
	struct layer *layers;
	struct stream **streams; /* the image's, or a prefix's */
	unsigned count;
	unsigned *order; /* largest layer first: it decides when the last one is done */
	_Atomic uint64_t bytes;
	uint64_t total;
	_Atomic unsigned done;
	pthread_mutex_t reporting;
	_Atomic uint64_t index_budget;
	struct hash_crew crew;
};

/* What one scan hands its decoded bytes to. */
struct sink {
	struct load *load;
	struct tar_index *index;
	_Atomic uint64_t bytes; /* of the blob, by this scan */
	uint64_t *counted;      /* those in load->bytes, by all scans of the layer */
};

struct layer_name {
	char s[160];
};

static struct layer_name layer_name(const struct o2r_image *image, unsigned i)
{
	struct layer_name n;

	const struct image_layer *il = &image->image->layers[i];
	const struct dir_layer *dir = il->dir;
	int at = snprintf(
		n.s, sizeof(n.s), "layer %u of %u", i + 1, image->image->layer_count);

	/* what has no blob has no digest */
	if (dir)
		snprintf(n.s + at, sizeof(n.s) - (size_t)at, " (%.100s)",
			text_quote(dir->path, strlen(dir->path)).s);
	else if (il->digest.algo != DIGEST_NONE)
		snprintf(n.s + at, sizeof(n.s) - (size_t)at, " (%.19s)",
			image->layers[i].digest.s);
	return n;
}

static void load_finish(struct load *l)
{
	for (unsigned i = 0; l->layers && i < l->count; i++)
		layer_finish(&l->layers[i]);
	free(l->layers);
	free(l->order);
	pthread_mutex_destroy(&l->reporting);
}

static void report(struct load *l)
{
	struct progress p = {.stage = "index", .total = l->total, .layers = l->count};

	if (!l->image->ctx.progress)
		return;
	/* read and told under one lock, so that it never seems to go back */
	pthread_mutex_lock(&l->reporting);
	p.done = atomic_load(&l->bytes);
	p.layers_done = atomic_load(&l->done);
	ctx_progress(&l->image->ctx, &p);
	pthread_mutex_unlock(&l->reporting);
}

/* A blob that is scanned once more counts again only from where it had come to. */
static void count(struct sink *s)
{
	uint64_t bytes = atomic_load(&s->bytes);

	if (bytes <= *s->counted)
		return;
	atomic_fetch_add(&s->load->bytes, bytes - *s->counted);
	*s->counted = bytes;
}

static int sink_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct sink *s = arg;

	count(s);
	report(s->load);
	return tar_index_data(s->index, p, n, err);
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static int scan_once(struct load *l, unsigned i, const char *name, uint64_t *counted,
	struct o2r_err *err)
{
	struct o2r_image *image = l->image;
	const struct image_layer *il = &image->image->layers[i];
	struct stream_expect expect = {.blob_digest = il->digest,
		.diff_id = il->diff_id,
		.codec = il->codec,
		.index_budget = &l->index_budget,
		.crew = &l->crew};
	struct sink sink = {.load = l, .counted = counted};
	struct stream_sink out = {.data = sink_data, .arg = &sink};
	int r = tar_index_create(&l->layers[i], name, &image->ctx, &sink.index, err);

	if (r < 0)
		return r;
	r = stream_scan(
		&il->blob, &expect, &out, &image->ctx, &sink.bytes, &l->streams[i], err);
	count(&sink);
	if (r == 0)
		r = tar_index_end(sink.index, err);
	tar_index_destroy(sink.index);
	return r;
}

/* A blob that turns out wrong is fetched anew while its first bytes have been read. */
static int scan(struct load *l, unsigned i, const char *name, struct o2r_err *err)
{
	uint64_t counted = 0;
	int r = scan_once(l, i, name, &counted, err);

	for (int scans = 1; r == -ESTALE && scans < SCANS_MAX; scans++) {
		layer_finish(&l->layers[i]);
		r = scan_once(l, i, name, &counted, err);
	}
	return r;
}

static void log_kept(
	const struct load *l, unsigned i, const char *name, const struct timespec *start)
{
	ctx_log(&l->image->ctx, LOG_INFO, "%s: from the kept index, %zu entries, %.3f s",
		name, l->layers[i].count, seconds_since(start));
}

static void log_scanned(
	const struct load *l, unsigned i, const char *name, const struct timespec *start)
{
	const struct stream *s = l->streams[i];

	ctx_log(&l->image->ctx, LOG_INFO,
		"%s: %s, %llu bytes, %llu decoded, %zu entries, %.3f s", name,
		codec_name(stream_codec(s)),
		(unsigned long long)l->image->image->layers[i].size,
		(unsigned long long)stream_size(s), l->layers[i].count,
		seconds_since(start));
	ctx_log(&l->image->ctx, LOG_DEBUG,
		"%s: index of %llu bytes in memory, %llu in a file", name,
		(unsigned long long)stream_index_memory(s),
		(unsigned long long)stream_index_spilled(s));
}

/* From the kept index, or by a scan. */
static int index_layer(struct load *l, const struct index_layer *il, struct o2r_err *err)
{
	unsigned i = il->number;
	struct timespec start, began;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &start);
	if (l->image->image->layers[i].dir) {
		r = o2r_dirs_index(l->image, i, &l->layers[i], &l->streams[i], err);
		if (r == 0)
			log_scanned(l, i, il->name, &start);
		return r;
	}
	r = o2r_index_get(il, &l->bytes, &l->layers[i], &l->streams[i], err);
	if (r > 0)
		log_kept(l, i, il->name, &start);
	if (r != 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &began);
	r = scan(l, i, il->name, err);
	if (r < 0)
		return r;
	o2r_index_put(il, &began, &l->layers[i], &l->streams[i]);
	log_scanned(l, i, il->name, &start);
	return 0;
}

/* What has no blob, and so no digest before it is read, must be what the view shows. */
static int check_expected(const struct load *l, unsigned i, struct o2r_err *err)
{
	const struct o2r_image *image = l->image;

	if (i >= image->expected_count ||
		image->image->layers[i].digest.algo != DIGEST_NONE ||
		digest_equal(stream_diff_id(l->streams[i]), &image->expected[i]))
		return 0;
	return err_corrupt(err,
		"it has changed since the view was made: unmount the view, and name the "
		"image itself");
}

static int layer_task(void *arg, size_t task, struct o2r_err *err)
{
	struct load *l = arg;
	unsigned i = l->order[task];
	struct layer_name name = layer_name(l->image, i);
	const struct index_layer il = {l->image, i, name.s};
	int r = index_layer(l, &il, err);

	if (r == 0)
		r = check_expected(l, i, err);
	if (r < 0)
		return err_wrap(err, "%s", name.s);
	/* once loaded the image may be in use */
	if (!l->image->tree) {
		l->image->layers[i].entries = l->layers[i].count;
		l->image->layers[i].data_bytes = l->layers[i].data_bytes;
	}
	atomic_fetch_add(&l->done, 1);
	report(l);
	return 0;
}

static int by_size(const void *pa, const void *pb, void *arg)
{
	const struct image_layer *layers = arg;
	uint64_t a = layers[*(const unsigned *)pa].size,
		 b = layers[*(const unsigned *)pb].size;

	return a > b ? -1 : a < b;
}

/* What will have to be scanned may arrive meanwhile, in the order of scanning. */
static void want_blobs(const struct load *l)
{
	for (unsigned i = 0; i < l->count; i++) {
		const struct index_layer il = {l->image, l->order[i], ""};

		if (!o2r_index_has(&il))
			blob_want(&l->image->image->layers[l->order[i]].blob);
	}
}

/* The lowest `count` layers. */
static int index_layers(struct load *l, unsigned count, struct o2r_err *err)
{
	const struct image *image = l->image->image;

	l->count = count;
	l->layers = calloc(l->count + 1, sizeof(*l->layers));
	l->order = calloc(l->count + 1, sizeof(*l->order));
	if (!l->layers || !l->order)
		return err_nomem(err);
	for (unsigned i = 0; i < l->count; i++) {
		l->order[i] = i;
		l->total += image->layers[i].size;
	}
	qsort_r(l->order, l->count, sizeof(l->order[0]), by_size, image->layers);
	want_blobs(l);
	/* one thread hashes what two decode, and two streams at once go fastest */
	l->index_budget = INDEX_MEMORY;
	hash_crew_init(&l->crew, DIV_ROUND_UP(l->image->ctx.threads, 2));

	int r = pool_run(l->image->ctx.threads, l->count, layer_task, l, err);

	hash_crew_finish(&l->crew);
	return r;
}

static void cleanup_merge(struct merge **m)
{
	merge_destroy(*m);
}

/* The lowest `count` of those indexed, which are used up unless they are to be kept. */
static int merge_layers(struct load *l, unsigned count, bool keep, const struct ctx *ctx,
	struct tree **tree, struct o2r_err *err)
{
	struct o2r_image *image = l->image;
	const struct image_config *config = &image->image->parsed;
	struct merge *m CLEANUP(cleanup_merge) = NULL;
	struct timespec start;
	int r = merge_create(ctx, &m, err);

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		r = merge_add(m, &l->layers[i], layer_name(image, i).s, err);
		/* what the tree needs is copied by now */
		if (!keep)
			layer_finish(&l->layers[i]);
		if (r == 0)
			r = ctx_check(ctx, err);
	}
	if (r < 0)
		return r;

	struct merge_time created = {0};

	if (config->created_valid)
		created = (struct merge_time){config->created_sec, config->created_nsec};
	r = merge_freeze(m, created, tree, err);
	if (r == 0)
		ctx_log(ctx, LOG_INFO,
			"merged %u layers to %u inodes, %s of data, %.3f s", count,
			(*tree)->inode_count, text_size((*tree)->data_bytes).s,
			seconds_since(&start));
	return r;
}

/* What the tree still shows of each layer's bytes. */
static void count_live(struct o2r_image *image)
{
	const struct tree *t = image->tree;

	/* of layers that nobody described it is known now */
	for (unsigned i = 0; i < image->image->layer_count; i++)
		image->layers[i].diff_id =
			digest_format(stream_diff_id(image->streams[i]));

	for (uint32_t i = TREE_ROOT; i <= t->inode_count; i++) {
		const struct tree_inode *inode = tree_get(t, i);
		struct data_run one;
		uint32_t n = 0;

		if (!S_ISREG(inode->mode))
			continue;

		const struct data_run *runs = tree_runs(t, i, &one, &n);

		for (uint32_t k = 0; k < n; k++)
			image->layers[inode->layer].live_bytes += runs[k].len;
	}
}

static int load(struct o2r_image *image, struct o2r_err *err)
{
	struct load l CLEANUP(load_finish) = {.image = image, .streams = image->streams};
	struct tree *tree = NULL;

	pthread_mutex_init(&l.reporting, NULL);
	o2r_image_store(image);

	int r = index_layers(&l, image->image->layer_count, err);

	if (r == 0)
		r = merge_layers(&l, l.count, false, &image->ctx, &tree, err);
	if (r < 0) {
		/* a second try starts anew */
		for (unsigned i = 0; i < image->image->layer_count; i++) {
			stream_destroy(image->streams[i]);
			image->streams[i] = NULL;
		}
		return r;
	}
	image->tree = tree;
	count_live(image);
	return 0;
}

int o2r_open_blobs(struct o2r_image *image, struct o2r_err *err)
{
	int r = 0;

	for (unsigned i = 0; i < image->image->layer_count; i++)
		blob_want(&image->image->layers[i].blob);
	for (unsigned i = 0; r == 0 && i < image->image->layer_count; i++) {
		r = blob_ready(&image->image->layers[i].blob, err);
		if (r < 0)
			err_wrap(err, "%s", layer_name(image, i).s);
	}
	return r < 0 ? o2r_wrap_reference(image, err) : 0;
}

int o2r_wrap_reference(const struct o2r_image *image, struct o2r_err *err)
{
	const char *reference = image->image->reference;

	return err_wrap(err, "%s", text_quote(reference, strlen(reference)).s);
}

int o2r_load_tree(struct o2r_image *image, struct o2r_err *err)
{
	pthread_mutex_lock(&image->load_lock);

	int r = image->tree ? 0 : load(image, err);

	pthread_mutex_unlock(&image->load_lock);
	return r < 0 ? o2r_wrap_reference(image, err) : 0;
}

int o2r_image_load(struct o2r_image *image, struct o2r_error *error)
{
	struct o2r_err err = {0};

	return o2r_load_tree(image, &err) < 0 ? o2r_fail(error, &err) : 0;
}

static int load_prefix(struct o2r_image *image, unsigned index, struct o2r_prefix *out,
	struct o2r_err *err)
{
	struct load l CLEANUP(load_finish) = {.image = image};
	struct ctx quiet = image->ctx;
	int r;

	pthread_mutex_init(&l.reporting, NULL);
	out->count = index + 1;
	out->streams = l.streams = calloc(out->count, sizeof(*out->streams));
	if (!out->streams)
		return err_nomem(err);
	o2r_image_store(image);
	r = index_layers(&l, out->count, err);
	/* what there is to say about these layers is said once */
	quiet.log = NULL;
	if (r == 0)
		r = merge_layers(&l, index, true, &quiet, &out->below, err);
	if (r == 0)
		r = merge_layers(&l, out->count, false, &image->ctx, &out->with, err);
	return r;
}

int o2r_load_prefix(struct o2r_image *image, unsigned index, struct o2r_prefix *out,
	struct o2r_err *err)
{
	unsigned count = image->image->layer_count;
	int r;

	if (index >= count)
		return err_set(err, ERR_USAGE, ERANGE,
			"no layer %u: the image has %u (counted from 1)", index + 1,
			count);
	pthread_mutex_lock(&image->load_lock);
	r = load_prefix(image, index, out, err);
	pthread_mutex_unlock(&image->load_lock);
	return r < 0 ? o2r_wrap_reference(image, err) : 0;
}

void o2r_prefix_finish(struct o2r_prefix *p)
{
	tree_destroy(p->below);
	tree_destroy(p->with);
	for (unsigned i = 0; p->streams && i < p->count; i++)
		stream_destroy(p->streams[i]);
	free(p->streams);
	*p = (struct o2r_prefix){0};
}
