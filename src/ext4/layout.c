#include "ext4/layout.h"

#include <assert.h>
#include <stddef.h>

static void add_hole(struct layout *l, uint64_t real, uint64_t blocks)
{
	assert(l->hole_count < 2 * GEOMETRY_ISLANDS_MAX);
	l->holes[l->hole_count++] = (struct layout_hole){real, blocks};
}

/* As many whole tables as stand in front of the next island, then behind it. Returns the
 * dense number behind the last one. */
static uint64_t place_tables(struct layout *l, uint64_t dense)
{
	const struct geometry *g = &l->geo;
	uint32_t group = 0;

	while (group < g->groups) {
		uint64_t room;
		uint64_t real = geometry_real(g, dense, &room);
		uint64_t n = room / g->table_blocks;

		if (n > g->groups - group)
			n = g->groups - group;
		if (n) {
			l->tables[l->table_count++] = (struct layout_tables){group, real};
			group += (uint32_t)n;
			dense += n * g->table_blocks;
		}
		if (group < g->groups) {
			uint64_t left = room - n * g->table_blocks;

			if (left)
				add_hole(l, real + n * g->table_blocks, left);
			dense += left;
		}
	}
	return dense;
}

static void place_rest(
	struct layout *l, const struct layout_need *need, uint64_t node_budget)
{
	l->nodes = l->dirs + need->dirs;
	l->xattrs = l->nodes + node_budget;
	l->links = l->xattrs + need->xattrs;
	l->data = l->links + need->links;
	l->end = l->data + need->data;
}

/* The number of nodes depends on where islands cut the data, and that on the number of
 * nodes in front of it. The room for them only grows, so this ends; what is left over is
 * a hole. */
static void place_nodes(struct layout *l, const struct layout_need *need)
{
	uint64_t budget = 0;

	for (;;) {
		place_rest(l, need, budget);
		l->node_blocks = need->nodes(need->arg, l);
		if (l->node_blocks <= budget)
			break;
		budget = l->node_blocks;
	}
	for (uint64_t d = l->nodes + l->node_blocks; d < l->xattrs;) {
		uint64_t room;
		uint64_t real = geometry_real(&l->geo, d, &room);
		uint64_t n = l->xattrs - d < room ? l->xattrs - d : room;

		add_hole(l, real, n);
		d += n;
	}
}

bool layout_make(struct layout *l, const struct layout_need *need, uint64_t blocks,
	uint64_t inodes)
{
	*l = (struct layout){0};
	if (!geometry_init(&l->geo, blocks, inodes))
		return false;

	const struct geometry *g = &l->geo;

	l->block_bitmaps = g->backup_len;
	l->inode_bitmaps = l->block_bitmaps + g->groups;
	l->resize = place_tables(l, l->inode_bitmaps + g->groups);
	l->dirs = l->resize + 1;
	place_nodes(l, need);

	l->end_real = geometry_real(g, l->end - 1, NULL) + 1;
	l->missing = l->end_real > blocks ? l->end_real - blocks : 0;
	l->used = l->end_real + geometry_island_blocks_from(g, l->end_real);
	for (uint32_t i = 0; i < l->hole_count; i++)
		l->used -= l->holes[i].blocks;
	l->free = l->missing ? 0 : blocks - l->used;
	return true;
}

uint64_t layout_table(const struct layout *l, uint32_t group)
{
	uint32_t i = l->table_count - 1;

	while (l->tables[i].group > group)
		i--;
	return l->tables[i].real +
	       (uint64_t)(group - l->tables[i].group) * l->geo.table_blocks;
}
