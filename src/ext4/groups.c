/* Superblock, group descriptors and bitmaps (kernel: super.rst, group_descr.rst). */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ext4/csum.h"
#include "ext4/writer.h"

static void set_bits(unsigned char *map, uint32_t from, uint32_t to)
{
	for (; from < to && from % 8; from++)
		map[from / 8] |= (unsigned char)(1u << from % 8);
	if (from < to) {
		memset(map + from / 8, 0xff, (to - from) / 8);
		from += (to - from) / 8 * 8;
	}
	for (; from < to; from++)
		map[from / 8] |= (unsigned char)(1u << from % 8);
}

static void clear_bits(unsigned char *map, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		map[from / 8] &= (unsigned char)~(1u << from % 8);
}

/* The part of [start, end) in the group that begins at base, as bit numbers. */
static bool clip(uint64_t base, uint32_t blocks, uint64_t start, uint64_t end,
	uint32_t *from, uint32_t *to)
{
	start = MAX(start, base);
	end = MIN(end, base + blocks);
	if (start >= end)
		return false;
	*from = (uint32_t)(start - base);
	*to = (uint32_t)(end - base);
	return true;
}

uint32_t block_bitmap(const struct layout *l, uint32_t group, unsigned char *block)
{
	const struct geometry *g = &l->geo;
	uint64_t base = (uint64_t)group * g->blocks_per_group;
	uint32_t blocks = geometry_group_blocks(g, group), from, to, used = 0;

	if (clip(base, blocks, 0, l->end_real, &from, &to)) {
		set_bits(block, from, to);
		used = to - from;
	}
	for (uint32_t i = 0; i < l->hole_count; i++) {
		const struct layout_hole *h = &l->holes[i];

		if (clip(base, blocks, h->real, h->real + h->blocks, &from, &to)) {
			clear_bits(block, from, to);
			used -= to - from;
		}
	}
	if (base >= l->end_real && group && geometry_has_backup(group)) {
		set_bits(block, 0, g->backup_len);
		used += g->backup_len;
	}
	set_bits(block, blocks, g->blocks_per_group);
	return blocks - used;
}

bool group_blocks_untouched(const struct layout *l, uint32_t group)
{
	/* e2fsck wants the last group's bitmap in any case. */
	return group + 1 < l->geo.groups &&
	       (uint64_t)group * l->geo.blocks_per_group >= l->end_real;
}

uint32_t group_used_inodes(const struct ext4_plan *p, uint32_t group)
{
	uint32_t per_group = p->sizes.layout.geo.inodes_per_group;
	uint64_t before = (uint64_t)group * per_group;

	return p->last_ino > before ? (uint32_t)MIN(p->last_ino - before, per_group) : 0;
}

void inode_bitmap(const struct ext4_plan *p, uint32_t group, unsigned char *block)
{
	const struct geometry *g = &p->sizes.layout.geo;

	set_bits(block, 0, group_used_inodes(p, group));
	set_bits(block, g->inodes_per_group, 8 * g->block_size);
}

/* How many directories there are in each group, into bg_used_dirs_count. */
static void count_dirs(struct ext4_writer *w)
{
	const struct ext4_plan *p = w->p;
	uint32_t per_group = w->l->geo.inodes_per_group;

	for (uint32_t t = p->make_lost_found ? 0 : TREE_ROOT; t <= p->tree->inode_count;
		t++) {
		uint32_t ino = EXT4_FIRST_INO;

		if (t && !S_ISDIR(tree_get(p->tree, t)->mode))
			continue;
		if (t)
			ino = plan_ino(p, t);

		struct ext4_group_desc *d = &w->descs[(ino - 1) / per_group];
		uint16_t n = (uint16_t)(le16toh(d->bg_used_dirs_count_lo) + 1);

		d->bg_used_dirs_count_lo = htole16(n);
	}
}

