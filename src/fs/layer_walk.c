#include "fs/layer_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/layer_parts.h"

enum {
	HOPS_MAX = 255, /* symbolic links followed for one path */
	/* bytes of link targets followed in one layer: so many, and so many an entry */
	FOLLOW_MIN = 64 << 20,
	FOLLOW_ENTRY = 1 << 10,
};

void walk_init(struct layer_walk *w, struct build *b, uint32_t root, size_t entries)
{
	*w = (struct layer_walk){.b = b,
		.root = root,
		.follow_left = FOLLOW_MIN + (uint64_t)FOLLOW_ENTRY * entries};
}

/* What is left to walk: the path itself and the targets of links met on the way. */
struct todo {
	struct {
		const char *p;
		size_t n;
	} frames[HOPS_MAX + 1];
	unsigned count, hops;
};

static bool todo_next(struct todo *t, const char **part, size_t *len)
{
	while (t->count) {
		if (next_part(&t->frames[t->count - 1].p, &t->frames[t->count - 1].n,
			    part, len))
			return true;
		t->count--;
	}
	return false;
}

static int todo_push(struct layer_walk *w, struct todo *t, const struct node *link,
	struct o2r_err *err)
{
	if (t->hops == HOPS_MAX)
		return err_corrupt(
			err, "more than %d symbolic links to follow", (int)HOPS_MAX);
	if (link->size > w->follow_left)
		return err_corrupt(
			err, "following the symbolic links of this layer takes too long");
	w->follow_left -= link->size;
	t->hops++;
	/* a finished frame makes room, so frames never outnumber hops + 1 */
	t->frames[t->count].p = link->u.target;
	t->frames[t->count++].n = link->size;
	return 0;
}

static int check_part(const char *part, size_t len, struct o2r_err *err)
{
	if (len > PART_BYTES)
		return err_corrupt(err, "a name of %zu bytes, more than 255", len);
	switch (part_kind(part, len)) {
	case PART_NAME:
	case PART_AUFS:
		return 0;
	default:
		return err_corrupt(err, "%s is a whiteout, not a directory",
			text_quote(part, len).s);
	}
}

int walk_new_dir(struct layer_walk *w, uint32_t dir, const char *name, size_t len,
	const struct entry *why, unsigned flags, uint32_t *node, struct o2r_err *err)
{
	int r = build_node(w->b, S_IFDIR | 0755, node, err);

	if (r < 0)
		return r;
	w->b->nodes[*node].mtime = why->mtime;
	w->b->nodes[*node].mtime_nsec = why->mtime_nsec;
	w->b->nodes[*node].flags = (uint8_t)flags;
	return build_add(w->b, dir, name, len, *node, err);
}

void walk_remove(struct layer_walk *w, uint32_t name)
{
	struct build *b = w->b;
	uint32_t top = b->names[name].node, dir = top;

	build_remove(b, name);
	/* down to the last directory, back by the parents: depth costs no memory */
	while (node_is_dir(&b->nodes[dir])) {
		uint32_t kid = b->nodes[dir].u.kids.first;

		if (!kid) {
			if (dir == top)
				return;
			dir = build_parent(b, dir);
			continue;
		}
		b->nodes[dir].u.kids.first = b->names[kid].next;

		uint32_t node = b->names[kid].node;

		build_remove(b, kid);
		if (node && node_is_dir(&b->nodes[node]))
			dir = node;
	}
}

/* Made by this layer: a hard link may give a lower layer's a second name here. */
static bool is_own_symlink(const struct layer_walk *w, uint32_t node)
{
	return node >= w->root && S_ISLNK(w->b->nodes[node].mode);
}

