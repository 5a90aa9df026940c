#include "plan_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "ext4/plan.h"
#include "ext4/writer.h"

struct use {
	uint64_t real, blocks;
};

struct uses {
	struct use *v;
	size_t n, cap;
};

static void add(struct uses *u, uint64_t real, uint64_t blocks)
{
	if (!blocks)
		return;
	if (VEC_RESERVE(u->v, u->n, u->cap, 1, SIZE_MAX) < 0)
		abort();
	u->v[u->n++] = (struct use){real, blocks};
}

static void add_dense(
	struct uses *u, const struct geometry *g, uint64_t dense, uint64_t n)
{
	while (n) {
		uint64_t room;
		uint64_t real = geometry_real(g, dense, &room);
		uint64_t take = n < room ? n : room;

		add(u, real, take);
		dense += take;
		n -= take;
	}
}

static void add_metadata(struct uses *u, const struct ext4_plan *p)
{
	const struct layout *l = &p->sizes.layout;
	const struct geometry *g = &l->geo;

	add(u, 0, g->backup_len);
	for (uint32_t i = 0; i < g->island_count; i++)
		add(u, g->islands[i].start, g->backup_len);
	add_dense(u, g, l->block_bitmaps, g->groups);
	add_dense(u, g, l->inode_bitmaps, g->groups);
	for (uint32_t group = 0; group < g->groups; group++)
		add(u, layout_table(l, group), g->table_blocks);
	add_dense(u, g, l->resize, 1);
	add_dense(u, g, l->xattrs, p->need.xattrs);
	for (size_t i = 0; i < p->tall_count; i++)
		add_dense(u, g, l->nodes + p->talls[i].first, p->talls[i].nodes);
}

static const char *add_object(struct uses *u, const struct ext4_plan *p, uint32_t ino)
{
	const struct layout *l = &p->sizes.layout;
	struct range_iter it;
	struct object o;
	uint64_t blocks = 0;

	plan_object(p, l, ino, &o);
	if (o.t && ino < p->first_copy_ino && plan_ino(p, o.t) != ino)
		return "inode numbers are not one to one";
	object_ranges(p, &o, &it);

	uint64_t extents = ranges_extents(&l->geo, it, o.dense);
	struct extent_run *runs = malloc((extents + 1) * sizeof(*runs));

	if (!runs)
		abort();

	size_t n = ranges_runs(&l->geo, it, o.dense, runs, extents);

	for (size_t i = 0; i < n; i++) {
		add(u, runs[i].physical, runs[i].count);
		blocks += runs[i].count;
	}
	free(runs);
	if (blocks != o.blocks)
		return "the blocks of an object are not those of its ranges";
	if (extents > 4 && !plan_tall(p, ino))
		return "more than four extents without tree nodes";
	return NULL;
}

static int compare(const void *pa, const void *pb)
{
	const struct use *a = pa, *b = pb;

	return (a->real > b->real) - (a->real < b->real);
}

static const char *check_uses(struct uses *u, const struct ext4_plan *p)
{
	const struct layout *l = &p->sizes.layout;
	uint64_t end = 0, sum = 0;

	qsort(u->v, u->n, sizeof(*u->v), compare);
	for (size_t i = 0; i < u->n; i++) {
		if (u->v[i].real < end)
			return "a block is used twice";
		end = u->v[i].real + u->v[i].blocks;
		sum += u->v[i].blocks;
	}
	if (end > l->geo.blocks)
		return "a block behind the end is used";
	if (sum != l->used || sum + l->free != l->geo.blocks)
		return "the used blocks are not those that are counted";
	return NULL;
}

static const char *check_bitmaps(const struct uses *u, const struct ext4_plan *p)
{
	const struct layout *l = &p->sizes.layout;
	uint64_t blocks = 0, inodes = 0;
	size_t at = 0;

	for (uint32_t group = 0; group < l->geo.groups; group++) {
		unsigned char map[GEOMETRY_BLOCK_SIZE] = {0};
		uint64_t base = (uint64_t)group * l->geo.blocks_per_group;

		blocks += block_bitmap(l, group, map);
		inodes += group_used_inodes(p, group);
		while (at < u->n && u->v[at].real + u->v[at].blocks <= base)
			at++;
		/* The two ends of every use are in the map. */
		for (size_t i = at; i < u->n; i++) {
			uint64_t first = u->v[i].real, last = first + u->v[i].blocks - 1;

			if (first >= base + l->geo.blocks_per_group)
				break;
			if (first >= base &&
				!(map[(first - base) / 8] >> (first % 8) & 1))
				return "the bitmap lacks the begin of a use";
			if (last < base + l->geo.blocks_per_group &&
				!(map[(last - base) / 8] >> (last % 8) & 1))
				return "the bitmap lacks the end of a use";
		}
	}
	if (blocks != l->free)
		return "the bitmaps have another number of free blocks";
	if (inodes != p->last_ino)
		return "the groups have another number of used inodes";
	return NULL;
}

const char *plan_check(const struct ext4_plan *p)
{
	struct uses u = {0};
	const char *wrong = NULL;

	add_metadata(&u, p);
	wrong = add_object(&u, p, EXT4_ROOT_INO);
	for (uint32_t ino = EXT4_FIRST_INO; !wrong && ino <= p->last_ino; ino++)
		wrong = add_object(&u, p, ino);
	if (!wrong)
		wrong = check_uses(&u, p);
	if (!wrong)
		wrong = check_bitmaps(&u, p);
	free(u.v);
	return wrong;
}