static void put_places(struct ext4_writer *w, uint32_t group, struct ext4_group_desc *d)
{
	const struct layout *l = w->l;
	uint64_t blocks = geometry_real(&l->geo, l->block_bitmaps + group, NULL);
	uint64_t inodes = geometry_real(&l->geo, l->inode_bitmaps + group, NULL);
	uint64_t table = layout_table(l, group);

	d->bg_block_bitmap_lo = htole32((uint32_t)blocks);
	d->bg_block_bitmap_hi = htole32((uint32_t)(blocks >> 32));
	d->bg_inode_bitmap_lo = htole32((uint32_t)inodes);
	d->bg_inode_bitmap_hi = htole32((uint32_t)(inodes >> 32));
	d->bg_inode_table_lo = htole32((uint32_t)table);
	d->bg_inode_table_hi = htole32((uint32_t)(table >> 32));
}

static void put_blocks(struct ext4_writer *w, uint32_t group, struct ext4_group_desc *d,
	unsigned char *block)
{
	const struct geometry *g = &w->l->geo;

	memset(block, 0, g->block_size);
	/* At most 32768: no group has more blocks. */
	d->bg_free_blocks_count_lo = htole16((uint16_t)block_bitmap(w->l, group, block));
	if (group_blocks_untouched(w->l, group)) {
		d->bg_flags |= htole16(EXT4_BG_BLOCK_UNINIT);
		return;
	}

	uint32_t crc = csum_bitmap(w->fs_seed, block, g->blocks_per_group / 8);

	d->bg_block_bitmap_csum_lo = htole16((uint16_t)crc);
	d->bg_block_bitmap_csum_hi = htole16((uint16_t)(crc >> 16));
}

static void put_inodes(struct ext4_writer *w, uint32_t group, struct ext4_group_desc *d,
	unsigned char *block)
{
	const struct geometry *g = &w->l->geo;
	uint32_t used = group_used_inodes(w->p, group);

	d->bg_free_inodes_count_lo = htole16((uint16_t)(g->inodes_per_group - used));
	d->bg_itable_unused_lo = d->bg_free_inodes_count_lo;
	/* What is not written reads as zeros: the kernel need not clear it. */
	d->bg_flags |= htole16(EXT4_BG_INODE_ZEROED);
	if (!used) {
		d->bg_flags |= htole16(EXT4_BG_INODE_UNINIT);
		return;
	}
	memset(block, 0, g->block_size);
	inode_bitmap(w->p, group, block);

	uint32_t crc = csum_bitmap(w->fs_seed, block, g->inodes_per_group / 8);

	d->bg_inode_bitmap_csum_lo = htole16((uint16_t)crc);
	d->bg_inode_bitmap_csum_hi = htole16((uint16_t)(crc >> 16));
}

int64_t super_time(const struct ext4_plan *p)
{
	return p->options.clamp_set && p->options.clamp > 0 ? p->options.clamp : 0;
}

