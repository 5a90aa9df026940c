#include "o2r_index.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "blob/stream_pack.h"
#include "fs/layer_pack.h"
#include "sources/store.h"

enum {
	INDEX_KIND = 'I' | 'N' << 8 | 'D' << 16 | 'X' << 24,
	/* of all sections together: raised whenever one of them changes */
	INDEX_VERSION = 1,
	HASH_CHUNK = 256 << 10,
};

static const struct image_layer *source_of(const struct index_layer *il)
{
	return &il->image->image->layers[il->number];
}

/* A cache that cannot be written to is worth one line, not one for each layer. */
static void warn_once(struct o2r_image *image, const char *what, const struct o2r_err *e)
{
	bool again = atomic_exchange(&image->cache_warned, true);

	ctx_log(&image->ctx, again ? LOG_DEBUG : LOG_WARN, "%s: %s", what, e->text);
}

struct store *o2r_image_store(struct o2r_image *image)
{
	struct o2r_err err = {0};

	if (!image->store_tried && o2r_image_open_store(image, &err) < 0)
		warn_once(image, "nothing is kept for the next time", &err);
	return image->store;
}

int o2r_image_open_store(struct o2r_image *image, struct o2r_err *err)
{
	image->store_tried = true;
	if (image->options.no_cache)
		return 0;
	return store_open(image->options.cache_dir, true, &image->store, err);
}

static const struct limits usual = LIMITS_DEFAULT;

/* Would a scan under these limits have refused what one under the usual ones took? Not
 * all of it can be told from an index. */
static bool is_strict(const struct limits *l)
{
	return l->entries < usual.entries || l->path < usual.path ||
	       l->pax_header < usual.pax_header || l->xattr_value < usual.xattr_value ||
	       l->layer_bytes < usual.layer_bytes || l->zstd_window < usual.zstd_window;
}

/* The other way round, as far as it cannot be told from the index. */
static bool is_lax(const struct limits *l)
{
	return l->pax_header > usual.pax_header || l->zstd_window > usual.zstd_window;
}

/* An index belongs to a blob by its digest; one that the user laid on top has none. */
static bool may_be_kept(const struct index_layer *il)
{
	return il->image->store && source_of(il)->digest.algo != DIGEST_NONE;
}

static struct pack_id id_of(const struct index_layer *il)
{
	return (struct pack_id){.kind = INDEX_KIND,
		.version = INDEX_VERSION,
		.key = source_of(il)->digest};
}

static struct stream_expect expect_of(const struct index_layer *il)
{
	const struct image_layer *l = source_of(il);

	return (struct stream_expect){
		.blob_digest = l->digest, .diff_id = l->diff_id, .codec = l->codec};
}

static int unpack(const struct index_layer *il, int fd, struct layer *layer,
	struct stream **stream, struct o2r_err *err)
{
	const struct ctx *ctx = &il->image->ctx;
	struct stream_expect expect = expect_of(il);
	struct pack_id id = id_of(il);
	struct pack_reader pack;
	int r = pack_open(&pack, fd, &id, err);

	if (r == 0)
		r = stream_unpack(&pack, &source_of(il)->blob, &expect, ctx, stream, err);
	if (r == 0)
		r = layer_unpack(&pack, stream_size(*stream), ctx, layer, err);
	return r;
}

static void forget(struct layer *layer, struct stream **stream)
{
	layer_finish(layer);
	stream_destroy(*stream);
	*stream = NULL;
}

/* 1, or 0 when it is of no use. */
static int read_index(const struct index_layer *il, int fd, struct layer *layer,
	struct stream **stream, struct o2r_err *err)
{
	const struct ctx *ctx = &il->image->ctx;
	struct o2r_err why = {0};
	int r = unpack(il, fd, layer, stream, &why);

	if (r == 0)
		return 1;
	forget(layer, stream);
	if (r == -ENOMEM || r == -EINTR) {
		*err = why;
		return r;
	}
	if (r == -ESTALE)
		ctx_log(ctx, LOG_INFO, "%s: the kept index is made anew: %s", il->name,
			why.text);
	else
		ctx_log(ctx, LOG_WARN, "%s: the kept index is damaged (%s): made anew",
			il->name, why.text);
	store_drop(il->image->store, STORE_INDEX, &source_of(il)->digest);
	return 0;
}

/* SHA-256 of the whole blob, as a scan computes it. */
static int hash_blob(const struct index_layer *il, struct digester *d,
	_Atomic uint64_t *bytes_done, struct o2r_err *err)
{
	const struct blob *blob = &source_of(il)->blob;
	AUTO_FREE unsigned char *buf = malloc(HASH_CHUNK);
	int r = buf ? 0 : err_nomem(err);

	for (uint64_t off = 0; r == 0 && off < blob->size;) {
		size_t n = (size_t)MIN(blob->size - off, HASH_CHUNK);

		r = ctx_check(&il->image->ctx, err);
		if (r == 0)
			r = blob_pread(blob, buf, n, off, err);
		if (r == 0)
			r = digester_update(d, buf, n, err);
		off += n;
		atomic_fetch_add_explicit(bytes_done, n, memory_order_relaxed);
	}
	return r;
}

