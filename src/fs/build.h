/*
 * The mutable tree that merging works on, private to this room: nodes (inodes) and names
 * in growing arrays, one hash table for all directories, keyed by (directory, name).
 *
 * A layer's own tree and the merged tree live side by side in the same arrays, under
 * different root nodes: laying one over the other then moves whole subtrees by relinking
 * one name. What is removed stays behind as garbage until the freeze. One thread only.
 */
#ifndef O2R_FS_BUILD_H
#define O2R_FS_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ctx.h"
#include "base/err.h"
#include "fs/layer.h"
#include "fs/tree.h"
#include "fs/xattr_pool.h"

enum node_flag {
	NODE_EXPLICIT = 1, /* DIR: an entry of this layer gave its metadata */
	NODE_WEAK = 2,     /* DIR: only whiteouts below it mention it (rule 7) */
	NODE_OPAQUE = 4,   /* DIR: hides the lower directory's content */
	NODE_PENDING = 8,  /* hard link whose target is not known yet; u.entry is set */
};

struct node {
	uint64_t size;
	int64_t mtime;
	union {
		uint64_t data_off;         /* FILE without map */
		const char *target;        /* SYMLINK, size bytes, in the arena */
		const struct entry *entry; /* NODE_PENDING */
		struct {
			uint32_t major, minor; /* CHR, BLK */
		} dev;
		struct {
			uint32_t first, last; /* DIR: list of names, 0 ends it */
		} kids;
	} u;
	uint32_t mtime_nsec;
	uint32_t uid, gid;
	uint32_t xattrs; /* set number in the pool, 0: none */
	uint32_t
		map; /* FILE: number of its data map, 0: none; DIR: its name, 0: a root */
	uint32_t gone; /* DIR: list of the names whited out in it, 0 ends it */
	uint16_t mode; /* with type; 0 while pending */
	uint16_t layer;
	uint8_t flags;
};

struct name {
	const unsigned char *bytes; /* length byte, then the name */
	uint32_t dir;               /* the directory it is in */
	uint32_t node;              /* 0: removed */
	uint32_t next;              /* in the directory's list */
	uint16_t layer;             /* the last one that had an entry for it */
};

/* The hash spares a look at the name, which is far away. */
struct slot {
	uint32_t name; /* 0: empty */
	uint32_t hash;
};

/* Number 0 of nodes and names is not used. */
struct build {
	struct node *nodes;
	size_t node_count, node_cap;
	struct name *names;
	size_t name_count, name_cap;
	struct slot *slots; /* a power of two of them */
	size_t slot_count, slot_used;
	const struct data_map **maps;
	size_t map_count, map_cap;
	struct xattr_pool xattrs;
	struct arena arena;
	uint64_t hash_seed;
	uint64_t max; /* names, removed ones too */
	uint32_t root;
	uint16_t layer; /* what new nodes and names get */
};

int build_init(struct build *b, uint64_t max, struct o2r_err *err) O2R_MUST_CHECK;
void build_finish(struct build *b);

/* About so many names and nodes will come: growing step by step costs more. */
int build_expect(struct build *b, size_t names, struct o2r_err *err) O2R_MUST_CHECK;

static inline bool node_is_dir(const struct node *n)
{
	return S_ISDIR(n->mode);
}

/* A node of zeros with this mode. Node pointers move when a node is added. */
int build_node(struct build *b, uint16_t mode, uint32_t *node,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The name's number, or 0. */
uint32_t build_find(const struct build *b, uint32_t dir, const char *name, size_t len);

/* Add a name that the directory does not have. len is 1 .. 255. */
int build_add(struct build *b, uint32_t dir, const char *name, size_t len, uint32_t node,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Note that the directory whites a name out (any number of times). */
int build_add_gone(struct build *b, uint32_t dir, const char *name, size_t len,
	struct o2r_err *err) O2R_MUST_CHECK;

static inline void build_remove(struct build *b, uint32_t name)
{
	b->names[name].node = 0;
}

/* The directory that a directory is in, or was in when it was removed; 0 for a root. */
static inline uint32_t build_parent(const struct build *b, uint32_t dir)
{
	uint32_t name = b->nodes[dir].map;

	return name ? b->names[name].dir : 0;
}

/* Move an existing name into another directory that does not have it. The caller has
 * taken the name's `next` already. */
int build_move(
	struct build *b, uint32_t name, uint32_t dir, struct o2r_err *err) O2R_MUST_CHECK;

/* A private copy of the map, by number. */
int build_map(struct build *b, const struct data_map *map, uint32_t *number,
	struct o2r_err *err) O2R_MUST_CHECK;

/* "/a/b" of a directory by its parents, for messages only; cut when it does not fit. */
struct build_path {
	char s[300];
};
struct build_path build_path(
	const struct build *b, uint32_t dir, const char *name, size_t len);

#endif