static void make_super(struct ext4_writer *w)
{
	const struct ext4_plan *p = w->p;
	const struct layout *l = w->l;
	const struct geometry *g = &l->geo;
	uint64_t overhead = (uint64_t)g->backup_len * (1 + g->island_count) +
			    (uint64_t)g->groups * (2 + g->table_blocks);
	le32 time = htole32((uint32_t)super_time(p));
	uint8_t time_hi = (uint8_t)(super_time(p) >> 32);
	struct ext4_super *s = &w->super;

	*s = (struct ext4_super){
		.s_inodes_count = htole32(g->inodes),
		.s_blocks_count_lo = htole32((uint32_t)g->blocks),
		.s_free_blocks_count_lo = htole32((uint32_t)l->free),
		.s_free_inodes_count = htole32(g->inodes - p->last_ino),
		.s_log_block_size = htole32(2),
		.s_log_cluster_size = htole32(2),
		.s_blocks_per_group = htole32(g->blocks_per_group),
		.s_clusters_per_group = htole32(g->blocks_per_group),
		.s_inodes_per_group = htole32(g->inodes_per_group),
		.s_wtime = time,
		.s_max_mnt_count = htole16(0xffff),
		.s_magic = htole16(EXT4_SUPER_MAGIC),
		.s_state = htole16(EXT4_STATE_CLEAN),
		.s_errors = htole16(EXT4_ERRORS_CONTINUE),
		.s_lastcheck = time,
		.s_creator_os = htole32(EXT4_OS_LINUX),
		.s_rev_level = htole32(EXT4_REV_DYNAMIC),
		.s_first_ino = htole32(EXT4_FIRST_INO),
		.s_inode_size = htole16(EXT4_INODE_SIZE),
		.s_feature_compat =
			htole32(EXT4_COMPAT_EXT_ATTR | EXT4_COMPAT_RESIZE_INODE |
				(p->options.linear_dirs ? 0 : EXT4_COMPAT_DIR_INDEX)),
		.s_feature_incompat =
			htole32(EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_EXTENTS |
				EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG),
		.s_feature_ro_compat = htole32(
			EXT4_RO_SPARSE_SUPER | EXT4_RO_LARGE_FILE | EXT4_RO_HUGE_FILE |
			EXT4_RO_DIR_NLINK | EXT4_RO_EXTRA_ISIZE | EXT4_RO_METADATA_CSUM),
		.s_reserved_gdt_blocks = htole16((uint16_t)g->reserve),
		.s_def_hash_version = EXT4_HASH_HALF_MD4,
		.s_desc_size = htole16(EXT4_DESC_SIZE),
		.s_default_mount_opts = htole32(EXT4_DEFM_XATTR_USER | EXT4_DEFM_ACL),
		.s_mkfs_time = time,
		.s_min_extra_isize = htole16(EXT4_EXTRA_ISIZE),
		.s_want_extra_isize = htole16(EXT4_EXTRA_ISIZE),
		.s_flags = htole32(EXT4_FLAGS_SIGNED_HASH),
		.s_log_groups_per_flex = GEOMETRY_FLEX_LOG,
		.s_checksum_type = EXT4_CRC32C_CHKSUM,
		.s_overhead_clusters = htole32((uint32_t)overhead),
		/* s_wtime_hi, s_mtime_hi, s_mkfs_time_hi, s_lastcheck_hi */
		.s_hi_bytes = {time_hi, 0, time_hi, time_hi},
	};
	memcpy(s->s_uuid, p->options.uuid, sizeof(s->s_uuid));
	memcpy(s->s_volume_name, p->options.label, sizeof(s->s_volume_name));
	for (int i = 0; i < 4; i++)
		s->s_hash_seed[i] = htole32(p->options.hash_seed[i]);
}

void super_block(const struct ext4_writer *w, uint32_t group, unsigned char *block)
{
	struct ext4_super s = w->super;

	/* The field is too narrow for the last groups of a very large filesystem. */
	s.s_block_group_nr = htole16((uint16_t)MIN(group, UINT16_MAX));
	csum_super(&s);
	/* In front of the first one is room for a boot loader. */
	memcpy(block + (group ? 0 : EXT4_SUPER_OFFSET), &s, sizeof(s));
}

int groups_make(struct ext4_writer *w, struct o2r_err *err)
{
	const struct geometry *g = &w->l->geo;
	AUTO_FREE unsigned char *block = malloc(g->block_size);

	w->descs = calloc(g->desc_blocks, g->block_size);
	if (!block || !w->descs)
		return err_nomem(err);
	count_dirs(w);
	for (uint32_t group = 0; group < g->groups; group++) {
		struct ext4_group_desc *d = &w->descs[group];

		put_places(w, group, d);
		put_blocks(w, group, d, block);
		put_inodes(w, group, d, block);
		csum_group(d, w->fs_seed, group);
	}
	make_super(w);
	return 0;
}
