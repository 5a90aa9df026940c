#include "ext4/csum.h"

#include "base/crc32c.h"
#include "base/le.h"

uint32_t csum_fs_seed(const unsigned char uuid[16])
{
	return crc32c(~0u, uuid, 16);
}

uint32_t csum_inode_seed(uint32_t fs_seed, uint32_t ino)
{
	unsigned char key[8] = {0}; /* number, then generation 0 */

	put_le32(key, ino);
	return crc32c(fs_seed, key, sizeof(key));
}

void csum_super(struct ext4_super *sb)
{
	sb->s_checksum =
		htole32(crc32c(~0u, sb, offsetof(struct ext4_super, s_checksum)));
}

void csum_group(struct ext4_group_desc *gd, uint32_t fs_seed, uint32_t group)
{
	unsigned char key[4];

	put_le32(key, group);
	gd->bg_checksum = 0;
	gd->bg_checksum = htole16(
		crc32c(crc32c(fs_seed, key, sizeof(key)), gd, sizeof(*gd)) & 0xffff);
}

uint32_t csum_bitmap(uint32_t fs_seed, const void *bitmap, size_t n)
{
	return crc32c(fs_seed, bitmap, n);
}

void csum_inode(struct ext4_inode *inode, uint32_t inode_seed)
{
	uint32_t crc;

	inode->i_checksum_lo = 0;
	inode->i_checksum_hi = 0;
	crc = crc32c(inode_seed, inode, sizeof(*inode));
	inode->i_checksum_lo = htole16(crc & 0xffff);
	inode->i_checksum_hi = htole16(crc >> 16);
}

void csum_dir_block(void *block, size_t block_size, uint32_t inode_seed)
{
	size_t n = block_size - sizeof(struct ext4_dir_tail);
	struct ext4_dir_tail *tail = (void *)((char *)block + n);

	*tail = (struct ext4_dir_tail){
		.det_rec_len = htole16(sizeof(*tail)),
		.det_reserved_ft = EXT4_DIR_TAIL_FT,
		.det_checksum = htole32(crc32c(inode_seed, block, n)),
	};
}

void csum_dx_block(void *block, size_t at, uint32_t inode_seed)
{
	const struct ext4_dx_countlimit *cl = (void *)((char *)block + at);
	size_t entry = sizeof(struct ext4_dx_entry);
	size_t used = at + le16toh(cl->count) * entry;
	struct ext4_dx_tail *tail =
		(void *)((char *)block + at + le16toh(cl->limit) * entry);
	uint32_t crc;

	/* Entries that are not in use are left out; the tail's own checksum counts as 0.
	 */
	tail->dt_checksum = 0;
	crc = crc32c(inode_seed, block, used);
	tail->dt_checksum = htole32(crc32c(crc, tail, sizeof(*tail)));
}

void csum_extent_block(void *block, uint32_t inode_seed)
{
	const struct ext4_extent_header *eh = block;
	size_t n = sizeof(*eh) + le16toh(eh->eh_max) * sizeof(struct ext4_extent);
	struct ext4_extent_tail *tail = (void *)((char *)block + n);

	tail->et_checksum = htole32(crc32c(inode_seed, block, n));
}

void csum_xattr_block(void *block, size_t block_size, uint32_t fs_seed, uint64_t block_nr)
{
	struct ext4_xattr_header *h = block;
	unsigned char key[8];

	put_le64(key, block_nr);
	h->h_checksum = 0;
	h->h_checksum =
		htole32(crc32c(crc32c(fs_seed, key, sizeof(key)), block, block_size));
}
