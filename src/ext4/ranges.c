#include "ext4/ranges.h"

#include <assert.h>

#include "base/checked.h"

void range_iter_whole(struct range_iter *it, uint32_t blocks)
{
	*it = (struct range_iter){.whole = blocks};
}

void range_iter_file(
	struct range_iter *it, const struct tree *t, uint32_t ino, uint32_t block_size)
{
	const struct tree_inode *n = tree_get(t, ino);

	*it = (struct range_iter){.block_size = block_size};
	if (n->map) {
		it->runs = t->maps[n->map]->runs;
		it->count = t->maps[n->map]->count;
	} else {
		it->whole = (uint32_t)DIV_ROUND_UP(n->size, block_size);
	}
}

static uint64_t run_end(const struct range_iter *it, const struct data_run *r)
{
	return DIV_ROUND_UP(r->file_off + r->len, it->block_size);
}

bool range_next(struct range_iter *it, struct block_range *out)
{
	if (it->whole) {
		*out = (struct block_range){0, it->whole};
		it->whole = 0;
		return true;
	}
	while (it->next < it->count && !it->runs[it->next].len)
		it->next++;
	if (it->next >= it->count)
		return false;

	const struct data_run *r = &it->runs[it->next++];
	uint64_t first = r->file_off / it->block_size;
	uint64_t end = run_end(it, r);

	for (; it->next < it->count; it->next++) {
		r = &it->runs[it->next];
		if (r->len && r->file_off / it->block_size > end)
			break;
		if (r->len)
			end = run_end(it, r);
	}
	*out = (struct block_range){(uint32_t)first, (uint32_t)(end - first)};
	return true;
}

uint64_t ranges_extents(const struct geometry *g, struct range_iter it, uint64_t dense)
{
	struct block_range r;
	uint64_t extents = 0;

	while (range_next(&it, &r)) {
		while (r.count) {
			uint64_t room;

			geometry_real(g, dense, &room);

			uint32_t n = (uint32_t)MIN(room, r.count);

			extents += extent_pieces(n);
			dense += n;
			r.count -= n;
		}
	}
	return extents;
}

size_t ranges_runs(const struct geometry *g, struct range_iter it, uint64_t dense,
	struct extent_run *runs, size_t max)
{
	struct block_range r;
	size_t n = 0;

	while (range_next(&it, &r)) {
		while (r.count) {
			uint64_t room;
			uint64_t real = geometry_real(g, dense, &room);
			uint32_t take = (uint32_t)MIN(room, r.count);

			assert(n < max);
			runs[n++] = (struct extent_run){
				.physical = real, .logical = r.first, .count = take};
			dense += take;
			r.first += take;
			r.count -= take;
		}
	}
	return n;
}
