/*
 * How many blocks each inode needs, and its place within its region. Regions are filled
 * in the order in which the writer makes them: directories and symlinks in the order of
 * their numbers, file data in data order.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/vec.h"
#include "ext4/inode_enc.h"
#include "ext4/ondisk.h"
#include "ext4/plan.h"

enum {
	/* More blocks or ranges than these may need more than the four extents in an
	 * inode: an island cuts at most one range of so many blocks. */
	LOW_BLOCKS = EXT4_EXT_INIT_MAX_LEN,
	LOW_RANGES = 2,
};

/* Kernel: the last logical block is 2^32 - 2. */
static const uint64_t FILE_BLOCKS_MAX = 0xffffffff;

static int add_tall(struct ext4_plan *p, uint32_t ino, struct o2r_err *err)
{
	if (VEC_RESERVE(p->talls, p->tall_count, p->tall_cap, 1, UINT32_MAX) < 0)
		return err_nomem(err);
	p->talls[p->tall_count++] = (struct tall){.ino = ino};
	return 0;
}

struct dir_format plan_dir_format(const struct ext4_plan *p)
{
	struct dir_format f = {
		.block_size = p->options.block_size,
		.linear = p->options.linear_dirs,
	};

	for (int i = 0; i < 4; i++)
		f.hash_seed[i] = p->options.hash_seed[i];
	return f;
}

void plan_dir_source(const struct ext4_plan *p, uint32_t t, struct dir_source *out)
{
	*out = (struct dir_source){.tree = p->tree};
	if (t) {
		out->first = tree_get(p->tree, t)->u.dir.first;
		out->count = tree_get(p->tree, t)->u.dir.count;
	}
	out->lost_found = t == TREE_ROOT && p->make_lost_found;
	/* t 0 is the lost+found that the tree does not have. */
	if (t == p->lost_found)
		out->min_blocks = DIR_LOST_FOUND_BLOCKS;
}

static int collect_dir(
	struct ext4_plan *p, const struct dir_format *f, uint32_t t, struct o2r_err *err)
{
	AUTO_DIR_LAYOUT struct dir_layout l = {0};
	struct dir_source s;

	plan_dir_source(p, t, &s);
	if (dir_layout_init(&l, f, &s, err) < 0)
		return err_wrap(err, "%s", plan_path(p->tree, t).s);
	p->nodes[t].start = (uint32_t)p->need.dirs;
	p->nodes[t].blocks = l.blocks | (l.htree ? NODE_HTREE : 0);
	p->need.dirs += l.blocks;
	if (t == TREE_ROOT && p->make_lost_found) {
		p->lost_found_start = (uint32_t)p->need.dirs;
		p->need.dirs += DIR_LOST_FOUND_BLOCKS;
	}
	return l.blocks > LOW_BLOCKS ? add_tall(p, plan_ino(p, t), err) : 0;
}

static int check_device(const struct ext4_plan *p, uint32_t t, struct o2r_err *err)
{
	const struct tree_inode *n = tree_get(p->tree, t);

	if (inode_device_fits(n->u.dev.major, n->u.dev.minor))
		return 0;
	return err_set(err, ERR_FAIL, EOVERFLOW,
		"%s: device %" PRIu32 ":%" PRIu32
		" has a larger number than ext4 can hold (4095:1048575)",
		plan_path(p->tree, t).s, n->u.dev.major, n->u.dev.minor);
}

static int collect_inode(
	struct ext4_plan *p, const struct dir_format *f, uint32_t t, struct o2r_err *err)
{
	const struct tree_inode *n = tree_get(p->tree, t);

	switch (n->mode & S_IFMT) {
	case S_IFDIR:
		return collect_dir(p, f, t, err);
	case S_IFLNK:
		if (n->size > INODE_FAST_SYMLINK_MAX)
			p->nodes[t] = (struct node){(uint32_t)p->need.links++, 1};
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		return check_device(p, t, err);
	case S_IFREG:
		if (DIV_ROUND_UP(n->size, p->options.block_size) > FILE_BLOCKS_MAX)
			return err_set(err, ERR_FAIL, EFBIG,
				"%s: %" PRIu64
				" bytes are more than a file on ext4 can have (%" PRIu64
				")",
				plan_path(p->tree, t).s, n->size,
				FILE_BLOCKS_MAX * p->options.block_size);
		return 0;
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	}
	return err_set(err, ERR_FAIL, EINVAL, "%s: unknown type, mode 0%o",
		plan_path(p->tree, t).s, n->mode);
}

static int check_total(const struct ext4_plan *p, struct o2r_err *err)
{
	if (p->need.data > GEOMETRY_BLOCKS_MAX || p->need.dirs > GEOMETRY_BLOCKS_MAX)
		return err_set(err, ERR_SPACE, EFBIG,
			"the files are larger than the 16 TiB of ext4 with blocks of "
			"4096 bytes");
	return 0;
}

