#include "ext4/inode_enc.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "base/le.h"
#include "ext4/csum.h"

void inode_time(int64_t sec, uint32_t nsec, uint32_t *low, uint32_t *extra)
{
	int64_t epoch = (sec - (int32_t)(uint32_t)sec) / ((int64_t)1 << 32);

	assert(epoch >= 0 && epoch <= 3);
	assert(nsec < 1000000000);
	*low = (uint32_t)sec;
	*extra = nsec << 2 | (uint32_t)epoch;
}

static void encode_times(struct ext4_inode *out, int64_t sec, uint32_t nsec)
{
	uint32_t low, extra;

	inode_time(sec, nsec, &low, &extra);
	out->i_atime = out->i_ctime = out->i_mtime = out->i_crtime = htole32(low);
	out->i_atime_extra = out->i_ctime_extra = htole32(extra);
	out->i_mtime_extra = out->i_crtime_extra = htole32(extra);
}

static void encode_links(struct ext4_inode *out, const struct inode_values *v)
{
	uint32_t n = v->nlink;

	/* 1 is how dir_nlink says "too many to count". */
	if (S_ISDIR(v->mode) && n > EXT4_LINK_MAX)
		n = 1;
	assert(n <= EXT4_LINK_MAX);
	out->i_links_count = htole16((uint16_t)n);
}

/* In units of 512 bytes as long as 48 bits hold them, then in filesystem blocks. */
static void encode_blocks(
	struct ext4_inode *out, uint64_t blocks, uint32_t block_size, uint32_t *flags)
{
	uint64_t n = blocks * (block_size / 512);

	if (n >> 48) {
		*flags |= EXT4_HUGE_FILE_FL;
		n = blocks;
	}
	out->i_blocks_lo = htole32((uint32_t)n);
	out->i_blocks_high = htole16((uint16_t)(n >> 32));
}

void inode_encode(struct ext4_inode *out, const struct inode_values *v,
	uint32_t block_size, uint32_t inode_seed)
{
	uint32_t flags = v->flags;

	memset(out, 0, sizeof(*out));
	out->i_mode = htole16(v->mode);
	out->i_uid = htole16(v->uid & 0xffff);
	out->i_uid_high = htole16(v->uid >> 16);
	out->i_gid = htole16(v->gid & 0xffff);
	out->i_gid_high = htole16(v->gid >> 16);
	out->i_size_lo = htole32((uint32_t)v->size);
	out->i_size_high = htole32(v->size >> 32);
	encode_links(out, v);
	encode_blocks(out, v->blocks, block_size, &flags);
	out->i_flags = htole32(flags);
	out->i_file_acl_lo = htole32((uint32_t)v->xattr_block);
	out->i_file_acl_high = htole16((uint16_t)(v->xattr_block >> 32));
	out->i_extra_isize = htole16(EXT4_EXTRA_ISIZE);
	encode_times(out, v->mtime, v->mtime_nsec);
	if (v->iblock)
		memcpy(out->i_block, v->iblock, sizeof(out->i_block));
	if (v->xattrs)
		memcpy(out->i_xattrs, v->xattrs, sizeof(out->i_xattrs));
	csum_inode(out, inode_seed);
}

void inode_block_symlink(
	unsigned char iblock[EXT4_N_BLOCK_BYTES], const char *target, size_t len)
{
	assert(len <= INODE_FAST_SYMLINK_MAX);
	memset(iblock, 0, EXT4_N_BLOCK_BYTES);
	memcpy(iblock, target, len);
}

bool inode_device_fits(uint32_t major, uint32_t minor)
{
	return major < 1u << 12 && minor < 1u << 20;
}

void inode_block_device(
	unsigned char iblock[EXT4_N_BLOCK_BYTES], uint32_t major, uint32_t minor)
{
	assert(inode_device_fits(major, minor));
	memset(iblock, 0, EXT4_N_BLOCK_BYTES);
	if (major < 256 && minor < 256)
		put_le32(iblock, major << 8 | minor);
	else
		put_le32(
			iblock + 4, (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12);
}