/* One step down from *dir to a directory `part`; *dir 0: a weak walk ends here. */
static int step(struct layer_walk *w, struct todo *t, const char *part, size_t len,
	const struct entry *why, bool weak, uint32_t *dir, struct o2r_err *err)
{
	uint32_t name = build_find(w->b, *dir, part, len);
	struct node *n = name ? &w->b->nodes[w->b->names[name].node] : NULL;

	if (n && node_is_dir(n)) {
		*dir = w->b->names[name].node;
		if (!weak && (n->flags & NODE_WEAK)) {
			n->flags &= (uint8_t)~NODE_WEAK;
			n->mtime = why->mtime;
			n->mtime_nsec = why->mtime_nsec;
		}
		return 0;
	}
	if (n && is_own_symlink(w, w->b->names[name].node)) {
		if (n->u.target[0] == '/')
			*dir = w->root;
		return todo_push(w, t, n, err);
	}
	if (n && weak) {
		*dir = 0;
		return 0;
	}
	if (n)
		walk_remove(w, name);
	return walk_new_dir(w, *dir, part, len, why, weak ? NODE_WEAK : 0, dir, err);
}

int walk_parents(struct layer_walk *w, const char *path, size_t len,
	const struct entry *why, bool weak, uint32_t *dir, struct o2r_err *err)
{
	struct todo t;
	const char *part;
	size_t n;

	t.frames[0].p = path;
	t.frames[0].n = len;
	t.count = 1;
	t.hops = 0;
	*dir = w->root;
	while (*dir && todo_next(&t, &part, &n)) {
		int r = 0;

		if (n == 1 && part[0] == '.')
			continue;
		if (n == 2 && part[0] == '.' && part[1] == '.') {
			if (*dir != w->root)
				*dir = build_parent(w->b, *dir);
			continue;
		}
		r = check_part(part, n, err);
		if (r == 0)
			r = step(w, &t, part, n, why, weak, dir, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A directory in both trees at once; 0 where that tree does not have it. */
struct both {
	uint32_t here, below;
};

static uint32_t find_in(const struct build *b, uint32_t dir, const char *part, size_t len)
{
	return dir ? build_find(b, dir, part, len) : 0;
}

static uint32_t dir_of(const struct build *b, uint32_t name)
{
	return name && node_is_dir(&b->nodes[b->names[name].node]) ? b->names[name].node
								   : 0;
}

/* Is there anything left but slashes and dots? The last part of a target is not followed.
 */
static bool is_last(const struct todo *t)
{
	for (unsigned i = 0; i < t->count; i++)
		for (size_t k = 0; k < t->frames[i].n; k++)
			if (t->frames[i].p[k] != '/')
				return false;
	return true;
}

int walk_target(struct layer_walk *w, const char *path, size_t len,
	struct walk_target *out, struct o2r_err *err)
{
	AUTO_FREE struct both *stack = NULL;
	size_t depth = 0, cap = 0, n;
	struct todo t;
	const char *part;

	*out = (struct walk_target){0};
	t.frames[0].p = path;
	t.frames[0].n = len;
	t.count = 1;
	t.hops = 0;
	if (VEC_RESERVE(stack, depth, cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	stack[depth++] = (struct both){w->root, w->b->root};
	while (todo_next(&t, &part, &n)) {
		struct both at = stack[depth - 1];

		if (n == 1 && part[0] == '.')
			continue;
		if (n == 2 && part[0] == '.' && part[1] == '.') {
			depth -= depth > 1;
			continue;
		}
		uint32_t here = find_in(w->b, at.here, part, n);
		uint32_t below = find_in(w->b, at.below, part, n);

		if (is_last(&t)) {
			*out = (struct walk_target){here, below};
			return 0;
		}
		uint32_t node = here ? w->b->names[here].node : 0;

		if (node && is_own_symlink(w, node)) {
			const struct node *link = &w->b->nodes[node];

			if (link->u.target[0] == '/')
				depth = 1;
			int r = todo_push(w, &t, link, err);

			if (r < 0)
				return r;
			continue;
		}
		at = (struct both){dir_of(w->b, here), dir_of(w->b, below)};
		if (!at.here && !at.below)
			return 0;
		if (VEC_RESERVE(stack, depth, cap, 1, SIZE_MAX) < 0)
			return err_nomem(err);
		stack[depth++] = at;
	}
	return 0;
}
