#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ext4/writer.h"

int sequence_init(struct sequence *s, struct ext4_writer *w, struct o2r_err *err)
{
	*s = (struct sequence){.w = w};
	s->buf = malloc((size_t)SEQUENCE_BLOCKS * GEOMETRY_BLOCK_SIZE);
	return s->buf ? 0 : err_nomem(err);
}

void sequence_finish(struct sequence *s)
{
	free(s->buf);
	s->buf = NULL;
}

int sequence_flush(struct sequence *s, struct o2r_err *err)
{
	struct iovec iov = {
		.iov_base = s->buf,
		.iov_len = (size_t)s->pending * GEOMETRY_BLOCK_SIZE,
	};
	uint64_t off = (s->pos - s->pending) * GEOMETRY_BLOCK_SIZE;

	if (!s->pending)
		return 0;
	s->pending = 0;
	return writer_out(s->w, &iov, 1, off, err);
}

static int next_block(struct sequence *s, unsigned char **block, struct o2r_err *err)
{
	int r = s->pending == SEQUENCE_BLOCKS ? sequence_flush(s, err) : 0;

	if (r < 0)
		return r;
	*block = s->buf + (size_t)s->pending * GEOMETRY_BLOCK_SIZE;
	memset(*block, 0, GEOMETRY_BLOCK_SIZE);
	s->pending++;
	s->pos++;
	return 0;
}

static int next_zeros(struct sequence *s, uint64_t n, struct o2r_err *err)
{
	int r = sequence_flush(s, err);

	if (r == 0)
		r = writer_zero(s->w, s->pos, n, err);
	s->pos += n;
	return r;
}

/* Superblock, descriptors, and a reserve that is all zeros in backups. */
static int put_island(struct sequence *s, struct o2r_err *err)
{
	const struct ext4_writer *w = s->w;
	const struct geometry *g = &w->l->geo;
	uint32_t group = (uint32_t)(s->pos / g->blocks_per_group);
	unsigned char *block;
	int r = next_block(s, &block, err);

	s->island++;
	if (r == 0)
		super_block(w, group, block);
	for (uint32_t i = 0; r == 0 && i < g->desc_blocks; i++) {
		r = next_block(s, &block, err);
		if (r == 0)
			memcpy(block, (const char *)w->descs + (size_t)i * g->block_size,
				g->block_size);
	}
	return r == 0 && g->reserve ? next_zeros(s, g->reserve, err) : r;
}

static uint64_t next_island(const struct sequence *s)
{
	const struct geometry *g = &s->w->l->geo;

	return s->island < g->island_count ? g->islands[s->island].start : UINT64_MAX;
}

int sequence_block(struct sequence *s, unsigned char **block, struct o2r_err *err)
{
	int r = s->pos == next_island(s) ? put_island(s, err) : 0;

	return r < 0 ? r : next_block(s, block, err);
}

int sequence_zero(struct sequence *s, uint64_t n, struct o2r_err *err)
{
	int r = 0;

	while (r == 0 && n) {
		if (s->pos == next_island(s))
			r = put_island(s, err);
		if (r < 0)
			break;

		uint64_t take = MIN(n, next_island(s) - s->pos);

		r = next_zeros(s, take, err);
		n -= take;
	}
	return r;
}

int sequence_to(struct sequence *s, uint64_t real, struct o2r_err *err)
{
	int r = 0;

	while (r == 0 && s->pos < real) {
		if (s->pos == next_island(s)) {
			r = put_island(s, err);
			continue;
		}
		r = sequence_flush(s, err);
		s->pos = MIN(real, next_island(s));
	}
	return r;
}
