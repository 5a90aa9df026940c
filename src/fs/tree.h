/*
 * Tree: the merged file tree of an image. Built by merge.h, then frozen: immutable arrays
 * that any number of threads may read without locks.
 *
 * An inode is an index into one array; the root is inode 1, inode 0 is not used. A
 * directory maps names to inodes, so a hard link is just a second name of an inode.
 * Inodes are numbered in breadth-first order of their first name, so the children of a
 * directory stand together.
 */
#ifndef O2R_FS_TREE_H
#define O2R_FS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "fs/layer.h"

enum {
	TREE_ROOT = 1,
	TREE_BLOCK = 4096, /* what tree_stat counts in, like the ext4 image */
};

/* A name in a directory. Name bytes: 1 to 255, no '/' or NUL; not NUL-terminated. */
struct tree_dirent {
	const unsigned char *name_; /* length byte, then the name; use the accessors */
	uint32_t ino;
	uint16_t layer; /* the last one that had an entry for this path */
};

static inline const char *dirent_name(const struct tree_dirent *d)
{
	return (const char *)d->name_ + 1;
}

static inline size_t dirent_len(const struct tree_dirent *d)
{
	return d->name_[0];
}

struct tree_inode {
	uint64_t size; /* FILE: bytes; SYMLINK: length of the target; otherwise 0 */
	int64_t mtime; /* -2147483648 .. 15032385535: clamped by the merge */
	union {
		uint64_t data_off;  /* FILE, map == 0, size > 0: offset in its layer */
		const char *target; /* SYMLINK, NUL-terminated, 1 to 4095 bytes */
		struct {
			uint32_t first, count; /* DIR: its slice of tree.dirents */
		} dir;
		struct {
			uint32_t major, minor; /* CHR, BLK */
		} dev;
	} u;
	uint32_t mtime_nsec;
	uint32_t uid, gid;
	uint32_t nlink;  /* as stat(2) would show it; directories: 2 + subdirectories */
	uint32_t xattrs; /* 0: none, otherwise index into tree.xattr_sets */
	uint32_t map;    /* FILE: 0: one run, otherwise index into tree.maps */
	uint32_t parent; /* DIR: the directory it is in; the root's is itself */
	uint16_t mode;   /* type and permission bits, as in st_mode */
	/* FILE: whose decoded bytes hold the data. Otherwise who gave the metadata; the
	 * root's time */
	uint16_t layer;
};

struct tree {
	struct tree_inode *inodes; /* 1 .. inode_count */
	uint32_t inode_count;      /* highest inode number */
	struct tree_dirent
		*dirents; /* each directory's slice sorted by name, byte order */
	uint64_t dirent_count;
	const struct xattr_set **xattr_sets; /* [1 .. xattr_set_count], distinct sets */
	uint32_t xattr_set_count;
	const struct data_map **maps; /* [1 .. map_count] */
	uint32_t map_count;
	uint64_t data_bytes; /* file bytes that are data, holes left out */
	unsigned layer_count;
	struct arena arena, xattr_arena; /* names, targets, maps; sets */
};

void tree_destroy(struct tree *t);

static inline const struct tree_inode *tree_get(const struct tree *t, uint32_t ino)
{
	return &t->inodes[ino];
}

/* The entry `name` of a directory, or NULL. "." and ".." are not looked up. */
const struct tree_dirent *tree_lookup_entry(
	const struct tree *t, uint32_t dir, const char *name, size_t len);
/* Its inode, or 0. */
uint32_t tree_lookup(const struct tree *t, uint32_t dir, const char *name, size_t len);

/* Resolve a path (any number of slashes, "." and ".." allowed, relative to the root)
 * without following symbolic links. Returns the inode or 0. */
uint32_t tree_resolve(const struct tree *t, const char *path);

/* The runs of a file: 0, 1 (in *one, for a file without map) or more; returned pointer
 * lives as long as tree and *one. */
const struct data_run *tree_runs(
	const struct tree *t, uint32_t ino, struct data_run *one, uint32_t *count);

/* As stat(2) shows an inode wherever the tree is shown; st_dev is left 0. */
void tree_stat(const struct tree *t, uint32_t ino, struct stat *st);

/* Number of the first run that ends behind off; count when there is none. */
uint32_t tree_first_run(const struct data_run *runs, uint32_t count, uint64_t off);

/* Invariants (names sorted, link counts, ranges); for tests and fuzzers. */
int tree_check(const struct tree *t, struct o2r_err *err) O2R_MUST_CHECK;

/* Where a file's data begins, in the order of the layers. */
struct tree_place {
	uint64_t off; /* of its first run; 0 without data */
	uint32_t ino;
	uint16_t layer;
	bool has_data;
};

struct tree_place tree_place(const struct tree *t, uint32_t ino);
/* By layer, then offset, then number. */
void tree_sort_places(struct tree_place *places, size_t count);

/* Files with data, ordered by (layer, offset of their first run): the order in which the
 * data pass meets them and the image places them. Caller frees. NULL when out of memory.
 */
uint32_t *tree_files_in_data_order(const struct tree *t, uint32_t *count);

#endif
