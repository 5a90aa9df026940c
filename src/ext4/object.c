/* What stands behind an inode number of the image. */
#include <stdlib.h>

#include "ext4/ondisk.h"
#include "ext4/plan.h"

static uint32_t t_of_ino(const struct ext4_plan *p, uint32_t ino)
{
	if (ino == EXT4_ROOT_INO)
		return TREE_ROOT;
	if (ino < p->first_ino)
		return p->lost_found;

	uint32_t t = ino - p->first_ino + TREE_ROOT + 1;

	return p->lost_found && t >= p->lost_found ? t + 1 : t;
}

static void place_object(
	const struct ext4_plan *p, const struct layout *l, struct object *o)
{
	const struct node *node = &p->nodes[o->t];

	o->nlink = tree_get(p->tree, o->t)->nlink;
	o->blocks = node->blocks;
	switch (tree_get(p->tree, o->t)->mode & S_IFMT) {
	case S_IFDIR:
		if (o->t == TREE_ROOT)
			o->nlink += p->make_lost_found;
		o->htree = node->blocks & NODE_HTREE;
		o->blocks = node->blocks & ~NODE_HTREE;
		o->dense = l->dirs + node->start;
		break;
	case S_IFLNK:
		o->dense = l->links + node->start;
		break;
	default:
		o->dense = l->data + node->start;
		break;
	}
}

void plan_object(
	const struct ext4_plan *p, const struct layout *l, uint32_t ino, struct object *o)
{
	*o = (struct object){.ino = ino};
	if (ino >= p->first_copy_ino && p->copy_count) {
		const struct copy *c = &p->copies[ino - p->first_copy_ino];

		o->t = c->t;
		place_object(p, l, o);
		o->nlink = c->nlink;
		if (S_ISREG(tree_get(p->tree, o->t)->mode))
			o->dense = l->data + c->start;
		else
			o->dense = l->links + c->start;
		return;
	}
	o->t = t_of_ino(p, ino);
	if (o->t) {
		place_object(p, l, o);
		if (plan_heavy(p, o->t))
			o->nlink = EXT4_LINK_MAX;
	} else {
		o->nlink = 2;
		o->blocks = DIR_LOST_FOUND_BLOCKS;
		o->dense = l->dirs + p->lost_found_start;
	}
}

void object_ranges(
	const struct ext4_plan *p, const struct object *o, struct range_iter *it)
{
	if (o->t && S_ISREG(tree_get(p->tree, o->t)->mode))
		range_iter_file(it, p->tree, o->t, p->options.block_size);
	else
		range_iter_whole(it, o->blocks);
}

static int compare_tall(const void *key, const void *elem)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct tall *)elem)->ino;

	return (a > b) - (a < b);
}

const struct tall *plan_tall(const struct ext4_plan *p, uint32_t ino)
{
	const struct tall *t = NULL;

	if (p->tall_count)
		t = bsearch(&ino, p->talls, p->tall_count, sizeof(*t), compare_tall);
	return t && t->nodes ? t : NULL;
}

uint64_t plan_nodes(void *arg, const struct layout *l)
{
	struct ext4_plan *p = arg;
	uint64_t nodes = 0;

	for (size_t i = 0; i < p->tall_count; i++) {
		struct extent_shape shape;
		struct object o;
		struct range_iter it;

		plan_object(p, l, p->talls[i].ino, &o);
		object_ranges(p, &o, &it);

		/* Five levels hold more extents than a file has blocks. */
		if (!extent_shape(ranges_extents(&l->geo, it, o.dense),
			    p->options.block_size, &shape))
			shape.nodes = 0;
		p->talls[i].first = (uint32_t)nodes;
		p->talls[i].nodes = shape.nodes;
		nodes += shape.nodes;
	}
	return nodes;
}
