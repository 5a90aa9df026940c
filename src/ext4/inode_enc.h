/*
 * The 256 bytes of an inode from plain values (kernel: inodes.rst). Pure; callable from
 * any thread; allocates nothing.
 */
#ifndef O2R_EXT4_INODE_ENC_H
#define O2R_EXT4_INODE_ENC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ext4/ondisk.h"

enum {
	INODE_FAST_SYMLINK_MAX = 59, /* longer targets get a block */
	INODE_XATTR_AREA = sizeof(((struct ext4_inode *)NULL)->i_xattrs),
};

/* Seconds: a signed 32-bit number and two more bits of epoch. */
#define INODE_TIME_MIN INT64_C(-2147483648)
#define INODE_TIME_MAX INT64_C(15032385535)

struct inode_values {
	uint64_t size;
	int64_t mtime;       /* seconds, INODE_TIME_MIN .. INODE_TIME_MAX */
	uint32_t mtime_nsec; /* atime, ctime and crtime are the same */
	uint32_t uid, gid;
	uint32_t nlink;  /* as stat would show it; directories over 65 000 are stored as 1
			  */
	uint32_t flags;  /* EXT4_EXTENTS_FL, EXT4_INDEX_FL */
	uint64_t blocks; /* filesystem blocks: data, extent tree, xattr block */
	uint64_t xattr_block;        /* 0: none */
	const unsigned char *iblock; /* 60 bytes, NULL: zeros */
	const unsigned char *xattrs; /* INODE_XATTR_AREA bytes, NULL: zeros */
	uint16_t mode;               /* type and permission bits */
};

/* Every byte of out is written, the checksum too. block_size in bytes. */
void inode_encode(struct ext4_inode *out, const struct inode_values *v,
	uint32_t block_size, uint32_t inode_seed);

/* The two halves of a timestamp: signed 32-bit seconds, and nanoseconds << 2 | epoch. */
void inode_time(int64_t sec, uint32_t nsec, uint32_t *low, uint32_t *extra);

/* i_block of a symbolic link whose target has at most INODE_FAST_SYMLINK_MAX bytes. Such
 * an inode must not have EXT4_EXTENTS_FL. */
void inode_block_symlink(
	unsigned char iblock[EXT4_N_BLOCK_BYTES], const char *target, size_t len);

/* i_block of a device. What does not fit (majors over 4095, minors over 1 048 575) is the
 * caller's to refuse. */
bool inode_device_fits(uint32_t major, uint32_t minor);
void inode_block_device(
	unsigned char iblock[EXT4_N_BLOCK_BYTES], uint32_t major, uint32_t minor);

#endif
