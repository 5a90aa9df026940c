#include "ext4/dirs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ext4/dirent.h"
#include "ext4/dirhash.h"

enum {
	RADIX_BITS = 11,
	RADIX_PASSES = 3, /* 31 bits: the lowest one of a hash is 0 */
};

/* Keys by their upper half; equal ones keep their order. Returns the array that holds the
 * result, one of the two. */
static uint64_t *sort_by_hash(uint64_t *from, uint64_t *to, size_t n)
{
	for (unsigned pass = 0; pass < RADIX_PASSES; pass++) {
		unsigned shift = 33 + pass * RADIX_BITS;
		uint32_t at[1 << RADIX_BITS] = {0}, sum = 0;
		uint64_t *t = from;

		for (size_t i = 0; i < n; i++)
			at[from[i] >> shift & (ARRAY_LEN(at) - 1)]++;
		for (size_t i = 0; i < ARRAY_LEN(at); i++) {
			uint32_t here = at[i];

			at[i] = sum;
			sum += here;
		}
		for (size_t i = 0; i < n; i++)
			to[at[from[i] >> shift & (ARRAY_LEN(at) - 1)]++] = from[i];
		from = to;
		to = t;
	}
	return from;
}

/* Bytes of all entries besides "." and "..". */
static uint64_t total_bytes(const struct dir_source *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < dir_source_count(s); i++)
		n += dir_rec_len(dir_source_name(s, i).len);
	return n;
}

/*
 * Cut the names into blocks: the first takes first_room bytes of entries, others room.
 * total is the sum of the entries. Sets start and leaves.
 */
static int cut(struct dir_layout *l, uint64_t total, uint32_t first_room, uint32_t room,
	struct o2r_err *err)
{
	/* No block is left with space for the longest entry. */
	size_t most = total / (room - dir_rec_len(EXT4_NAME_MAX) + 4) + 3;
	uint32_t left = first_room, count = dir_source_count(&l->source);

	l->start = malloc(most * sizeof(*l->start));
	if (!l->start)
		return err_nomem(err);
	l->leaves = 1;
	l->start[0] = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = dir_rec_len(
			dir_source_name(&l->source, dir_layout_pos(l, i)).len);

		if (n > left) {
			l->start[l->leaves++] = i;
			left = room;
		}
		left -= n;
		assert(l->leaves < most);
	}
	l->start[l->leaves] = count;
	return 0;
}

static int hash_names(struct dir_layout *l, struct o2r_err *err)
{
	uint32_t count = dir_source_count(&l->source);
	AUTO_FREE uint64_t *a = malloc(count * sizeof(*a));
	AUTO_FREE uint64_t *b = malloc(count * sizeof(*b));

	if (!a || !b)
		return err_nomem(err);
	for (uint32_t i = 0; i < count; i++) {
		struct dir_name n = dir_source_name(&l->source, i);

		a[i] = (uint64_t)dirhash(l->format.hash_seed, n.name, n.len) << 32 | i;
	}
	if (sort_by_hash(a, b, count) == a)
		l->names = STEAL(a);
	else
		l->names = STEAL(b);
	return 0;
}

static int layout_htree(struct dir_layout *l, uint64_t total, struct o2r_err *err)
{
	uint32_t size = l->format.block_size;
	uint32_t room = (dir_room(size) * 3 / 4) & ~3u; /* the rest: names to come */
	uint32_t root_max = dir_dx_limit(size, EXT4_DX_ROOT_ENTRIES);
	uint32_t node_max = dir_dx_limit(size, EXT4_DX_NODE_ENTRIES);
	int r;

	l->htree = true;
	r = hash_names(l, err);
	if (r == 0)
		r = cut(l, total, room, room, err);
	if (r < 0)
		return r;
	if (l->leaves > root_max)
		l->nodes = MIN(DIV_ROUND_UP(l->leaves, node_max / 4 * 3), root_max);
	if (l->leaves > (uint64_t)root_max * node_max)
		return err_set(err, ERR_FAIL, EFBIG,
			"too many names for two index levels (%u leaf blocks, "
			"at most %u); linear directories have no such limit",
			l->leaves, root_max * node_max);
	l->blocks = 1 + l->nodes + l->leaves;
	return 0;
}

int dir_layout_init(struct dir_layout *l, const struct dir_format *f,
	const struct dir_source *s, struct o2r_err *err)
{
	uint64_t total = total_bytes(s);
	uint32_t room = dir_room(f->block_size);
	uint32_t first_room = room - 2 * DIR_DOT_LEN;
	int r = 0;

	*l = (struct dir_layout){.format = *f, .source = *s, .leaves = 1};
	if (total > first_room && !f->linear) {
		r = layout_htree(l, total, err);
	} else {
		if (total > first_room)
			r = cut(l, total, first_room, room, err);
		l->blocks = MAX(l->leaves, s->min_blocks);
	}
	if (r < 0)
		dir_layout_finish(l);
	return r;
}

void dir_layout_finish(struct dir_layout *l)
{
	free(l->names);
	free(l->start);
	l->names = NULL;
	l->start = NULL;
}
