#include "fs/layer_links.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/merge_warn.h"
#include "fs/posix_acl.h"

struct pending_link {
	const struct entry *entry;
	uint32_t name;
	uint32_t node; /* what the name gets; 0 while not resolved */
	uint32_t from; /* while resolving a chain: the link before this one */
	uint32_t
		name_below; /* what the layers below have under the target's name, or 0 */
	bool busy;
};

/* A link's header that has a say in the inode `node`. */
struct link_header {
	const struct entry *entry;
	uint32_t node, order;
};

enum {
	NO_LINK = UINT32_MAX,
};

void layer_links_init(struct layer_links *k, struct layer_walk *walk, struct warn *warn)
{
	*k = (struct layer_links){.walk = walk, .warn = warn};
}

void layer_links_finish(struct layer_links *k)
{
	free(k->pending);
	free(k->headers);
}

/* The tar reader judges xattrs by the kind of the entry: what a link is to shows here. */
static bool may_have(uint16_t mode, const struct xattr *x)
{
	if (strncmp(x->name, "user.", 5) == 0)
		return S_ISREG(mode);
	return !S_ISLNK(mode) || strncmp(x->name, "system.posix_acl_", 17) != 0;
}

/* An ACL that says no more than the mode bits takes the one that was there away. */
static struct xattr override(const struct xattr *x)
{
	struct xattr o = *x;

	if (strcmp(x->name, "system.posix_acl_access") == 0 &&
		posix_acl_is_mode(x->value, x->value_len))
		o.value = NULL;
	return o;
}

static int note_header(
	struct layer_links *k, uint32_t node, const struct entry *e, struct o2r_err *err)
{
	if (VEC_RESERVE(k->headers, k->header_count, k->header_cap, 1, NO_LINK) < 0)
		return err_nomem(err);
	k->headers[k->header_count] = (struct link_header){
		.entry = e, .node = node, .order = (uint32_t)k->header_count};
	k->header_count++;
	return 0;
}