static int verify_blob(
	const struct index_layer *il, _Atomic uint64_t *bytes_done, struct o2r_err *err)
{
	const struct digest *want = &source_of(il)->digest;
	CLEANUP(digester_finish) struct digester d = {0};
	struct digest is = {0};
	int r = digester_init(&d, want->algo, err);

	if (r == 0)
		r = hash_blob(il, &d, bytes_done, err);
	if (r == 0)
		r = digester_final(&d, &is, err);
	if (r < 0 || digest_equal(want, &is))
		return r;
	blob_doubt(&source_of(il)->blob, true);
	return err_corrupt(err, "blob has the digest %s, not %s", digest_format(&is).s,
		digest_format(want).s);
}

static void note_seen(const struct index_layer *il, const struct timespec *began)
{
	const struct image_layer *l = source_of(il);
	struct stat st;

	if (blob_identity(&l->blob, &st) == 0)
		store_note_seen(il->image->store, &l->digest, &st, began);
}

/* Is the blob what the index was made of: by the file's identity, else by its digest. */
static int check_blob(
	const struct index_layer *il, _Atomic uint64_t *bytes_done, struct o2r_err *err)
{
	const struct image_layer *l = source_of(il);
	struct timespec began;
	struct stat st;

	if (blob_identity(&l->blob, &st) == 0 &&
		store_seen(il->image->store, &l->digest, &st)) {
		atomic_fetch_add(bytes_done, l->size);
		return 0;
	}
	/* one that is not here yet is verified when it arrives */
	if (blob_checks(&l->blob)) {
		atomic_fetch_add(bytes_done, l->size);
		return 0;
	}
	clock_gettime(CLOCK_REALTIME, &began);

	int r = verify_blob(il, bytes_done, err);

	if (r < 0)
		return r;
	ctx_log(&il->image->ctx, LOG_INFO,
		"%s: the digest of its blob was computed again", il->name);
	note_seen(il, &began);
	return 0;
}

bool o2r_index_has(const struct index_layer *il)
{
	return may_be_kept(il) && !is_strict(&il->image->ctx.limits) &&
	       store_has(il->image->store, STORE_INDEX, &source_of(il)->digest);
}

int o2r_index_get(const struct index_layer *il, _Atomic uint64_t *bytes_done,
	struct layer *layer, struct stream **stream, struct o2r_err *err)
{
	struct store *store = il->image->store;
	struct o2r_err why = {0};

	if (!may_be_kept(il) || is_strict(&il->image->ctx.limits))
		return 0;

	AUTO_FD int fd = store_get(store, STORE_INDEX, &source_of(il)->digest, &why);

	if (fd < 0) {
		if (fd != -ENOENT)
			ctx_log(&il->image->ctx, LOG_WARN,
				"%s: the kept index cannot be used (%s): made anew",
				il->name, why.text);
		return 0;
	}

	int r = read_index(il, fd, layer, stream, err);

	if (r <= 0)
		return r;
	r = check_blob(il, bytes_done, err);
	if (r < 0)
		forget(layer, stream);
	return r < 0 ? r : 1;
}

static int write_index(const struct index_layer *il, const struct layer *layer,
	const struct stream *stream, struct tmpfile *t, struct o2r_err *err)
{
	struct pack_id id = id_of(il);
	struct pack_writer w;
	int r = store_begin(il->image->store, t, err);

	if (r == 0)
		r = pack_begin(&w, t->fd, &id, err);
	if (r == 0)
		r = stream_pack(stream, &w, err);
	if (r == 0)
		r = layer_pack(layer, &w, err);
	if (r == 0)
		r = pack_end(&w, err);
	if (r == 0)
		r = store_publish(
			il->image->store, t, STORE_INDEX, &source_of(il)->digest, err);
	return r;
}

/* Memory for states is given back early; without success the old one is as good. */
static void use_kept_states(const struct index_layer *il, int fd, struct stream **stream)
{
	struct stream_expect expect = expect_of(il);
	struct pack_id id = id_of(il);
	struct stream *kept = NULL;
	struct pack_reader pack;

	if (pack_open(&pack, fd, &id, NULL) < 0 ||
		stream_unpack(&pack, &source_of(il)->blob, &expect, &il->image->ctx,
			&kept, NULL) < 0)
		return;
	stream_destroy(*stream);
	*stream = kept;
}

void o2r_index_put(const struct index_layer *il, const struct timespec *began,
	const struct layer *layer, struct stream **stream)
{
	CLEANUP(tmpfile_finish) struct tmpfile t = TMPFILE_INIT;
	struct o2r_err err = {0};

	if (!may_be_kept(il) || is_lax(&il->image->ctx.limits))
		return;
	if (write_index(il, layer, *stream, &t, &err) < 0) {
		warn_once(il->image, "the index cannot be kept for the next time", &err);
		return;
	}
	note_seen(il, began);
	use_kept_states(il, t.fd, stream);
}

void o2r_index_end(struct o2r_image *image)
{
	/* a store is open before there is an image, which may never come */
	unsigned count = image->store && image->streams ? image->image->layer_count : 0;

	for (unsigned i = 0; i < count; i++) {
		const struct stream *s = image->streams[i];

		if (!s || !stream_index_damaged(s))
			continue;
		ctx_log(&image->ctx, LOG_WARN,
			"layer %u of %u (%.19s): the kept index is damaged (a decoder "
			"state does not match its digest): it will be made anew",
			i + 1, image->image->layer_count, image->layers[i].digest.s);
		store_drop(image->store, STORE_INDEX, &image->image->layers[i].digest);
	}
}