/* Place one writing of a file's data at the end of the region. */
static int place_file(struct ext4_plan *p, struct pass *pass, uint32_t t, uint32_t ino,
	uint32_t *start, struct o2r_err *err)
{
	const struct tree_inode *n = tree_get(p->tree, t);
	struct data_run one;
	uint32_t runs, ranges = 0;
	const struct data_run *r = tree_runs(p->tree, t, &one, &runs);
	uint64_t blocks = 0;

	for (uint32_t i = 0; i < runs; i++)
		pass->bytes += r[i].len;
	if (n->map) {
		struct range_iter it;
		struct block_range b;

		range_iter_file(&it, p->tree, t, p->options.block_size);
		for (; range_next(&it, &b); ranges++)
			blocks += b.count;
	} else {
		blocks = DIV_ROUND_UP(n->size, p->options.block_size);
	}
	*start = (uint32_t)p->need.data;
	p->nodes[t].blocks = (uint32_t)blocks;
	p->need.data += blocks;
	if (check_total(p, err) < 0)
		return err_wrap(err, "%s", plan_path(p->tree, t).s);
	return blocks > LOW_BLOCKS || ranges > LOW_RANGES ? add_tall(p, ino, err) : 0;
}

static int collect_files(struct ext4_plan *p, struct o2r_err *err)
{
	struct pass *pass = &p->passes[0];

	pass->items = tree_files_in_data_order(p->tree, &pass->count);
	if (!pass->items)
		return err_nomem(err);
	for (uint32_t i = 0; i < pass->count; i++) {
		uint32_t t = pass->items[i];
		int r = place_file(p, pass, t, plan_ino(p, t), &p->nodes[t].start, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The n-th copies of files, in data order. */
static int collect_copies(struct ext4_plan *p, uint32_t n, struct o2r_err *err)
{
	struct pass *pass = &p->passes[n];

	pass->items = malloc(p->heavy_count * sizeof(*pass->items));
	pass->copies = malloc(p->heavy_count * sizeof(*pass->copies));
	if (!pass->items || !pass->copies)
		return err_nomem(err);
	for (uint32_t i = 0; i < p->passes[0].count; i++) {
		uint32_t t = p->passes[0].items[i];
		const struct heavy *h = plan_heavy(p, t);

		if (!h || h->count < n)
			continue;

		uint32_t copy = h->first + n - 1;

		pass->items[pass->count] = t;
		pass->copies[pass->count++] = copy;

		int r = place_file(p, pass, t, p->first_copy_ino + copy,
			&p->copies[copy].start, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void collect_copied_links(struct ext4_plan *p)
{
	for (uint32_t i = 0; i < p->copy_count; i++) {
		const struct tree_inode *n = tree_get(p->tree, p->copies[i].t);

		if (S_ISLNK(n->mode) && n->size > INODE_FAST_SYMLINK_MAX)
			p->copies[i].start = (uint32_t)p->need.links++;
	}
}

static int compare_talls(const void *pa, const void *pb)
{
	const struct tall *a = pa, *b = pb;

	return (a->ino > b->ino) - (a->ino < b->ino);
}

static int make_passes(struct ext4_plan *p, struct o2r_err *err)
{
	uint32_t count = 1;

	for (uint32_t i = 0; i < p->heavy_count; i++) {
		if (S_ISREG(tree_get(p->tree, p->heavies[i].t)->mode))
			count = MAX(count, p->heavies[i].count + 1);
	}
	p->passes = calloc(count, sizeof(*p->passes));
	if (!p->passes)
		return err_nomem(err);
	p->pass_count = (int)count;
	return 0;
}

int plan_collect(struct ext4_plan *p, const struct ctx *ctx, struct o2r_err *err)
{
	struct dir_format f = plan_dir_format(p);
	int r = make_passes(p, err);

	p->nodes = calloc((size_t)p->tree->inode_count + 1, sizeof(*p->nodes));
	if (r == 0 && !p->nodes)
		r = err_nomem(err);
	for (uint32_t t = TREE_ROOT; r == 0 && t <= p->tree->inode_count; t++) {
		r = collect_inode(p, &f, t, err);
		if (r == 0 && t % 4096 == 0)
			r = ctx_check(ctx, err);
	}
	if (r == 0)
		r = check_total(p, err);
	if (r == 0)
		r = collect_files(p, err);
	for (int n = 1; r == 0 && n < p->pass_count; n++)
		r = collect_copies(p, (uint32_t)n, err);
	if (r < 0)
		return r;
	collect_copied_links(p);
	if (p->tall_count)
		qsort(p->talls, p->tall_count, sizeof(*p->talls), compare_talls);
	return 0;
}
