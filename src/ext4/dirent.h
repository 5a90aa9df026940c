/*
 * What the layout and the bytes of directories share (dirs.c, dirblock.c): the names of a
 * source by position, and the sizes of entries and blocks.
 */
#ifndef O2R_EXT4_DIRENT_H
#define O2R_EXT4_DIRENT_H

#include <stddef.h>
#include <stdint.h>

#include "ext4/dirs.h"
#include "ext4/ondisk.h"

enum {
	DIR_DOT_LEN = 12, /* entry of "." and of ".." */
};

static inline uint32_t dir_rec_len(size_t name_len)
{
	return ((uint32_t)name_len + sizeof(struct ext4_dir_entry) + 3) & ~3u;
}

/* What a block has for entries. */
static inline uint32_t dir_room(uint32_t block_size)
{
	return block_size - sizeof(struct ext4_dir_tail);
}

/* Entries of an index block, the one with limit and count included. */
static inline uint32_t dir_dx_limit(uint32_t block_size, uint32_t at)
{
	return (block_size - at - sizeof(struct ext4_dx_tail)) /
	       sizeof(struct ext4_dx_entry);
}

struct dir_name {
	const char *name;
	size_t len;
	uint32_t number; /* as dir_numbers.ino_of takes it */
};

static inline uint32_t dir_source_count(const struct dir_source *s)
{
	return s->count + s->lost_found;
}

/* Name at position i of a source: its slice in order, then the added one. */
static inline struct dir_name dir_source_name(const struct dir_source *s, uint32_t i)
{
	const struct tree_dirent *d;

	if (i == s->count)
		return (struct dir_name){"lost+found", 10, DIR_LOST_FOUND_NAME};
	d = &s->tree->dirents[s->first + i];
	return (struct dir_name){dirent_name(d), dirent_len(d), s->first + i};
}

/* Position of the i-th name on disk. */
static inline uint32_t dir_layout_pos(const struct dir_layout *l, uint32_t i)
{
	return l->names ? (uint32_t)l->names[i] : i;
}

#endif
