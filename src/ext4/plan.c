#include "ext4/plan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "ext4/inode_enc.h"
#include "ext4/ondisk.h"

static int check_options(const struct ext4_options *o, struct o2r_err *err)
{
	if (o->block_size != GEOMETRY_BLOCK_SIZE)
		return err_set(err, ERR_USAGE, EINVAL,
			"a block size of %u is not supported, only 4096", o->block_size);
	return 0;
}

static int make(struct ext4_plan *p, const struct ctx *ctx, struct o2r_err *err)
{
	int r = plan_number(p, ctx, err);

	if (r == 0)
		r = plan_xattrs(p, err);
	if (r == 0)
		r = plan_collect(p, ctx, err);
	p->need.nodes = plan_nodes;
	p->need.arg = p;
	if (r == 0)
		r = sizes_solve(&p->sizes, &p->need, p->last_ino, &p->options, err);
	/* The search left the places of some other size in talls. */
	if (r == 0)
		plan_nodes(p, &p->sizes.layout);
	return r;
}

int ext4_plan_create(const struct tree *t, const struct ext4_options *o,
	const struct ctx *ctx, struct ext4_plan **out, struct o2r_err *err)
{
	int r = check_options(o, err);

	if (r < 0)
		return r;

	struct ext4_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return err_nomem(err);
	p->tree = t;
	p->options = *o;
	/* an epoch past what an inode can hold bounds nothing, and is shown as that */
	p->options.clamp = MAX(INODE_TIME_MIN, MIN(o->clamp, INODE_TIME_MAX));
	r = make(p, ctx, err);
	if (r < 0) {
		ext4_plan_destroy(p);
		return r;
	}
	*out = p;
	return 0;
}

void ext4_plan_destroy(struct ext4_plan *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->pass_count; i++) {
		free(p->passes[i].items);
		free(p->passes[i].copies);
	}
	free(p->passes);
	free(p->nodes);
	free(p->copies);
	free(p->heavies);
	free(p->xattrs);
	free(p->talls);
	free(p);
}

void ext4_plan_summary(const struct ext4_plan *p, struct ext4_summary *out)
{
	const struct layout *l = &p->sizes.layout;
	const struct geometry *g = &l->geo;
	uint64_t copies = g->backup_len * (uint64_t)(1 + g->island_count);
	uint64_t metadata = copies + g->groups * (uint64_t)(2 + g->table_blocks);

	*out = (struct ext4_summary){
		.image_bytes = p->sizes.image_bytes,
		.min_bytes = p->sizes.min_bytes,
		.blocks = g->blocks,
		.free_blocks = l->free,
		.inodes = g->inodes,
		.used_inodes = p->last_ino,
		.groups = g->groups,
		.data_blocks = p->need.data,
		.dir_blocks = p->need.dirs,
		.extent_blocks = l->node_blocks,
		.xattr_blocks = p->need.xattrs,
		.metadata_bytes = metadata * g->block_size,
		.block_size = g->block_size,
		.copied_files = p->copy_count,
		.shared_xattr_blocks = p->shared_xattr_blocks,
	};
}

int ext4_plan_passes(const struct ext4_plan *p)
{
	return p->pass_count;
}

const uint32_t *ext4_plan_items(const struct ext4_plan *p, int pass, uint32_t *count)
{
	*count = p->passes[pass].count;
	return p->passes[pass].items;
}
