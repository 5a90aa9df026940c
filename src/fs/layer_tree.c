#include "fs/layer_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/layer_links.h"
#include "fs/layer_parts.h"
#include "fs/merge_warn.h"

struct layer_builder {
	struct layer_walk walk;
	struct layer_links links;
	struct warn *warn;
	uint32_t *markers; /* numbers of entries that hide something, for the end */
	size_t marker_count, marker_cap;
	/* the parent of the last entry: neighbours in a tar mostly share it */
	const char *last_path;
	size_t last_len;
	uint32_t last_dir;
};

static void builder_finish(struct layer_builder *lb)
{
	free(lb->markers);
	layer_links_finish(&lb->links);
}

static size_t parent_len(const struct entry *e)
{
	const char *slash = memrchr(e->path, '/', e->path_len);

	return slash ? (size_t)(slash - e->path) : 0;
}

static void last_part(const struct entry *e, const char **name, size_t *len)
{
	size_t p = parent_len(e);

	*name = e->path + (p ? p + 1 : 0);
	*len = e->path_len - (p ? p + 1 : 0);
}

static bool is_whiteout_device(const struct entry *e)
{
	return e->kind == ENTRY_CHR && !e->major && !e->minor;
}

/* Any part that is AUFS bookkeeping hides the entry. */
static bool is_hidden(const struct entry *e)
{
	const char *p = e->path, *part;
	size_t left = e->path_len, len;

	if (!memmem(e->path, e->path_len, ".wh..wh.", 8))
		return false;
	while (next_part(&p, &left, &part, &len))
		if (part_kind(part, len) == PART_AUFS)
			return true;
	return false;
}

static uint16_t entry_mode(const struct entry *e)
{
	static const uint16_t type[] = {
		[ENTRY_FILE] = S_IFREG,
		[ENTRY_DIR] = S_IFDIR,
		[ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_HARDLINK] = 0,
		[ENTRY_CHR] = S_IFCHR,
		[ENTRY_BLK] = S_IFBLK,
		[ENTRY_FIFO] = S_IFIFO,
		[ENTRY_SOCK] = S_IFSOCK,
	};

	/* a symbolic link has no permissions of its own: Linux shows 0777 */
	return e->kind == ENTRY_SYMLINK ? S_IFLNK | 0777
					: (uint16_t)(type[e->kind] | (e->mode & 07777));
}

/* Fill a node from a header; children and place of a directory stay. */
static int fill_node(struct layer_builder *lb, uint32_t node, const struct entry *e,
	struct o2r_err *err)
{
	struct build *b = lb->walk.b;
	struct node *n = &b->nodes[node];
	int r = xattr_pool_add(&b->xattrs, e->xattrs, &n->xattrs, err);

	if (r < 0)
		return r;
	n->mode = entry_mode(e);
	n->uid = e->uid;
	n->gid = e->gid;
	n->mtime = e->mtime;
	n->mtime_nsec = e->mtime_nsec;
	switch (e->kind) {
	case ENTRY_FILE:
		n->size = e->size;
		n->u.data_off = e->data_off;
		return e->map ? build_map(b, e->map, &n->map, err) : 0;
	case ENTRY_SYMLINK:
		if (e->link_len > 4095)
			return err_corrupt(err,
				"a symbolic link to %u bytes, more than the 4095 that a "
				"filesystem can hold",
				e->link_len);
		n->size = e->link_len;
		n->u.target = arena_dup(&b->arena, e->link, e->link_len);
		return n->u.target ? 0 : err_nomem(err);
	case ENTRY_CHR:
	case ENTRY_BLK:
		n->u.dev.major = e->major;
		n->u.dev.minor = e->minor;
		return 0;
	default:
		return 0;
	}
}

/* Take away what this layer has under the name so far (rule 4). */
static void displace(struct layer_builder *lb, uint32_t name, const struct entry *e)
{
	struct build *b = lb->walk.b;

	if (node_is_dir(&b->nodes[b->names[name].node]))
		warn_about(lb->warn, MERGE_WARN_DIR_REPLACED,
			"%s: a directory of the same layer is replaced, with all below "
			"it",
			text_quote(e->path, e->path_len).s);
	walk_remove(&lb->walk, name);
	lb->last_path = NULL;
}

static int find_parent(struct layer_builder *lb, const struct entry *e, uint32_t *dir,
	struct o2r_err *err)
{
	size_t len = parent_len(e);

	if (lb->last_path && lb->last_len == len &&
		memcmp(lb->last_path, e->path, len) == 0) {
		*dir = lb->last_dir;
		return 0;
	}
	int r = walk_parents(&lb->walk, e->path, len, e, false, dir, err);

	if (r == 0) {
		lb->last_path = e->path;
		lb->last_len = len;
		lb->last_dir = *dir;
	}
	return r;
}

static int add_dir(struct layer_builder *lb, const struct entry *e, const char *name,
	size_t len, struct o2r_err *err)
{
	struct build *b = lb->walk.b;
	uint32_t number, node = 0, dir = 0;
	int r = find_parent(lb, e, &dir, err);

	if (r < 0)
		return r;
	number = build_find(b, dir, name, len);

	if (number && node_is_dir(&b->nodes[b->names[number].node])) {
		node = b->names[number].node;
	} else {
		if (number)
			displace(lb, number, e);
		r = walk_new_dir(&lb->walk, dir, name, len, e, 0, &node, err);
		if (r < 0)
			return r;
	}
	b->nodes[node].flags &= (uint8_t)~NODE_WEAK;
	b->nodes[node].flags |= NODE_EXPLICIT;
	return fill_node(lb, node, e, err);
}

