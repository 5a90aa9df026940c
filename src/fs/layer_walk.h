/*
 * Walking paths through a layer's own tree (docs/layers.md, rules 2, 3 and 5), private to
 * this room: parents of entries, which are made where missing, and targets of hard links.
 */
#ifndef O2R_FS_LAYER_WALK_H
#define O2R_FS_LAYER_WALK_H

#include "fs/build.h"

struct layer_walk {
	struct build *b;
	uint32_t root; /* of this layer's tree */
	/* bytes of link targets that may still be followed: entries of 512 bytes must
	 * not each cost a walk of 255 targets */
	uint64_t follow_left;
};

void walk_init(struct layer_walk *w, struct build *b, uint32_t root, size_t entries);

/* A new directory with no entry of its own: 0755, 0:0, the time of the entry that needs
 * it. */
int walk_new_dir(struct layer_walk *w, uint32_t dir, const char *name, size_t len,
	const struct entry *why, unsigned flags, uint32_t *node,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Take a name of this layer away, with all names below it (pending links among them). */
void walk_remove(struct layer_walk *w, uint32_t name);

/*
 * The directory that `path` (len bytes, all parts are directories) leads to. What is
 * missing is made; with `weak` only as a place for whiteouts, and then *dir is 0 when a
 * non-directory of this layer is in the way (without, it is replaced).
 */
int walk_parents(struct layer_walk *w, const char *path, size_t len,
	const struct entry *why, bool weak, uint32_t *dir,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Names that a link target leads to; 0 where there is none. */
struct walk_target {
	uint32_t here;  /* in this layer's tree */
	uint32_t below; /* in the merged tree, as it was before this layer */
};

int walk_target(struct layer_walk *w, const char *path, size_t len,
	struct walk_target *out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
