#include "fs/overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/layer_parts.h"
#include "fs/merge_warn.h"

/* A directory of the layer and the merged one it is laid over. */
struct pair {
	uint32_t upper, lower;
};

/* Work to do instead of recursion: paths may be tens of thousands of parts deep. */
struct overlay {
	struct build *b;
	struct warn *warn;
	struct pair
		*pairs; /* lower 0: only tidy the upper one, which is in place already */
	size_t count, cap;
};

static void overlay_finish(struct overlay *o)
{
	free(o->pairs);
}

static int push(struct overlay *o, uint32_t upper, uint32_t lower, struct o2r_err *err)
{
	if (VEC_RESERVE(o->pairs, o->count, o->cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	o->pairs[o->count++] = (struct pair){upper, lower};
	return 0;
}

static bool is_hidden(const struct name *n)
{
	return part_kind((const char *)n->bytes + 1, n->bytes[0]) != PART_NAME;
}

static void drop_children(struct build *b, uint32_t dir)
{
	for (uint32_t k = b->nodes[dir].u.kids.first; k; k = b->names[k].next)
		build_remove(b, k);
	b->nodes[dir].u.kids.first = b->nodes[dir].u.kids.last = 0;
}

static void apply_whiteouts(struct build *b, uint32_t upper, uint32_t lower)
{
	if (b->nodes[upper].flags & NODE_OPAQUE)
		drop_children(b, lower);
	for (uint32_t k = b->nodes[upper].gone; k; k = b->names[k].next) {
		uint32_t name = build_find(b, lower, (const char *)b->names[k].bytes + 1,
			b->names[k].bytes[0]);

		if (name)
			build_remove(b, name);
	}
}

/* A subtree that comes into the merged tree whole: without bookkeeping. */
static int tidy(struct overlay *o, uint32_t dir, struct o2r_err *err)
{
	struct build *b = o->b;

	b->nodes[dir].gone = 0;
	b->nodes[dir].flags = 0;
	for (uint32_t k = b->nodes[dir].u.kids.first; k; k = b->names[k].next) {
		const struct node *n = &b->nodes[b->names[k].node];

		if (!b->names[k].node)
			continue;
		if (is_hidden(&b->names[k]) || (n->flags & NODE_WEAK))
			build_remove(b, k);
		else if (node_is_dir(n) && push(o, b->names[k].node, 0, err) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The metadata of a directory entry replaces what the lower layers said. */
static void take_metadata(struct build *b, uint32_t lower, uint32_t upper)
{
	struct node *l = &b->nodes[lower];
	const struct node *u = &b->nodes[upper];

	l->mode = u->mode;
	l->uid = u->uid;
	l->gid = u->gid;
	l->mtime = u->mtime;
	l->mtime_nsec = u->mtime_nsec;
	l->xattrs = u->xattrs;
	l->layer = u->layer;
}

static void warn_hidden_link(struct overlay *o, uint32_t lower_dir, uint32_t name)
{
	const struct name *n = &o->b->names[name];

	if (warn_due(o->warn, MERGE_WARN_LINK_HIDDEN))
		warn_text(o->warn,
			"%s: a symbolic link of a lower layer is hidden by a directory "
			"that no "
			"entry asked for",
			build_path(
				o->b, lower_dir, (const char *)n->bytes + 1, n->bytes[0])
				.s);
}

/* Lay one name of the layer's directory over the merged directory `lower_dir`. */
static int lay_name(
	struct overlay *o, uint32_t name, uint32_t lower_dir, struct o2r_err *err)
{
	struct build *b = o->b;
	uint32_t node = b->names[name].node;
	const struct node *n = &b->nodes[node];
	uint32_t old = build_find(b, lower_dir, (const char *)b->names[name].bytes + 1,
		b->names[name].bytes[0]);
	uint32_t old_node = old ? b->names[old].node : 0;

	if (node_is_dir(n) && old && node_is_dir(&b->nodes[old_node])) {
		if (n->flags & NODE_EXPLICIT) {
			take_metadata(b, old_node, node);
			b->names[old].layer = b->names[name].layer;
		}
		return push(o, node, old_node, err);
	}
	if (n->flags & NODE_WEAK && !old)
		return 0;
	if (old) {
		if (node_is_dir(n) && !(n->flags & NODE_EXPLICIT) &&
			S_ISLNK(b->nodes[old_node].mode))
			warn_hidden_link(o, lower_dir, old);
		build_remove(b, old);
	}

	int r = build_move(b, name, lower_dir, err);

	if (r == 0 && node_is_dir(&b->nodes[node]))
		r = push(o, node, 0, err);
	return r;
}

static int lay_dir(struct overlay *o, uint32_t upper, uint32_t lower, struct o2r_err *err)
{
	struct build *b = o->b;
	uint32_t next;

	apply_whiteouts(b, upper, lower);
	for (uint32_t k = b->nodes[upper].u.kids.first; k; k = next) {
		next = b->names[k].next;
		if (!b->names[k].node || is_hidden(&b->names[k]))
			continue;
		int r = lay_name(o, k, lower, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int overlay_apply(
	struct build *b, uint32_t layer_root, struct warn *warn, struct o2r_err *err)
{
	struct overlay o CLEANUP(overlay_finish) = {.b = b, .warn = warn};
	struct node *root = &b->nodes[b->root];
	int r = push(&o, layer_root, b->root, err);

	/* the root's mode, owner and xattrs are nobody's to set, its time is (rule 8) */
	if (b->nodes[layer_root].flags & NODE_EXPLICIT) {
		root->flags |= NODE_EXPLICIT;
		root->mtime = b->nodes[layer_root].mtime;
		root->mtime_nsec = b->nodes[layer_root].mtime_nsec;
		root->layer = b->nodes[layer_root].layer;
	}
	while (r == 0 && o.count) {
		struct pair p = o.pairs[--o.count];

		r = p.lower ? lay_dir(&o, p.upper, p.lower, err) : tidy(&o, p.upper, err);
	}
	return r;
}
