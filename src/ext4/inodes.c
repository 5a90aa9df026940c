/* One inode of the image. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "ext4/csum.h"
#include "ext4/inode_enc.h"
#include "ext4/writer.h"
#include "ext4/xattr_enc.h"

enum {
	DIND_SLOT = 13, /* the double-indirect block in i_block */
};

/*
 * Inode 7 owns the reserve: its double-indirect block names the reserve blocks of group
 * 0, and those, as indirect blocks, the same ones of the backups (e2fsprogs,
 * ext2fs_create_resize_inode).
 */
static void make_resize(struct ext4_writer *w, struct ext4_inode *out)
{
	const struct geometry *g = &w->l->geo;
	uint64_t pointers = g->block_size / sizeof(le32);
	unsigned char iblock[EXT4_N_BLOCK_BYTES] = {0};
	le32 dind = htole32((uint32_t)geometry_real(g, w->l->resize, NULL));
	struct inode_values v = {
		.size = (pointers * pointers + pointers + 12) * g->block_size,
		.mtime = super_time(w->p),
		.nlink = 1,
		.blocks = 1 + (uint64_t)g->reserve * (1 + g->island_count),
		.iblock = iblock,
		.mode = S_IFREG | 0600,
	};

	memcpy(iblock + DIND_SLOT * sizeof(dind), &dind, sizeof(dind));
	inode_encode(
		out, &v, g->block_size, csum_inode_seed(w->fs_seed, EXT4_RESIZE_INO));
}

/* All extents are in the inode. */
static void make_low(const struct ext4_writer *w, const struct object *o, uint32_t seed,
	unsigned char iblock[EXT4_N_BLOCK_BYTES])
{
	const struct geometry *g = &w->l->geo;
	struct extent_run runs[EXT4_EXT_ROOT_MAX];
	struct extent_shape shape = {0};
	struct range_iter it;

	object_ranges(w->p, o, &it);
	shape.extents = ranges_extents(g, it, o->dense);

	size_t n = ranges_runs(g, it, o->dense, runs, ARRAY_LEN(runs));

	extent_build(&shape, runs, n, NULL, g->block_size, seed, iblock, NULL);
}

int tall_make(const struct ext4_writer *w, const struct tall *tall, unsigned char *iblock,
	unsigned char **nodes, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	struct extent_shape shape;
	struct range_iter it;
	struct object o;

	plan_object(w->p, w->l, tall->ino, &o);
	object_ranges(w->p, &o, &it);

	uint64_t extents = ranges_extents(g, it, o.dense);
	AUTO_FREE struct extent_run *runs = malloc(extents * sizeof(*runs));
	AUTO_FREE uint64_t *places = malloc(tall->nodes * sizeof(*places));
	AUTO_FREE unsigned char *out = malloc((size_t)tall->nodes * g->block_size);

	if (!runs || !places || !out)
		return err_nomem(err);
	for (uint32_t i = 0; i < tall->nodes; i++)
		places[i] = geometry_real(g, w->l->nodes + tall->first + i, NULL);

	bool fits = extent_shape(extents, g->block_size, &shape);

	assert(fits && shape.nodes == tall->nodes);
	(void)fits;

	size_t n = ranges_runs(g, it, o.dense, runs, extents);

	extent_build(&shape, runs, n, places, g->block_size,
		csum_inode_seed(w->fs_seed, tall->ino), iblock, out);
	if (nodes)
		*nodes = STEAL(out);
	return 0;
}

static uint64_t xattr_block_of(struct ext4_writer *w, uint32_t set)
{
	const struct xattr_use *u = &w->p->xattrs[set];
	uint32_t seen = w->xattr_seen[set]++;

	if (!u->in_block)
		return 0;
	return geometry_real(&w->l->geo,
		w->l->xattrs + u->first + seen / EXT4_XATTR_REFCOUNT_MAX, NULL);
}

/* Whatever i_block holds, by type; sets what goes with it. */
static int make_iblock(struct ext4_writer *w, const struct object *o,
	const struct tree_inode *n, uint32_t seed, struct inode_values *v,
	unsigned char iblock[EXT4_N_BLOCK_BYTES], struct o2r_err *err)
{
	const struct tall *tall;

	memset(iblock, 0, EXT4_N_BLOCK_BYTES);
	switch (v->mode & S_IFMT) {
	case S_IFCHR:
	case S_IFBLK:
		inode_block_device(iblock, n->u.dev.major, n->u.dev.minor);
		return 0;
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFLNK:
		if (!o->blocks) {
			inode_block_symlink(iblock, n->u.target, n->size);
			return 0;
		}
		break;
	case S_IFDIR:
		v->size = (uint64_t)o->blocks * w->l->geo.block_size;
		v->flags = o->htree ? EXT4_INDEX_FL : 0;
		break;
	}
	v->flags |= EXT4_EXTENTS_FL;
	tall = plan_tall(w->p, o->ino);
	if (tall) {
		v->blocks += tall->nodes;
		return tall_make(w, tall, iblock, NULL, err);
	}
	make_low(w, o, seed, iblock);
	return 0;
}

/* SOURCE_DATE_EPOCH is the latest time that an image may show. */
static void clamp_time(const struct ext4_options *o, struct inode_values *v)
{
	if (o->clamp_set && v->mtime >= o->clamp) {
		v->mtime = o->clamp;
		v->mtime_nsec = 0;
	}
}

static int make_object(
	struct ext4_writer *w, uint32_t ino, struct ext4_inode *out, struct o2r_err *err)
{
	/* The lost+found that the tree does not have. */
	static const struct tree_inode lost_found = {.mode = S_IFDIR | 0700};
	const struct tree *t = w->p->tree;
	unsigned char iblock[EXT4_N_BLOCK_BYTES], xattrs[INODE_XATTR_AREA];
	uint32_t seed = csum_inode_seed(w->fs_seed, ino);
	struct object o;

	plan_object(w->p, w->l, ino, &o);

	const struct tree_inode *n = o.t ? tree_get(t, o.t) : &lost_found;
	const struct tree_inode *time = o.t ? n : tree_get(t, TREE_ROOT);
	struct inode_values v = {
		.size = n->size,
		.mtime = time->mtime,
		.mtime_nsec = time->mtime_nsec,
		.uid = n->uid,
		.gid = n->gid,
		.nlink = o.nlink,
		.blocks = o.blocks,
		.iblock = iblock,
		.mode = n->mode,
	};

	clamp_time(&w->p->options, &v);
	if (n->xattrs) {
		v.xattr_block = xattr_block_of(w, n->xattrs);
		v.blocks += v.xattr_block != 0;
		xattr_encode_inode(t->xattr_sets[n->xattrs], xattrs);
		v.xattrs = xattrs;
	}

	int r = make_iblock(w, &o, n, seed, &v, iblock, err);

	if (r == 0)
		inode_encode(out, &v, w->l->geo.block_size, seed);
	return r;
}

int inode_make(
	struct ext4_writer *w, uint32_t ino, struct ext4_inode *out, struct o2r_err *err)
{
	if (ino == EXT4_RESIZE_INO) {
		make_resize(w, out);
		return 0;
	}
	/* Reserved ones that nothing uses are zeros, without checksum. */
	if (ino < w->p->first_ino && ino != EXT4_ROOT_INO && ino != EXT4_FIRST_INO) {
		memset(out, 0, sizeof(*out));
		return 0;
	}
	return make_object(w, ino, out, err);
}
