/* The bytes of a directory's blocks. */
#include "ext4/dirs.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "ext4/csum.h"
#include "ext4/dirent.h"

/* A block of entries while it is filled. */
struct filling {
	unsigned char *block;
	uint32_t used;
	struct ext4_dir_entry *last;
};

static void put_entry(
	struct filling *f, uint32_t ino, uint8_t type, const char *name, size_t len)
{
	struct ext4_dir_entry *e = (void *)(f->block + f->used);

	e->inode = htole32(ino);
	e->rec_len = htole16((uint16_t)dir_rec_len(len));
	e->name_len = (uint8_t)len;
	e->file_type = type;
	memcpy(e->name, name, len);
	f->used += dir_rec_len(len);
	f->last = e;
}

/* The last entry takes the rest, up to `end`; without one the rest is an unused entry. */
static void close_entries(struct filling *f, uint32_t end)
{
	if (!f->last)
		f->last = (void *)(f->block + f->used);
	f->last->rec_len =
		htole16((uint16_t)(end - ((unsigned char *)f->last - f->block)));
}

static void put_dots(struct filling *f, const struct dir_numbers *n)
{
	put_entry(f, n->ino, EXT4_FT_DIR, ".", 1);
	put_entry(f, n->parent, EXT4_FT_DIR, "..", 2);
}

static uint8_t file_type(const struct dir_source *s, uint32_t number)
{
	if (number == DIR_LOST_FOUND_NAME)
		return EXT4_FT_DIR;
	switch (tree_get(s->tree, s->tree->dirents[number].ino)->mode & S_IFMT) {
	case S_IFREG:
		return EXT4_FT_REG;
	case S_IFDIR:
		return EXT4_FT_DIR;
	case S_IFCHR:
		return EXT4_FT_CHR;
	case S_IFBLK:
		return EXT4_FT_BLK;
	case S_IFIFO:
		return EXT4_FT_FIFO;
	case S_IFSOCK:
		return EXT4_FT_SOCK;
	case S_IFLNK:
		return EXT4_FT_SYMLINK;
	}
	assert(!"a tree holds the seven types only");
	return 0;
}

static void put_names(struct filling *f, const struct dir_layout *l,
	const struct dir_numbers *n, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct dir_name name = dir_source_name(&l->source, dir_layout_pos(l, i));

		put_entry(f, n->ino_of(n->arg, name.number),
			file_type(&l->source, name.number), name.name, name.len);
	}
}

/* Leaf `leaf` of the names; past them an empty block. */
static void put_leaf(const struct dir_layout *l, const struct dir_numbers *n,
	uint32_t leaf, void *block)
{
	struct filling f = {.block = block};
	uint32_t size = l->format.block_size;

	if (!l->htree && leaf == 0)
		put_dots(&f, n);
	if (!l->start && leaf == 0)
		put_names(&f, l, n, 0, dir_source_count(&l->source));
	else if (l->start && leaf < l->leaves)
		put_names(&f, l, n, l->start[leaf], l->start[leaf + 1]);
	close_entries(&f, dir_room(size));
	csum_dir_block(block, size, n->inode_seed);
}

static uint32_t name_hash(const struct dir_layout *l, uint32_t i)
{
	return (uint32_t)(l->names[i] >> 32);
}

/* The key of a leaf: its lowest hash, with the lowest bit set when the leaf before ends
 * with the same hash, so that a search goes on here. */
static uint32_t leaf_key(const struct dir_layout *l, uint32_t leaf)
{
	uint32_t first = l->start[leaf], hash = name_hash(l, first);

	return hash | (first > 0 && name_hash(l, first - 1) == hash);
}

/* First leaf below index node i; the leaves are spread evenly. */
static uint32_t node_first(const struct dir_layout *l, uint32_t i)
{
	return (uint32_t)((uint64_t)l->leaves * i / l->nodes);
}

/* The entry array of an index block, at `at`: leaves [from, to), or with
 * over_nodes the index nodes. */
static void put_index(const struct dir_layout *l, void *block, uint32_t at, uint32_t from,
	uint32_t to, bool over_nodes)
{
	struct ext4_dx_entry *e = (void *)((char *)block + at);
	struct ext4_dx_countlimit *cl = (void *)e;

	for (uint32_t i = from; i < to; i++) {
		uint32_t leaf = over_nodes ? node_first(l, i) : i;
		uint32_t below = over_nodes ? 1 + i : 1 + l->nodes + i;

		e[i - from] = (struct ext4_dx_entry){
			.hash = htole32(leaf_key(l, leaf)),
			.block = htole32(below),
		};
	}
	cl->limit = htole16((uint16_t)dir_dx_limit(l->format.block_size, at));
	cl->count = htole16((uint16_t)(to - from));
}

static void put_root(const struct dir_layout *l, const struct dir_numbers *n, void *block)
{
	struct filling f = {.block = block};
	struct ext4_dx_root_info *info = (void *)(f.block + EXT4_DX_ROOT_INFO);

	put_dots(&f, n);
	close_entries(&f, l->format.block_size);
	*info = (struct ext4_dx_root_info){
		.hash_version = EXT4_HASH_HALF_MD4,
		.info_length = sizeof(*info),
		.indirect_levels = l->nodes > 0,
	};
	put_index(l, block, EXT4_DX_ROOT_ENTRIES, 0, l->nodes ? l->nodes : l->leaves,
		l->nodes > 0);
	csum_dx_block(block, EXT4_DX_ROOT_ENTRIES, n->inode_seed);
}

static void put_node(
	const struct dir_layout *l, const struct dir_numbers *n, uint32_t i, void *block)
{
	struct filling f = {.block = block};

	close_entries(&f, l->format.block_size);
	put_index(l, block, EXT4_DX_NODE_ENTRIES, node_first(l, i), node_first(l, i + 1),
		false);
	csum_dx_block(block, EXT4_DX_NODE_ENTRIES, n->inode_seed);
}

void dir_block(
	const struct dir_layout *l, const struct dir_numbers *n, uint32_t k, void *block)
{
	assert(k < l->blocks);
	memset(block, 0, l->format.block_size);
	if (!l->htree)
		put_leaf(l, n, k, block);
	else if (k == 0)
		put_root(l, n, block);
	else if (k <= l->nodes)
		put_node(l, n, k - 1, block);
	else
		put_leaf(l, n, k - 1 - l->nodes, block);
}
