/* The prefix of an image, region by region in the order of blocks. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "ext4/csum.h"
#include "ext4/writer.h"
#include "ext4/xattr_enc.h"

static int put_copy(struct ext4_writer *w, const void *p, struct o2r_err *err)
{
	unsigned char *block;
	int r = sequence_block(&w->seq, &block, err);

	if (r == 0)
		memcpy(block, p, w->l->geo.block_size);
	return r;
}

/* Block i of group 0's reserve, as indirect block of the resize inode: the same block of
 * each backup. */
static int put_reserve(struct ext4_writer *w, uint32_t i, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	unsigned char *block;
	int r = sequence_block(&w->seq, &block, err);

	for (uint32_t k = 0; r == 0 && k < g->island_count; k++)
		put_le32(block + k * sizeof(le32),
			(uint32_t)(g->islands[k].start + 1 + g->desc_blocks + i));
	return r;
}

static int put_head(struct ext4_writer *w, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	unsigned char *block;
	int r = sequence_block(&w->seq, &block, err);

	if (r == 0)
		super_block(w, 0, block);
	for (uint32_t i = 0; r == 0 && i < g->desc_blocks; i++)
		r = put_copy(w, (const char *)w->descs + (size_t)i * g->block_size, err);
	for (uint32_t i = 0; r == 0 && i < g->reserve; i++)
		r = put_reserve(w, i, err);
	return r;
}

static int put_bitmaps(struct ext4_writer *w, struct o2r_err *err)
{
	uint32_t groups = w->l->geo.groups;
	unsigned char *block;
	int r = 0;

	for (uint32_t group = 0; r == 0 && group < groups; group++) {
		if (group_blocks_untouched(w->l, group)) {
			r = sequence_zero(&w->seq, 1, err);
			continue;
		}
		r = sequence_block(&w->seq, &block, err);
		if (r == 0)
			block_bitmap(w->l, group, block);
	}
	for (uint32_t group = 0; r == 0 && group < groups; group++) {
		if (!group_used_inodes(w->p, group)) {
			r = sequence_zero(&w->seq, groups - group, err);
			break;
		}
		r = sequence_block(&w->seq, &block, err);
		if (r == 0)
			inode_bitmap(w->p, group, block);
	}
	return r;
}

static int put_table(struct ext4_writer *w, uint32_t group, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	uint32_t per_block = g->block_size / EXT4_INODE_SIZE;
	uint32_t used = group_used_inodes(w->p, group), blocks = 0;
	uint32_t first = group * g->inodes_per_group + 1;
	int r = sequence_to(&w->seq, layout_table(w->l, group), err);

	for (uint32_t i = 0; r == 0 && i < used; i += per_block, blocks++) {
		unsigned char *block;

		r = sequence_block(&w->seq, &block, err);
		for (uint32_t k = 0; r == 0 && k < per_block && i + k < used; k++)
			r = inode_make(
				w, first + i + k, (struct ext4_inode *)block + k, err);
	}
	if (r == 0 && blocks < g->table_blocks)
		r = sequence_zero(&w->seq, g->table_blocks - blocks, err);
	return r < 0 ? r : ctx_check(w->ctx, err);
}

static int put_resize(struct ext4_writer *w, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	uint32_t pointers = g->block_size / sizeof(le32);
	unsigned char *block;
	int r = sequence_block(&w->seq, &block, err);

	for (uint32_t i = 0; r == 0 && i < g->reserve; i++)
		put_le32(block + (g->desc_blocks + i) % pointers * sizeof(le32),
			1 + g->desc_blocks + i);
	return r;
}

static uint32_t ino_of_name(void *arg, uint32_t d)
{
	return d == DIR_LOST_FOUND_NAME ? EXT4_FIRST_INO : plan_ino_of_name(arg, d);
}

/* t 0: the lost+found that the tree does not have. */
static int put_dir(struct ext4_writer *w, const struct dir_format *f, uint32_t t,
	struct o2r_err *err)
{
	const struct ext4_plan *p = w->p;
	AUTO_DIR_LAYOUT struct dir_layout l = {0};
	uint32_t ino = t ? plan_ino(p, t) : EXT4_FIRST_INO;
	uint32_t parent = t ? tree_get(p->tree, t)->parent : TREE_ROOT;
	struct dir_numbers n = {
		.ino = ino,
		.parent = plan_ino(p, parent),
		.inode_seed = csum_inode_seed(w->fs_seed, ino),
		.ino_of = ino_of_name,
		.arg = (void *)p,
	};
	struct dir_source s;

