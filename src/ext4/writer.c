#include "ext4/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ext4/csum.h"

int writer_out(struct ext4_writer *w, struct iovec *iov, int count, uint64_t off,
	struct o2r_err *err)
{
	uint64_t bytes = 0;

	/* Data is written by many threads unless ordered. */
	if (w->out.ops->ordered) {
		for (int i = 0; i < count; i++)
			bytes += iov[i].iov_len;
		w->ordered_end = off + bytes;
	}
	return w->out.ops->writev(w->out.arg, iov, count, off, err);
}

int writer_zero(
	struct ext4_writer *w, uint64_t real, uint64_t blocks, struct o2r_err *err)
{
	uint64_t size = w->l->geo.block_size;

	if (!w->out.ops->zero)
		return 0;
	return w->out.ops->zero(w->out.arg, real * size, blocks * size, err);
}

/* Backups behind the metadata: at once, or in an ordered output when data has come that
 * far. */
static int put_islands(struct ext4_writer *w, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	int r = 0;

	while (r == 0 && w->seq.island < g->island_count) {
		uint64_t start = g->islands[w->seq.island].start;

		r = sequence_to(&w->seq, start + g->backup_len, err);
	}
	return r < 0 ? r : sequence_flush(&w->seq, err);
}

static int make(struct ext4_writer *w, struct o2r_err *err)
{
	uint32_t sets = w->p->tree->xattr_set_count;
	int r = sequence_init(&w->seq, w, err);

	w->xattr_seen = calloc((size_t)sets + 1, sizeof(*w->xattr_seen));
	w->done = calloc((size_t)w->p->pass_count, sizeof(*w->done));
	if (r == 0 && (!w->xattr_seen || !w->done))
		r = err_nomem(err);
	if (r == 0)
		r = groups_make(w, err);
	if (r == 0)
		r = metadata_write(w, err);
	if (r == 0 && !w->out.ops->ordered)
		r = put_islands(w, err);
	if (r == 0)
		r = data_prepare(w, err);
	return r;
}

int ext4_writer_create(const struct ext4_plan *p, const struct ext4_out *out,
	const struct ctx *ctx, struct ext4_writer **ret, struct o2r_err *err)
{
	struct ext4_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return err_nomem(err);
	w->p = p;
	w->l = &p->sizes.layout;
	w->out = *out;
	w->ctx = ctx;
	w->fs_seed = csum_fs_seed(p->options.uuid);

	int r = make(w, err);

	if (r < 0) {
		ext4_writer_destroy(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* A stream has its full length, whatever its last blocks are. */
static int put_end(struct ext4_writer *w, struct o2r_err *err)
{
	static const unsigned char zeros[GEOMETRY_BLOCK_SIZE];
	uint64_t end = w->p->sizes.image_bytes;
	uint64_t from = MAX(w->ordered_end, end - sizeof(zeros));
	struct iovec iov = {
		.iov_base = (void *)zeros,
		.iov_len = (size_t)(end - MIN(from, end)),
	};

	return iov.iov_len ? writer_out(w, &iov, 1, from, err) : 0;
}

int ext4_writer_end(struct ext4_writer *w, struct o2r_err *err)
{
	int r;

	for (int i = 0; i < w->p->pass_count; i++) {
		uint64_t done = atomic_load(&w->done[i]);
		uint64_t want = w->p->passes[i].bytes;

		if (done != want)
			return err_set(err, ERR_FAIL, EIO,
				"%" PRIu64 " bytes of file data were written, not the "
				"%" PRIu64 " that the plan has",
				done, want);
	}
	if (!w->out.ops->ordered)
		return 0;
	r = put_islands(w, err);
	return r < 0 ? r : put_end(w, err);
}

void ext4_writer_destroy(struct ext4_writer *w)
{
	if (!w)
		return;
	sequence_finish(&w->seq);
	free(w->descs);
	free(w->xattr_seen);
	free(w->ranges);
	free(w->map_ranges);
	free(w->done);
	free(w);
}
