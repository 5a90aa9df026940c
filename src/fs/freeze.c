#include "fs/freeze.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/le.h"
#include "base/vec.h"

/* A name while its directory is sorted: the first 8 bytes decide most comparisons. */
struct key {
	uint64_t prefix;
	uint32_t name;
};

struct freezer {
	struct build *b;
	struct tree *t;
	uint32_t *order;  /* frozen inode -> node */
	uint32_t *number; /* node -> frozen inode, 0: none yet */
	struct key *keys;
	size_t key_cap;
	size_t inode_cap, dirent_cap;
};

static void freezer_finish(struct freezer *f)
{
	free(f->order);
	free(f->number);
	free(f->keys);
	tree_destroy(f->t);
}

static struct key make_key(const struct build *b, uint32_t name)
{
	const unsigned char *bytes = b->names[name].bytes;
	struct key k = {.name = name};

	for (unsigned i = 0; i < 8; i++)
		k.prefix = k.prefix << 8 | (i < bytes[0] ? bytes[1 + i] : 0);
	return k;
}

static int compare_keys(const void *pa, const void *pb, void *arg)
{
	const struct key *x = pa, *y = pb;
	const struct build *b = arg;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;

	const unsigned char *m = b->names[x->name].bytes, *n = b->names[y->name].bytes;
	int c = memcmp(m + 1, n + 1, MIN(m[0], n[0]));

	return c ? c : (int)m[0] - (int)n[0];
}

/* The live names of a directory, sorted by bytes, into f->keys. */
static int sort_names(struct freezer *f, uint32_t dir, size_t *count, struct o2r_err *err)
{
	struct build *b = f->b;
	bool sorted = true;
	size_t n = 0;

	for (uint32_t k = b->nodes[dir].u.kids.first; k; k = b->names[k].next) {
		if (!b->names[k].node)
			continue;
		if (VEC_RESERVE(f->keys, n, f->key_cap, 1, b->max + 2) < 0)
			return err_nomem(err);
		f->keys[n] = make_key(b, k);
		if (n && compare_keys(&f->keys[n - 1], &f->keys[n], b) > 0)
			sorted = false;
		n++;
	}
	/* most archives come in order */
	if (!sorted)
		qsort_r(f->keys, n, sizeof(f->keys[0]), compare_keys, b);
	*count = n;
	return 0;
}

static void fill_inode(struct freezer *f, uint32_t ino, uint32_t node)
{
	const struct node *n = &f->b->nodes[node];
	struct tree_inode *i = &f->t->inodes[ino];

	*i = (struct tree_inode){
		.size = n->size,
		.mtime = n->mtime,
		.mtime_nsec = n->mtime_nsec,
		.uid = n->uid,
		.gid = n->gid,
		.xattrs = n->xattrs,
		.mode = n->mode,
		.layer = n->layer,
		.nlink = node_is_dir(n) ? 2 : 0,
	};
	if (S_ISREG(n->mode)) {
		i->map = n->map;
		i->u.data_off = n->map ? 0 : n->u.data_off;
	} else if (S_ISLNK(n->mode)) {
		i->u.target = n->u.target;
	} else if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		i->u.dev.major = n->u.dev.major;
		i->u.dev.minor = n->u.dev.minor;
	}
}

/* The frozen number of a node, given now if it has none. */
static int number_of(struct freezer *f, uint32_t node, uint32_t *ino, struct o2r_err *err)
{
	struct tree *t = f->t;

	if (!f->number[node]) {
		size_t order_cap = f->inode_cap;

		if (VEC_RESERVE(t->inodes, t->inode_count + 1, f->inode_cap, 1,
			    UINT32_MAX) < 0 ||
			VEC_RESERVE(f->order, t->inode_count + 1, order_cap, 1,
				UINT32_MAX) < 0)
			return err_nomem(err);
		f->number[node] = ++t->inode_count;
		f->order[t->inode_count] = node;
		fill_inode(f, t->inode_count, node);
	}
	*ino = f->number[node];
	return 0;
}

static int freeze_dir(struct freezer *f, uint32_t ino, struct o2r_err *err)
{
	struct tree *t = f->t;
	size_t count = 0;
	int r = sort_names(f, f->order[ino], &count, err);

	if (r < 0)
		return r;
	if (VEC_RESERVE(t->dirents, t->dirent_count, f->dirent_cap, count, UINT32_MAX) <
		0)
		return err_nomem(err);
	t->inodes[ino].u.dir.first = (uint32_t)t->dirent_count;
	t->inodes[ino].u.dir.count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		const struct name *n = &f->b->names[f->keys[i].name];
		uint32_t child = 0;

		r = number_of(f, n->node, &child, err);
		if (r < 0)
			return r;
		t->dirents[t->dirent_count++] = (struct tree_dirent){
			.name_ = n->bytes, .ino = child, .layer = n->layer};
		if (S_ISDIR(t->inodes[child].mode)) {
			t->inodes[child].parent = ino;
			t->inodes[ino].nlink++;
		} else {
			t->inodes[child].nlink++;
		}
	}
	return 0;
}

/* Arenas are lists: the other's chunks go behind ours. */
static void take_strings(struct tree *t, struct build *b)
{
	t->arena = b->arena;
	t->xattr_arena = b->xattrs.arena;
	b->arena = b->xattrs.arena = (struct arena){0};
	t->xattr_sets = STEAL(b->xattrs.sets);
	t->xattr_set_count = b->xattrs.count ? (uint32_t)b->xattrs.count - 1 : 0;
	t->maps = STEAL(b->maps);
	t->map_count = b->map_count ? (uint32_t)b->map_count - 1 : 0;
}

static void count_data(struct tree *t)
{
	for (uint32_t i = 1; i <= t->inode_count; i++) {
		struct data_run one;
		uint32_t n = 0;

		if (!S_ISREG(t->inodes[i].mode))
			continue;
		const struct data_run *runs = tree_runs(t, i, &one, &n);

		for (uint32_t k = 0; k < n; k++)
			t->data_bytes += runs[k].len;
	}
}

static int run(struct freezer *f, struct o2r_err *err)
{
	uint32_t root = 0;

	f->t = calloc(1, sizeof(*f->t));
	f->number = calloc(f->b->node_count, sizeof(*f->number));
	if (!f->t || !f->number)
		return err_nomem(err);

	int r = number_of(f, f->b->root, &root, err);

	if (r < 0)
		return r;
	f->t->inodes[root].parent = root;
	for (uint32_t ino = root; ino <= f->t->inode_count; ino++) {
		if (!S_ISDIR(f->t->inodes[ino].mode))
			continue;
		r = freeze_dir(f, ino, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int build_freeze(
	struct build *b, unsigned layer_count, struct tree **out, struct o2r_err *err)
{
	struct freezer f CLEANUP(freezer_finish) = {.b = b};
	int r;

	/* nobody looks names up any more */
	free(b->slots);
	b->slots = NULL;
	r = run(&f, err);
	if (r == 0) {
		take_strings(f.t, b);
		f.t->layer_count = layer_count;
		count_data(f.t);
		*out = STEAL(f.t);
	}
	build_finish(b);
	return r;
}
