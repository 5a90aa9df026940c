/* A plan in words: one line a region, in the order of the image. */
#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"
#include "ext4/plan.h"

struct printer {
	const struct layout *l;
	int (*line)(void *arg, const char *text);
	void *arg;
	uint32_t island; /* the next one to print */
	uint32_t hole;
	int r; /* what line returned last; not 0 ends it all */
};

static void put(struct printer *p, uint64_t first, uint64_t count, const char *what)
{
	char text[128];

	if (!count || p->r)
		return;
	snprintf(text, sizeof(text), "blocks %" PRIu64 "-%" PRIu64 " %s", first,
		first + count - 1, what);
	p->r = p->line(p->arg, text);
}

/* Islands and holes that begin in front of a block. */
static void put_before(struct printer *p, uint64_t real)
{
	const struct geometry *g = &p->l->geo;
	char what[64];

	for (;;) {
		uint64_t island = p->island < g->island_count
					  ? g->islands[p->island].start
					  : UINT64_MAX;
		uint64_t hole = p->hole < p->l->hole_count ? p->l->holes[p->hole].real
							   : UINT64_MAX;

		if (MIN(island, hole) >= real)
			return;
		if (hole < island) {
			put(p, hole, p->l->holes[p->hole++].blocks, "free");
			continue;
		}
		snprintf(what, sizeof(what), "backup of group %" PRIu64,
			island / g->blocks_per_group);
		put(p, island, g->backup_len, what);
		p->island++;
	}
}

/* A region in dense numbers: as many lines as islands cut it into. */
static void put_region(
	struct printer *p, uint64_t dense, uint64_t count, const char *what)
{
	while (count) {
		uint64_t room;
		uint64_t real = geometry_real(&p->l->geo, dense, &room);
		uint64_t n = MIN(room, count);

		put_before(p, real);
		put(p, real, n, what);
		dense += n;
		count -= n;
	}
}

static void put_tables(struct printer *p)
{
	const struct layout *l = p->l;

	for (uint32_t i = 0; i < l->table_count; i++) {
		uint32_t next =
			i + 1 < l->table_count ? l->tables[i + 1].group : l->geo.groups;
		char what[64];

		snprintf(what, sizeof(what),
			"inode tables of groups %" PRIu32 "-%" PRIu32, l->tables[i].group,
			next - 1);
		put_before(p, l->tables[i].real);
		put(p, l->tables[i].real,
			(uint64_t)(next - l->tables[i].group) * l->geo.table_blocks,
			what);
	}
}

static void put_head(struct printer *p, const struct ext4_plan *plan)
{
	const struct geometry *g = &p->l->geo;
	char text[256];

	snprintf(text, sizeof(text),
		"%" PRIu64 " blocks of %" PRIu32 " bytes, %" PRIu64 " free; %" PRIu32
		" inodes, %" PRIu32 " free; %" PRIu32 " groups",
		g->blocks, g->block_size, p->l->free, g->inodes,
		g->inodes - plan->last_ino, g->groups);
	p->r = p->line(p->arg, text);
}

int ext4_plan_print(
	const struct ext4_plan *plan, int (*line)(void *arg, const char *text), void *arg)
{
	const struct layout *l = &plan->sizes.layout;
	const struct geometry *g = &l->geo;
	struct printer p = {.l = l, .line = line, .arg = arg};

	put_head(&p, plan);
	put(&p, 0, 1, "superblock");
	put(&p, 1, g->desc_blocks, "group descriptors");
	put(&p, 1 + g->desc_blocks, g->reserve, "reserve for growth");
	put_region(&p, l->block_bitmaps, g->groups, "block bitmaps");
	put_region(&p, l->inode_bitmaps, g->groups, "inode bitmaps");
	put_tables(&p);
	put_region(&p, l->resize, 1, "resize inode");
	put_region(&p, l->dirs, plan->need.dirs, "directories");
	put_region(&p, l->nodes, l->node_blocks, "extent tree nodes");
	put_region(&p, l->xattrs, plan->need.xattrs, "extended attributes");
	put_region(&p, l->links, plan->need.links, "symbolic links");
	put_region(&p, l->data, plan->need.data, "file data");

	uint64_t rest = l->free;

	for (uint32_t i = 0; i < l->hole_count; i++)
		rest -= l->holes[i].blocks;
	put_region(&p, l->end, rest, "free");
	put_before(&p, g->blocks);
	return p.r;
}
