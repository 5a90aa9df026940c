/*
 * Extended attributes on disk (kernel: attributes.rst). A set goes into the inode when it
 * fits there; otherwise the inode is filled with what fits, in the order of names, and
 * the rest goes into one block, which inodes with the same set may share. Pure; callable
 * from any thread; allocates nothing. POSIX ACLs are turned into the on-disk form.
 */
#ifndef O2R_EXT4_XATTR_ENC_H
#define O2R_EXT4_XATTR_ENC_H

#include <stdint.h>

#include "base/err.h"
#include "ext4/ondisk.h"
#include "fs/tree.h"

struct xattr_place {
	uint32_t inode_count, block_count; /* attributes in each place */
	uint32_t inode_bytes;              /* used, header included; 0: none there */
	uint32_t block_bytes;              /* used, header included; 0: no block needed */
};

/*
 * Where the set goes. Errors, to which the caller adds the file: a name without ext4
 * prefix or over 255 bytes, a malformed ACL (-EINVAL); what is left over does not fit one
 * block (-ENOSPC, class FAIL, names the bytes needed).
 */
int xattr_place(const struct xattr_set *set, uint32_t block_size, struct xattr_place *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The inode's part of a set that xattr_place accepted. Every byte is written: zeros when
 * nothing goes there. */
void xattr_encode_inode(const struct xattr_set *set,
	unsigned char area[sizeof(((struct ext4_inode *)NULL)->i_xattrs)]);

/* The block's part: refcount (1 .. 1024) inodes share it. block_nr enters the checksum.
 */
void xattr_encode_block(const struct xattr_set *set, uint32_t block_size,
	uint32_t refcount, uint32_t fs_seed, uint64_t block_nr, unsigned char *block);

#endif
