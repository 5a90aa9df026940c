#include "fs/tree_diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/tree_content.h"
#include "fs/tree_pairs.h"

/* An inode of each side that some path has in common. */
struct common {
	uint32_t a, b;
	uint32_t paths; /* that are both */
};

struct commons {
	struct common *v;
	size_t count, cap;
};

struct diff {
	const struct diff_side *a, *b;
	/* files of one size at different places; those that are the same leave the list
	 */
	struct commons files;
	/* inodes with more than one name on either side */
	struct commons links;
	tree_diff_fn fn;
	void *arg;
};

static void diff_finish(struct diff *d)
{
	free(d->files.v);
	free(d->links.v);
}

static int compare_common(const void *pa, const void *pb)
{
	const struct common *x = pa, *y = pb;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b < y->b ? -1 : x->b > y->b;
}

static int add(struct commons *c, uint32_t a, uint32_t b, struct o2r_err *err)
{
	if (VEC_RESERVE(c->v, c->count, c->cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	c->v[c->count++] = (struct common){a, b, 1};
	return 0;
}

/* Each pair once, with the number of its paths. */
static void settle(struct commons *c)
{
	size_t n = 0;

	if (c->count)
		qsort(c->v, c->count, sizeof(c->v[0]), compare_common);
	for (size_t i = 0; i < c->count; i++) {
		if (n && compare_common(&c->v[n - 1], &c->v[i]) == 0)
			c->v[n - 1].paths++;
		else
			c->v[n++] = c->v[i];
	}
	c->count = n;
}

static const struct common *find(const struct commons *c, uint32_t a, uint32_t b)
{
	struct common key = {a, b, 0};

	return c->count ? bsearch(&key, c->v, c->count, sizeof(key), compare_common)
			: NULL;
}

/* ---- what can be told without reading */

static const struct digest *layer_content(const struct diff_side *s, uint16_t layer)
{
	return stream_diff_id(s->streams[layer]);
}

/* The same bytes of the same layer. Of files of one size; no data is the same too. */
static bool same_place(const struct diff *d, uint32_t a, uint32_t b)
{
	struct data_run one_a, one_b;
	uint32_t na = 0, nb = 0;
	const struct data_run *ra = tree_runs(d->a->tree, a, &one_a, &na);
	const struct data_run *rb = tree_runs(d->b->tree, b, &one_b, &nb);

	if (na != nb)
		return false;
	for (uint32_t i = 0; i < na; i++)
		if (ra[i].file_off != rb[i].file_off || ra[i].len != rb[i].len ||
			ra[i].src_off != rb[i].src_off)
			return false;
	return !na || digest_equal(layer_content(d->a, tree_get(d->a->tree, a)->layer),
			      layer_content(d->b, tree_get(d->b->tree, b)->layer));
}

static bool same_xattrs(const struct xattr_set *a, const struct xattr_set *b)
{
	if (!a || !b || a->count != b->count)
		return (a ? a->count : 0) == (b ? b->count : 0);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct xattr *x = &a->list[i], *y = &b->list[i];

		if (x->name_len != y->name_len || x->value_len != y->value_len ||
			memcmp(x->name, y->name, x->name_len) != 0 ||
			(x->value_len && memcmp(x->value, y->value, x->value_len) != 0))
			return false;
	}
	return true;
}

static const struct xattr_set *set_of(const struct tree *t, const struct tree_inode *i)
{
	return i->xattrs ? t->xattr_sets[i->xattrs] : NULL;
}

static unsigned compare_metadata(
	const struct diff *d, const struct tree_inode *a, const struct tree_inode *b)
{
	unsigned r = 0;

	if (a->mode != b->mode)
		r |= TREE_DIFF_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		r |= TREE_DIFF_OWNER;
	if (a->mtime != b->mtime || a->mtime_nsec != b->mtime_nsec)
		r |= TREE_DIFF_MTIME;
	if (!same_xattrs(set_of(d->a->tree, a), set_of(d->b->tree, b)))
		r |= TREE_DIFF_XATTRS;
	if (S_ISLNK(a->mode) && strcmp(a->u.target, b->u.target) != 0)
		r |= TREE_DIFF_TARGET;
	if ((S_ISCHR(a->mode) || S_ISBLK(a->mode)) &&
		(a->u.dev.major != b->u.dev.major || a->u.dev.minor != b->u.dev.minor))
		r |= TREE_DIFF_DEVICE;
	return r;
}

static bool same_type(const struct tree_inode *a, const struct tree_inode *b)
{
	return (a->mode & S_IFMT) == (b->mode & S_IFMT);
}

/* ---- the first walk: which files have to be read, and who is linked to whom */

static int collect(void *arg, const struct tree_pair *p, struct o2r_err *err)
{
	struct diff *d = arg;

	if (!p->a || !p->b)
		return 0;

	const struct tree_inode *a = tree_get(d->a->tree, p->a),
				*b = tree_get(d->b->tree, p->b);
	int r = 0;

	if (!same_type(a, b) || S_ISDIR(a->mode))
		return 0;
	if (a->nlink > 1 || b->nlink > 1)
		r = add(&d->links, p->a, p->b, err);
	if (r == 0 && S_ISREG(a->mode) && a->size == b->size &&
		!same_place(d, p->a, p->b))
		r = add(&d->files, p->a, p->b, err);
	return r;
}

/* ---- reading */

static int by_ino(const void *pa, const void *pb)
{
	const struct content_digest *a = pa, *b = pb;

	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

/* Digests of the files of one side, sorted by inode. */
static int digest_side(const struct diff_side *s, const struct commons *files, bool is_b,
	const struct ctx *ctx, struct content_digest **out, uint32_t *out_count,
	struct o2r_err *err)
{
	AUTO_FREE unsigned char *wanted = calloc((size_t)s->tree->inode_count + 1, 1);
	uint32_t all = 0, count = 0;
	AUTO_FREE uint32_t *order = tree_files_in_data_order(s->tree, &all);

	if (!wanted || !order)
		return err_nomem(err);
	for (size_t i = 0; i < files->count; i++)
		wanted[is_b ? files->v[i].b : files->v[i].a] = 1;
	for (uint32_t i = 0; i < all; i++)
		if (wanted[order[i]])
			order[count++] = order[i];

	AUTO_FREE struct content_digest *found =
		calloc((size_t)count + 1, sizeof(*found));

	if (!found)
		return err_nomem(err);
	int r = tree_content(s, order, count, ctx, found, err);

	if (r < 0)
		return r;
	qsort(found, count, sizeof(*found), by_ino);
	*out = STEAL(found);
	*out_count = count;
	return 0;
}

/* A file without data has no digest: all of it is a hole. */
static const unsigned char *hash_of(
	const struct content_digest *v, uint32_t count, uint32_t ino)
{
	static const unsigned char empty[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c,
		0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
		0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8,
		0x55}; /* SHA-256 of nothing */
	struct content_digest key = {.ino = ino};
	const struct content_digest *found =
		count ? bsearch(&key, v, count, sizeof(*v), by_ino) : NULL;

	return found ? found->hash : empty;
}

/* Read what has to be, and keep in d->files what differs. */
static int read_files(struct diff *d, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE struct content_digest *a = NULL, *b = NULL;
	uint32_t na = 0, nb = 0;
	size_t n = 0;
	int r;

	if (!d->files.count)
		return 0;
	r = digest_side(d->a, &d->files, false, ctx, &a, &na, err);
	if (r == 0)
		r = digest_side(d->b, &d->files, true, ctx, &b, &nb, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < d->files.count; i++) {
		const struct common *c = &d->files.v[i];

		if (memcmp(hash_of(a, na, c->a), hash_of(b, nb, c->b), 32) != 0)
			d->files.v[n++] = *c;
	}
	d->files.count = n;
	return 0;
}

/* ---- the second walk */

static bool links_differ(const struct diff *d, const struct tree_pair *p,
	const struct tree_inode *a, const struct tree_inode *b)
{
	if (a->nlink == 1 && b->nlink == 1)
		return false;

	/* all names of one are all names of the other */
	const struct common *c = find(&d->links, p->a, p->b);

	return !c || c->paths != a->nlink || c->paths != b->nlink;
}

static unsigned compare_pair(const struct diff *d, const struct tree_pair *p)
{
	const struct tree_inode *a = tree_get(d->a->tree, p->a),
				*b = tree_get(d->b->tree, p->b);
	unsigned r;

	if (!same_type(a, b))
		return TREE_DIFF_TYPE;
	r = compare_metadata(d, a, b);
	if (S_ISREG(a->mode) && (a->size != b->size || find(&d->files, p->a, p->b)))
		r |= TREE_DIFF_DATA;
	if (!S_ISDIR(a->mode) && links_differ(d, p, a, b))
		r |= TREE_DIFF_LINKS;
	return r;
}

static int tell(void *arg, const struct tree_pair *p, struct o2r_err *err)
{
	struct diff *d = arg;
	struct tree_change c = {
		.path = p->path, .path_len = p->path_len, .before = p->a, .after = p->b};

	(void)err;
	if (p->a && p->b) {
		c.differences = compare_pair(d, p);
		if (!c.differences)
			return 0;
	}
	return d->fn(d->arg, &c);
}

int tree_diff(const struct diff_side *a, const struct diff_side *b, const struct ctx *ctx,
	tree_diff_fn fn, void *arg, struct o2r_err *err)
{
	struct diff d CLEANUP(diff_finish) = {.a = a, .b = b, .fn = fn, .arg = arg};
	int r = tree_pairs(a->tree, b->tree, collect, &d, err);

	if (r < 0)
		return r;
	settle(&d.files);
	settle(&d.links);
	r = read_files(&d, ctx, err);
	return r < 0 ? r : tree_pairs(a->tree, b->tree, tell, &d, err);
}
