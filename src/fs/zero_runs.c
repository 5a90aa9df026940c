#include "fs/zero_runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/vec.h"

static bool is_zero(const unsigned char *p, size_t n)
{
	uint64_t first;

	if (n < sizeof(first))
		return !n || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
	memcpy(&first, p, sizeof(first));
	return !first && memcmp(p, p + sizeof(first), n - sizeof(first)) == 0;
}

static int put_out(struct zero_runs *z, uint64_t to, struct o2r_err *err)
{
	uint64_t from = z->keep_from;
	int r;

	if (from == to)
		return 0;
	r = VEC_RESERVE(z->runs, z->count, z->cap, 1, UINT32_MAX);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err)
				    : err_corrupt(err, "the file has too many holes");
	z->runs[z->count++] = (struct data_run){
		.file_off = from,
		.len = to - from,
		.src_off = z->stored->src_off + (from - z->stored->file_off),
	};
	return 0;
}

/* The row of zero blocks is over: is it long enough? */
static int end_row(struct zero_runs *z, struct o2r_err *err)
{
	uint64_t from = z->zero_from, to = z->zero_to;
	int r;

	z->zero_from = z->zero_to = 0;
	if (DIV_ROUND_UP(to - from, ZERO_BLOCK) < ZERO_RUN_BLOCKS)
		return 0;
	r = put_out(z, from, err);
	z->keep_from = to;
	return r;
}

static int end_block(struct zero_runs *z, uint64_t from, uint64_t to, struct o2r_err *err)
{
	if (!z->block_zero)
		return z->zero_from == z->zero_to ? 0 : end_row(z, err);
	if (z->zero_from == z->zero_to)
		z->zero_from = from;
	z->zero_to = to;
	return 0;
}

/* Bytes up to the end of the block that pos is in. */
static int block_part(
	struct zero_runs *z, const unsigned char *p, size_t n, struct o2r_err *err)
{
	size_t in = z->pos % ZERO_BLOCK;

	if (in == 0)
		z->block_zero = true;
	z->block_zero = z->block_zero && is_zero(p, n);
	z->pos += n;
	if (in + n < ZERO_BLOCK && z->pos < z->size)
		return 0;
	return end_block(z, z->pos - n - in, z->pos, err);
}

static int scan(
	struct zero_runs *z, const unsigned char *p, size_t n, struct o2r_err *err)
{
	while (n) {
		size_t part = MIN(ZERO_BLOCK - z->pos % ZERO_BLOCK, n);
		int r = block_part(z, p, part, err);

		if (r < 0)
			return r;
		p += part;
		n -= part;
	}
	return 0;
}

static void begin_run(struct zero_runs *z)
{
	z->pos = z->keep_from = z->stored->file_off;
	/* a block whose first bytes belong to a hole of the archive is left as it is */
	z->block_zero = false;
}

void zero_runs_begin(
	struct zero_runs *z, uint64_t size, const struct data_run *stored, size_t count)
{
	z->count = 0;
	z->stored = stored;
	z->stored_left = count;
	z->size = size;
	z->zero_from = z->zero_to = 0;
	if (count)
		begin_run(z);
}

int zero_runs_data(
	struct zero_runs *z, const unsigned char *p, size_t n, struct o2r_err *err)
{
	while (n && z->stored_left) {
		uint64_t end = z->stored->file_off + z->stored->len;
		size_t part = (size_t)MIN(end - z->pos, n);
		int r = scan(z, p, part, err);

		if (r == 0 && z->pos == end) {
			r = end_row(z, err);
			if (r == 0)
				r = put_out(z, end, err);
			z->stored++;
			if (--z->stored_left)
				begin_run(z);
		}
		if (r < 0)
			return r;
		p += part;
		n -= part;
	}
	return 0;
}

void zero_runs_free(struct zero_runs *z)
{
	free(z->runs);
	*z = (struct zero_runs){0};
}