static int make_node(struct layer_builder *lb, const struct entry *e, uint32_t *node,
	struct o2r_err *err)
{
	if (e->kind == ENTRY_HARDLINK)
		return layer_links_node(&lb->links, e, node, err);

	int r = build_node(lb->walk.b, entry_mode(e), node, err);

	return r < 0 ? r : fill_node(lb, *node, e, err);
}

static int add_node(struct layer_builder *lb, const struct entry *e, const char *name,
	size_t len, struct o2r_err *err)
{
	struct build *b = lb->walk.b;
	uint32_t node = 0, dir = 0, old;
	/* a link's target is looked up first: its own parents may replace it */
	int r = make_node(lb, e, &node, err);

	if (r == 0)
		r = find_parent(lb, e, &dir, err);
	if (r < 0)
		return r;
	old = build_find(b, dir, name, len);
	if (old)
		displace(lb, old, e);
	r = build_add(b, dir, name, len, node, err);
	if (r == 0 && (b->nodes[node].flags & NODE_PENDING))
		r = layer_links_defer(&lb->links, (uint32_t)b->name_count - 1, err);
	return r;
}

static int add_root(struct layer_builder *lb, const struct entry *e, struct o2r_err *err)
{
	struct node *root = &lb->walk.b->nodes[lb->walk.root];

	if (e->kind != ENTRY_DIR)
		return err_corrupt(err, "the root of a layer is not a directory");
	root->flags |= NODE_EXPLICIT;
	root->mtime = e->mtime;
	root->mtime_nsec = e->mtime_nsec;
	return 0;
}

static int add_entry(struct layer_builder *lb, size_t number, const struct entry *e,
	struct o2r_err *err)
{
	const char *name;
	size_t len;

	if (!e->path_len)
		return add_root(lb, e, err);
	last_part(e, &name, &len);

	bool hidden = is_hidden(e);
	enum part_kind kind = part_kind(name, len);

	if (len > PART_BYTES)
		return err_corrupt(
			err, "a name of %zu bytes, more than %d", len, (int)PART_BYTES);
	if (kind == PART_INVALID)
		return err_corrupt(err, "a whiteout of nothing");
	if (!hidden &&
		(kind == PART_WHITEOUT || kind == PART_OPAQUE || is_whiteout_device(e))) {
		/* order inside a layer does not matter for these: all entries come first
		 */
		if (VEC_RESERVE(lb->markers, lb->marker_count, lb->marker_cap, 1,
			    SIZE_MAX) < 0)
			return err_nomem(err);
		lb->markers[lb->marker_count++] = (uint32_t)number;
		return 0;
	}
	return e->kind == ENTRY_DIR ? add_dir(lb, e, name, len, err)
				    : add_node(lb, e, name, len, err);
}

static int add_marker(
	struct layer_builder *lb, const struct entry *e, struct o2r_err *err)
{
	const char *name;
	size_t len;
	uint32_t dir = 0;
	int r = walk_parents(&lb->walk, e->path, parent_len(e), e, true, &dir, err);

	if (r < 0 || !dir)
		return r;
	last_part(e, &name, &len);
	switch (part_kind(name, len)) {
	case PART_OPAQUE:
		lb->walk.b->nodes[dir].flags |= NODE_OPAQUE;
		return 0;
	case PART_WHITEOUT:
		return build_add_gone(lb->walk.b, dir, name + WH_LEN, len - WH_LEN, err);
	default: /* the device of that name */
		return build_add_gone(lb->walk.b, dir, name, len, err);
	}
}

static int wrap_entry(const struct entry *e, struct o2r_err *err)
{
	return err_wrap(err, "entry %s at %llu", text_quote(e->path, e->path_len).s,
		(unsigned long long)e->data_off);
}

int layer_tree_build(struct build *b, const struct layer *l, unsigned index,
	struct warn *warn, uint32_t *root, struct o2r_err *err)
{
	struct layer_builder lb CLEANUP(builder_finish) = {.warn = warn};
	uint32_t top = 0;
	int r;

	b->layer = (uint16_t)index;
	r = build_node(b, S_IFDIR | 0755, &top, err);

	if (r < 0)
		return r;
	walk_init(&lb.walk, b, top, l->count);
	layer_links_init(&lb.links, &lb.walk, warn);
	for (size_t i = 0; i < l->count; i++) {
		/* a hostile layer can keep us for a minute */
		r = ctx_check(warn->ctx, err);
		if (r < 0)
			return r;
		if (add_entry(&lb, i, &l->entries[i], err) < 0)
			return wrap_entry(&l->entries[i], err);
	}
	r = layer_links_resolve(&lb.links, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < lb.marker_count; i++)
		if (add_marker(&lb, &l->entries[lb.markers[i]], err) < 0)
			return wrap_entry(&l->entries[lb.markers[i]], err);
	*root = top;
	return 0;
}