static int by_node(const void *pa, const void *pb)
{
	const struct link_header *a = pa, *b = pb;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* What all the headers say about xattrs, one behind the other. */
static int join_xattrs(struct layer_links *k, const struct link_header *v, size_t count,
	uint32_t *number, struct o2r_err *err)
{
	struct build *b = k->walk->b;
	const struct node *n = &b->nodes[v->node];
	AUTO_FREE struct xattr *list = NULL;
	size_t all = 0, cap = 0;

	for (size_t i = 0; i < count; i++) {
		const struct entry *e = v[i].entry;

		for (uint32_t x = 0; e->xattrs && x < e->xattrs->count; x++) {
			const struct xattr *a = &e->xattrs->list[x];

			if (!may_have(n->mode, a)) {
				warn_about(k->warn, MERGE_WARN_LINK_XATTR,
					"%s: attribute %s left out: what it is a link to "
					"cannot have it",
					text_quote(e->path, e->path_len).s,
					text_quote(a->name, a->name_len).s);
				continue;
			}
			if (VEC_RESERVE(list, all, cap, 1, UINT32_MAX) < 0)
				return err_nomem(err);
			list[all++] = override(a);
		}
	}
	return xattr_pool_join(&b->xattrs, n->xattrs, list, all, number, err);
}

/* The headers of a link speak for the shared inode too, their missing xattrs for nothing.
 */
static int apply_headers(struct layer_links *k, const struct link_header *v, size_t count,
	struct o2r_err *err)
{
	struct build *b = k->walk->b;
	const struct entry *last = v[count - 1].entry;
	struct node *n = &b->nodes[v->node];
	uint32_t set = 0;
	int r = join_xattrs(k, v, count, &set, err);

	if (r < 0)
		return r;
	if (!S_ISLNK(n->mode)) {
		n->mode = (uint16_t)((n->mode & S_IFMT) | (last->mode & 07777));
		r = xattr_pool_chmod(&b->xattrs, set, n->mode, &set, err);
	}
	n->xattrs = set;
	n->uid = last->uid;
	n->gid = last->gid;
	n->mtime = last->mtime;
	n->mtime_nsec = last->mtime_nsec;
	return r;
}

/* All headers of one inode at once: the pool would keep each set in between for good. */
static int apply_all(struct layer_links *k, struct o2r_err *err)
{
	if (k->header_count)
		qsort(k->headers, k->header_count, sizeof(k->headers[0]), by_node);
	for (size_t i = 0, end; i < k->header_count; i = end) {
		end = i + 1;
		while (end < k->header_count &&
			k->headers[end].node == k->headers[i].node)
			end++;
		int r = apply_headers(k, &k->headers[i], end - i, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int layer_links_node(
	struct layer_links *k, const struct entry *e, uint32_t *node, struct o2r_err *err)
{
	struct build *b = k->walk->b;
	struct walk_target t;
	int r = walk_target(k->walk, e->link, e->link_len, &t, err);

	if (r < 0)
		return r;
	*node = t.here ? b->names[t.here].node : 0;
	if (*node && node_is_dir(&b->nodes[*node]))
		return err_corrupt(err, "its link target %s is a directory",
			text_quote(e->link, e->link_len).s);
	if (*node && !(b->nodes[*node].flags & NODE_PENDING))
		return note_header(k, *node, e, err);
	r = build_node(b, 0, node, err);
	if (r < 0)
		return r;
	b->nodes[*node].flags = NODE_PENDING;
	b->nodes[*node].u.entry = e;
	return 0;
}

int layer_links_defer(struct layer_links *k, uint32_t name, struct o2r_err *err)
{
	struct build *b = k->walk->b;

	if (VEC_RESERVE(k->pending, k->count, k->cap, 1, NO_LINK) < 0)
		return err_nomem(err);
	b->nodes[b->names[name].node].size = k->count;
	k->pending[k->count++] = (struct pending_link){
		.name = name, .entry = b->nodes[b->names[name].node].u.entry};
	return 0;
}

static int no_target(const struct entry *e, const char *why, struct o2r_err *err)
{
	return err_corrupt(err, "entry %s at %llu: its link target %s %s",
		text_quote(e->path, e->path_len).s, (unsigned long long)e->data_off,
		text_quote(e->link, e->link_len).s, why);
}

/* Nodes made before this layer are never changed by it. */
static bool is_below(const struct layer_links *k, uint32_t node)
{
	return node < k->walk->root;
}

static void settle(struct layer_links *k, uint32_t number, uint32_t node)
{
	struct pending_link *p = &k->pending[number];

	p->node = node;
	p->busy = false;
}

/* Where the link leads: a name, in this layer if it can be; and the one below for later.
 */
static int find_target(struct layer_links *k, struct pending_link *p, uint32_t *name,
	struct o2r_err *err)
{
	struct build *b = k->walk->b;
	struct walk_target t;
	int r = walk_target(k->walk, p->entry->link, p->entry->link_len, &t, err);

	if (r < 0)
		return err_wrap(err, "entry %s at %llu",
			text_quote(p->entry->path, p->entry->path_len).s,
			(unsigned long long)p->entry->data_off);
	p->name_below = t.below;
	*name = t.here ? t.here : t.below;
	if (!*name)
		return no_target(p->entry, "is neither in this layer nor below it", err);
	if (node_is_dir(&b->nodes[b->names[*name].node]))
		return no_target(p->entry, "is a directory", err);
	return 0;
}

/* Links that lead only to each other have no target in this layer: each takes what the
 * tree below has under the name. The loop is at, .. last, by way of `from`. */
static int break_loop(
	struct layer_links *k, uint32_t last, uint32_t at, struct o2r_err *err)
{
	const struct build *b = k->walk->b;

	for (uint32_t i = last, next;; i = next) {
		const struct pending_link *p = &k->pending[i];
		uint32_t node = p->name_below ? b->names[p->name_below].node : 0;

		if (!node || node_is_dir(&b->nodes[node]))
			return no_target(p->entry, "leads back to itself", err);
		next = p->from;
		settle(k, i, node);
		if (i == at)
			return 0;
	}
}

/*
 * Give the pending link `first`, and those it leads through, the node at the end of the
 * chain. Each link is walked once: a later one finds its target resolved.
 */
static int resolve(struct layer_links *k, uint32_t first, struct o2r_err *err)
{
	struct build *b = k->walk->b;
	uint32_t at = first, last = NO_LINK, name = 0, node;

	for (;;) {
		struct pending_link *p = &k->pending[at];

		if (p->busy) {
			uint32_t before = p->from;
			int r = break_loop(k, last, at, err);

			if (r < 0)
				return r;
			node = p->node;
			at = before;
			break;
		}
		p->busy = true;
		p->from = last;
		int r = find_target(k, p, &name, err);

		if (r < 0)
			return r;
		node = b->names[name].node;
		if (!(b->nodes[node].flags & NODE_PENDING))
			break;

		uint32_t next = (uint32_t)b->nodes[node].size;

		node = k->pending[next].node;
		if (node)
			break;
		last = at;
		at = next;
	}
	for (uint32_t i = at; i != NO_LINK; i = k->pending[i].from)
		settle(k, i, node);
	return 0;
}

int layer_links_resolve(struct layer_links *k, struct o2r_err *err)
{
	struct build *b = k->walk->b;

	for (size_t i = 0; i < k->count; i++) {
		const struct pending_link *p = &k->pending[i];

		/* a name without a node was replaced later in the layer */
		if (!b->names[p->name].node || p->node)
			continue;
		int r = resolve(k, (uint32_t)i, err);

		if (r < 0)
			return r;
	}
	/* In the order of the layer, so that the last header wins; behind those of links
	 * whose target was there when they came. Names change only now: whether one link
	 * leads through another must not depend on which was resolved first. */
	for (size_t i = 0; i < k->count; i++) {
		struct pending_link *p = &k->pending[i];

		if (!b->names[p->name].node)
			continue;
		b->names[p->name].node = p->node;
		if (is_below(k, b->names[p->name].node)) {
			warn_about(k->warn, MERGE_WARN_LINK_BELOW,
				"%s: a hard link to a file of a lower layer (%s); the "
				"owner, mode "
				"and time of the link are ignored",
				text_quote(p->entry->path, p->entry->path_len).s,
				text_quote(p->entry->link, p->entry->link_len).s);
			continue;
		}
		int r = note_header(k, b->names[p->name].node, p->entry, err);

		if (r < 0)
			return r;
	}
	return apply_all(k, err);
}
