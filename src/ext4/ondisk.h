/*
 * ext4 on disk: packed little-endian structures, constants and feature bits, named as the
 * kernel names them (kernel documentation, filesystems/ext4). Nothing but declarations.
 *
 * Every multi-byte field is little-endian: store with htole16/32/64, load with
 * le16/32/64toh. The structures are packed, so they may lie over a buffer at any address.
 */
#ifndef O2R_EXT4_ONDISK_H
#define O2R_EXT4_ONDISK_H

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t le16;
typedef uint32_t le32;
typedef uint64_t le64;

#define EXT4_PACKED __attribute__((packed))
#define EXT4_SIZE(type, n) static_assert(sizeof(struct type) == (n), #type " size")
#define EXT4_AT(type, field, n)                                                          \
	static_assert(offsetof(struct type, field) == (n), #type "." #field)

enum {
	EXT4_SUPER_OFFSET = 1024,
	EXT4_SUPER_MAGIC = 0xef53,
	EXT4_GOOD_OLD_INODE = 128,
	EXT4_INODE_SIZE = 256,
	EXT4_EXTRA_ISIZE = 32,
	EXT4_DESC_SIZE = 64,
	EXT4_N_BLOCK_BYTES = 60,
	EXT4_LINK_MAX = 65000,
	EXT4_NAME_MAX = 255,
	EXT4_CRC32C_CHKSUM = 1, /* s_checksum_type */
	EXT4_MIN_BLOCK = 1024,
	EXT4_MAX_BLOCK = 4096, /* what this writer makes */
};

/* Reserved inode numbers (kernel: special_inodes.rst). */
enum {
	EXT4_BAD_INO = 1,
	EXT4_ROOT_INO = 2,
	EXT4_RESIZE_INO = 7,
	EXT4_JOURNAL_INO = 8,
	EXT4_FIRST_INO = 11,
};

enum {
	EXT4_COMPAT_HAS_JOURNAL = 0x0004,
	EXT4_COMPAT_EXT_ATTR = 0x0008,
	EXT4_COMPAT_RESIZE_INODE = 0x0010,
	EXT4_COMPAT_DIR_INDEX = 0x0020,

	EXT4_INCOMPAT_FILETYPE = 0x0002,
	EXT4_INCOMPAT_EXTENTS = 0x0040,
	EXT4_INCOMPAT_64BIT = 0x0080,
	EXT4_INCOMPAT_FLEX_BG = 0x0200,
	EXT4_INCOMPAT_EA_INODE = 0x0400,

	EXT4_RO_SPARSE_SUPER = 0x0001,
	EXT4_RO_LARGE_FILE = 0x0002,
	EXT4_RO_HUGE_FILE = 0x0008,
	EXT4_RO_DIR_NLINK = 0x0020,
	EXT4_RO_EXTRA_ISIZE = 0x0040,
	EXT4_RO_METADATA_CSUM = 0x0400,
};

/* s_flags */
enum {
	EXT4_FLAGS_SIGNED_HASH = 0x0001,
	EXT4_FLAGS_UNSIGNED_HASH = 0x0002,
};

/* s_state, s_errors, s_creator_os, s_rev_level, s_default_mount_opts */
enum {
	EXT4_STATE_CLEAN = 1,
	EXT4_ERRORS_CONTINUE = 1,
	EXT4_OS_LINUX = 0,
	EXT4_REV_DYNAMIC = 1,
	EXT4_DEFM_XATTR_USER = 0x0004,
	EXT4_DEFM_ACL = 0x0008,
};

/* s_def_hash_version and dx_root_info.hash_version */
enum {
	EXT4_HASH_HALF_MD4 = 1,
};

/* bg_flags */
enum {
	EXT4_BG_INODE_UNINIT = 0x0001,
	EXT4_BG_BLOCK_UNINIT = 0x0002,
	EXT4_BG_INODE_ZEROED = 0x0004,
};

/* i_flags */
enum {
	EXT4_INDEX_FL = 0x00001000,
	EXT4_HUGE_FILE_FL = 0x00040000,
	EXT4_EXTENTS_FL = 0x00080000,
};

/* Superblock (super.rst). */
struct ext4_super {
	le32 s_inodes_count;
	le32 s_blocks_count_lo;
	le32 s_r_blocks_count_lo;
	le32 s_free_blocks_count_lo;
	le32 s_free_inodes_count;
	le32 s_first_data_block;
	le32 s_log_block_size;
	le32 s_log_cluster_size;
	le32 s_blocks_per_group;
	le32 s_clusters_per_group;
	le32 s_inodes_per_group;
	le32 s_mtime;
	le32 s_wtime;
	le16 s_mnt_count;
	le16 s_max_mnt_count;
	le16 s_magic;
	le16 s_state;
	le16 s_errors;
	le16 s_minor_rev_level;
	le32 s_lastcheck;
	le32 s_checkinterval;
	le32 s_creator_os;
	le32 s_rev_level;
	le16 s_def_resuid;
	le16 s_def_resgid;
	le32 s_first_ino;
	le16 s_inode_size;
	le16 s_block_group_nr;
	le32 s_feature_compat;
	le32 s_feature_incompat;
	le32 s_feature_ro_compat;
	uint8_t s_uuid[16];
	char s_volume_name[16];
	char s_last_mounted[64];
	le32 s_algorithm_usage_bitmap;
	uint8_t s_prealloc_blocks;
	uint8_t s_prealloc_dir_blocks;
	le16 s_reserved_gdt_blocks;
	uint8_t s_journal_uuid[16];
	le32 s_journal_inum;
	le32 s_journal_dev;
	le32 s_last_orphan;
	le32 s_hash_seed[4];
	uint8_t s_def_hash_version;
	uint8_t s_jnl_backup_type;
	le16 s_desc_size;
	le32 s_default_mount_opts;
	le32 s_first_meta_bg;
	le32 s_mkfs_time;
	le32 s_jnl_blocks[17];
	le32 s_blocks_count_hi;
	le32 s_r_blocks_count_hi;
	le32 s_free_blocks_count_hi;
	le16 s_min_extra_isize;
	le16 s_want_extra_isize;
	le32 s_flags;
	le16 s_raid_stride;
	le16 s_mmp_update_interval;
	le64 s_mmp_block;
	le32 s_raid_stripe_width;
	uint8_t s_log_groups_per_flex;
	uint8_t s_checksum_type;
	uint8_t s_encryption_level;
	uint8_t s_reserved_pad;
	le64 s_kbytes_written;
	le32 s_snapshot_inum;
	le32 s_snapshot_id;
	le64 s_snapshot_r_blocks_count;
	le32 s_snapshot_list;
	le32 s_error_count;
	le32 s_first_error_time;
	le32 s_first_error_ino;
	le64 s_first_error_block;
	uint8_t s_first_error_func[32];
	le32 s_first_error_line;
	le32 s_last_error_time;
	le32 s_last_error_ino;
	le32 s_last_error_line;
	le64 s_last_error_block;
	uint8_t s_last_error_func[32];
	uint8_t s_mount_opts[64];
	le32 s_usr_quota_inum;
	le32 s_grp_quota_inum;
	le32 s_overhead_clusters;
	le32 s_backup_bgs[2];
	uint8_t s_encrypt_algos[4];
	uint8_t s_encrypt_pw_salt[16];
	le32 s_lpf_ino;
	le32 s_prj_quota_inum;
	le32 s_checksum_seed;
	uint8_t s_hi_bytes[8]; /* high bytes of times and of the error codes */
	le16 s_encoding;
	le16 s_encoding_flags;
	le32 s_orphan_file_inum;
	le32 s_reserved[94];
	le32 s_checksum;
} EXT4_PACKED;
EXT4_SIZE(ext4_super, 1024);
EXT4_AT(ext4_super, s_magic, 0x38);
EXT4_AT(ext4_super, s_uuid, 0x68);
EXT4_AT(ext4_super, s_reserved_gdt_blocks, 0xce);
EXT4_AT(ext4_super, s_hash_seed, 0xec);
EXT4_AT(ext4_super, s_desc_size, 0xfe);
EXT4_AT(ext4_super, s_mkfs_time, 0x108);
EXT4_AT(ext4_super, s_blocks_count_hi, 0x150);
EXT4_AT(ext4_super, s_flags, 0x160);
EXT4_AT(ext4_super, s_log_groups_per_flex, 0x174);
EXT4_AT(ext4_super, s_kbytes_written, 0x178);
EXT4_AT(ext4_super, s_error_count, 0x194);
EXT4_AT(ext4_super, s_mount_opts, 0x200);
EXT4_AT(ext4_super, s_overhead_clusters, 0x248);
EXT4_AT(ext4_super, s_lpf_ino, 0x268);
EXT4_AT(ext4_super, s_checksum_seed, 0x270);
EXT4_AT(ext4_super, s_checksum, 0x3fc);

/* Group descriptor with the 64bit feature (group_descr.rst). */
struct ext4_group_desc {
	le32 bg_block_bitmap_lo;
	le32 bg_inode_bitmap_lo;
	le32 bg_inode_table_lo;
	le16 bg_free_blocks_count_lo;
	le16 bg_free_inodes_count_lo;
	le16 bg_used_dirs_count_lo;
	le16 bg_flags;
	le32 bg_exclude_bitmap_lo;
	le16 bg_block_bitmap_csum_lo;
	le16 bg_inode_bitmap_csum_lo;
	le16 bg_itable_unused_lo;
	le16 bg_checksum;
	le32 bg_block_bitmap_hi;
	le32 bg_inode_bitmap_hi;
	le32 bg_inode_table_hi;
	le16 bg_free_blocks_count_hi;
	le16 bg_free_inodes_count_hi;
	le16 bg_used_dirs_count_hi;
	le16 bg_itable_unused_hi;
	le32 bg_exclude_bitmap_hi;
	le16 bg_block_bitmap_csum_hi;
	le16 bg_inode_bitmap_csum_hi;
	le32 bg_reserved;
} EXT4_PACKED;
EXT4_SIZE(ext4_group_desc, EXT4_DESC_SIZE);
EXT4_AT(ext4_group_desc, bg_checksum, 0x1e);

/* Inode: 128 old bytes, 32 extra bytes, then in-inode xattrs (inodes.rst). */
struct ext4_inode {
	le16 i_mode;
	le16 i_uid;
	le32 i_size_lo;
	le32 i_atime;
	le32 i_ctime;
	le32 i_mtime;
	le32 i_dtime;
	le16 i_gid;
	le16 i_links_count;
	le32 i_blocks_lo;
	le32 i_flags;
	le32 i_version;
	uint8_t i_block[EXT4_N_BLOCK_BYTES];
	le32 i_generation;
	le32 i_file_acl_lo;
	le32 i_size_high;
	le32 i_obso_faddr;
	le16 i_blocks_high;
	le16 i_file_acl_high;
	le16 i_uid_high;
	le16 i_gid_high;
	le16 i_checksum_lo;
	le16 i_reserved;
	le16 i_extra_isize;
	le16 i_checksum_hi;
	le32 i_ctime_extra;
	le32 i_mtime_extra;
	le32 i_atime_extra;
	le32 i_crtime;
	le32 i_crtime_extra;
	le32 i_version_hi;
	le32 i_projid;
	uint8_t i_xattrs[EXT4_INODE_SIZE - EXT4_GOOD_OLD_INODE - EXT4_EXTRA_ISIZE];
} EXT4_PACKED;
EXT4_SIZE(ext4_inode, EXT4_INODE_SIZE);
EXT4_AT(ext4_inode, i_block, 40);
EXT4_AT(ext4_inode, i_checksum_lo, 0x7c);
EXT4_AT(ext4_inode, i_extra_isize, 128);
EXT4_AT(ext4_inode, i_xattrs, 160);

/* Extent tree (ifork.rst, "Extent Tree"). */
struct ext4_extent_header {
	le16 eh_magic;
	le16 eh_entries;
	le16 eh_max;
	le16 eh_depth;
	le32 eh_generation;
} EXT4_PACKED;
EXT4_SIZE(ext4_extent_header, 12);

struct ext4_extent {
	le32 ee_block;
	le16 ee_len; /* 1 .. 32768; more means unwritten */
	le16 ee_start_hi;
	le32 ee_start_lo;
} EXT4_PACKED;
EXT4_SIZE(ext4_extent, 12);

struct ext4_extent_idx {
	le32 ei_block;
	le32 ei_leaf_lo;
	le16 ei_leaf_hi;
	le16 ei_unused;
} EXT4_PACKED;
EXT4_SIZE(ext4_extent_idx, 12);

struct ext4_extent_tail {
	le32 et_checksum;
} EXT4_PACKED;

enum {
	EXT4_EXT_MAGIC = 0xf30a,
	EXT4_EXT_INIT_MAX_LEN = 32768,
	EXT4_EXT_MAX_DEPTH = 5,
	EXT4_EXT_ROOT_MAX = 4,
};

/* Directory entries and the hash tree (directory.rst). */
struct ext4_dir_entry {
	le32 inode;
	le16 rec_len;
	uint8_t name_len;
	uint8_t file_type;
	char name[];
} EXT4_PACKED;
EXT4_SIZE(ext4_dir_entry, 8);

struct ext4_dir_tail {
	le32 det_reserved_zero1;
	le16 det_rec_len; /* 12 */
	uint8_t det_reserved_zero2;
	uint8_t det_reserved_ft;
	le32 det_checksum;
} EXT4_PACKED;
EXT4_SIZE(ext4_dir_tail, 12);

enum {
	EXT4_DIR_TAIL_FT = 0xde,
	EXT4_FT_REG = 1,
	EXT4_FT_DIR = 2,
	EXT4_FT_CHR = 3,
	EXT4_FT_BLK = 4,
	EXT4_FT_FIFO = 5,
	EXT4_FT_SOCK = 6,
	EXT4_FT_SYMLINK = 7,
};

struct ext4_dx_root_info {
	le32 reserved_zero;
	uint8_t hash_version;
	uint8_t info_length; /* 8 */
	uint8_t indirect_levels;
	uint8_t unused_flags;
} EXT4_PACKED;
EXT4_SIZE(ext4_dx_root_info, 8);

/* Entry 0 has limit and count where the hash would be. */
struct ext4_dx_entry {
	le32 hash;
	le32 block;
} EXT4_PACKED;
EXT4_SIZE(ext4_dx_entry, 8);

struct ext4_dx_countlimit {
	le16 limit;
	le16 count;
	le32 block; /* of entry 0 */
} EXT4_PACKED;
EXT4_SIZE(ext4_dx_countlimit, 8);

struct ext4_dx_tail {
	le32 dt_reserved;
	le32 dt_checksum;
} EXT4_PACKED;
EXT4_SIZE(ext4_dx_tail, 8);

enum {
	EXT4_DX_ROOT_INFO = 24,    /* behind "." and ".." */
	EXT4_DX_ROOT_ENTRIES = 32, /* countlimit of a root */
	EXT4_DX_NODE_ENTRIES = 8,  /* countlimit of a node, behind one fake entry */
	EXT4_DX_MAX_LEVELS = 2,    /* without large_dir */
};

/* Extended attributes (attributes.rst). */
struct ext4_xattr_ibody_header {
	le32 h_magic;
} EXT4_PACKED;

struct ext4_xattr_header {
	le32 h_magic;
	le32 h_refcount;
	le32 h_blocks;
	le32 h_hash;
	le32 h_checksum;
	le32 h_reserved[3];
} EXT4_PACKED;
EXT4_SIZE(ext4_xattr_header, 32);

struct ext4_xattr_entry {
	uint8_t e_name_len;
	uint8_t e_name_index;
	le16 e_value_offs;
	le32 e_value_inum;
	le32 e_value_size;
	le32 e_hash;
	char e_name[];
} EXT4_PACKED;
EXT4_SIZE(ext4_xattr_entry, 16);

enum {
	EXT4_XATTR_MAGIC = (int)0xea020000,
	EXT4_XATTR_REFCOUNT_MAX = 1024,
	EXT4_XATTR_USER = 1,
	EXT4_XATTR_ACL_ACCESS = 2,
	EXT4_XATTR_ACL_DEFAULT = 3,
	EXT4_XATTR_TRUSTED = 4,
	EXT4_XATTR_SECURITY = 6,
};

#endif