	plan_dir_source(p, t, &s);

	int r = dir_layout_init(&l, f, &s, err);

	for (uint32_t k = 0; r == 0 && k < l.blocks; k++) {
		unsigned char *block;

		r = sequence_block(&w->seq, &block, err);
		if (r == 0)
			dir_block(&l, &n, k, block);
	}
	return r;
}

static int put_dirs(struct ext4_writer *w, struct o2r_err *err)
{
	const struct ext4_plan *p = w->p;
	struct dir_format f = plan_dir_format(p);
	int r = 0;

	for (uint32_t t = TREE_ROOT; r == 0 && t <= p->tree->inode_count; t++) {
		if (!S_ISDIR(tree_get(p->tree, t)->mode))
			continue;
		r = put_dir(w, &f, t, err);
		if (r == 0 && t == TREE_ROOT && p->make_lost_found)
			r = put_dir(w, &f, 0, err);
		if (r == 0 && t % 4096 == 0)
			r = ctx_check(w->ctx, err);
	}
	return r;
}

static int put_nodes(struct ext4_writer *w, struct o2r_err *err)
{
	const struct ext4_plan *p = w->p;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->tall_count; i++) {
		AUTO_FREE unsigned char *nodes = NULL;
		unsigned char iblock[EXT4_N_BLOCK_BYTES];

		if (!p->talls[i].nodes)
			continue;
		r = tall_make(w, &p->talls[i], iblock, &nodes, err);
		for (uint32_t k = 0; r == 0 && k < p->talls[i].nodes; k++)
			r = put_copy(w, nodes + (size_t)k * w->l->geo.block_size, err);
	}
	return r;
}

static int put_xattrs(struct ext4_writer *w, struct o2r_err *err)
{
	const struct ext4_plan *p = w->p;
	uint32_t block_size = w->l->geo.block_size;

	for (uint32_t set = 1; set <= p->tree->xattr_set_count; set++) {
		const struct xattr_use *u = &p->xattrs[set];

		for (uint32_t k = 0; u->in_block && k * EXT4_XATTR_REFCOUNT_MAX < u->refs;
			k++) {
			uint32_t left = u->refs - k * EXT4_XATTR_REFCOUNT_MAX;
			unsigned char *block;
			int r = sequence_block(&w->seq, &block, err);

			if (r < 0)
				return r;
			xattr_encode_block(p->tree->xattr_sets[set], block_size,
				MIN(left, (uint32_t)EXT4_XATTR_REFCOUNT_MAX), w->fs_seed,
				w->seq.pos - 1, block);
		}
	}
	return 0;
}

static int put_link(struct ext4_writer *w, uint32_t t, struct o2r_err *err)
{
	const struct tree_inode *n = tree_get(w->p->tree, t);

	if (!S_ISLNK(n->mode) || !w->p->nodes[t].blocks)
		return 0;

	unsigned char *block;
	int r = sequence_block(&w->seq, &block, err);

	if (r == 0)
		memcpy(block, n->u.target, n->size);
	return r;
}

static int put_links(struct ext4_writer *w, struct o2r_err *err)
{
	const struct ext4_plan *p = w->p;
	int r = 0;

	for (uint32_t t = TREE_ROOT; r == 0 && t <= p->tree->inode_count; t++)
		r = put_link(w, t, err);
	for (uint32_t i = 0; r == 0 && i < p->copy_count; i++)
		r = put_link(w, p->copies[i].t, err);
	return r;
}

int metadata_write(struct ext4_writer *w, struct o2r_err *err)
{
	static const struct {
		int (*put)(struct ext4_writer *w, struct o2r_err *err);
		size_t region; /* its dense start in struct layout */
	} regions[] = {
		{put_resize, offsetof(struct layout, resize)},
		{put_dirs, offsetof(struct layout, dirs)},
		{put_nodes, offsetof(struct layout, nodes)},
		{put_xattrs, offsetof(struct layout, xattrs)},
		{put_links, offsetof(struct layout, links)},
	};
	int r = put_head(w, err);

	if (r == 0)
		r = put_bitmaps(w, err);
	for (uint32_t group = 0; r == 0 && group < w->l->geo.groups; group++)
		r = put_table(w, group, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(regions); i++) {
		const char *l = (const char *)w->l;
		uint64_t dense = *(const uint64_t *)(l + regions[i].region);

		r = sequence_to(&w->seq, geometry_real(&w->l->geo, dense, NULL), err);
		if (r == 0)
			r = regions[i].put(w, err);
	}
	return r < 0 ? r : sequence_flush(&w->seq, err);
}
