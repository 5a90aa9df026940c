/*
 * Inode numbers: the root is 2, lost+found 11, the others follow in the order of the
 * tree, files written again come last. Computed, not stored: one subtraction.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "ext4/ondisk.h"
#include "ext4/plan.h"

static bool is_heavy(const struct tree_inode *n)
{
	return n->nlink > EXT4_LINK_MAX && !S_ISDIR(n->mode);
}

static void find_lost_found(struct ext4_plan *p, const struct ctx *ctx)
{
	static const char name[] = "lost+found";
	uint32_t t = tree_lookup(p->tree, TREE_ROOT, name, strlen(name));

	p->first_ino = EXT4_FIRST_INO + 1;
	if (!t) {
		p->make_lost_found = true;
	} else if (S_ISDIR(tree_get(p->tree, t)->mode)) {
		p->lost_found = t;
	} else {
		p->first_ino = EXT4_FIRST_INO;
		ctx_log(ctx, LOG_WARN,
			"/lost+found is not a directory in this image: the filesystem "
			"has "
			"none, and e2fsck would make one when it repairs");
	}
}

uint32_t plan_ino(const struct ext4_plan *p, uint32_t t)
{
	if (t == TREE_ROOT)
		return EXT4_ROOT_INO;
	if (t == p->lost_found)
		return EXT4_FIRST_INO;

	bool behind = p->lost_found && t > p->lost_found;

	return p->first_ino + (t - TREE_ROOT - 1) - behind;
}

static int compare_heavy(const void *key, const void *elem)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct heavy *)elem)->t;

	return (a > b) - (a < b);
}

const struct heavy *plan_heavy(const struct ext4_plan *p, uint32_t t)
{
	if (!p->heavy_count || !is_heavy(tree_get(p->tree, t)))
		return NULL;
	return bsearch(
		&t, p->heavies, p->heavy_count, sizeof(*p->heavies), compare_heavy);
}

uint32_t plan_ino_of_name(const struct ext4_plan *p, uint64_t d)
{
	uint32_t t = p->tree->dirents[d].ino;
	const struct heavy *h = plan_heavy(p, t);
	uint32_t low = 0, high = h ? h->count : 0;

	/* How many copies begin at or before this name. */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->copies[h->first + mid].first_name <= d)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? p->first_copy_ino + h->first + low - 1 : plan_ino(p, t);
}

static void count_heavies(struct ext4_plan *p)
{
	for (uint32_t t = TREE_ROOT; t <= p->tree->inode_count; t++) {
		const struct tree_inode *n = tree_get(p->tree, t);

		if (is_heavy(n)) {
			p->heavy_count++;
			p->copy_count += (n->nlink - 1) / EXT4_LINK_MAX;
		}
	}
}

static void fill_heavies(struct ext4_plan *p, const struct ctx *ctx)
{
	uint32_t heavy = 0, copy = 0;

	for (uint32_t t = TREE_ROOT; t <= p->tree->inode_count; t++) {
		const struct tree_inode *n = tree_get(p->tree, t);

		if (!is_heavy(n))
			continue;

		struct heavy *h = &p->heavies[heavy++];

		*h = (struct heavy){t, copy, (n->nlink - 1) / EXT4_LINK_MAX};
		for (uint32_t i = 1; i <= h->count; i++)
			p->copies[copy++] = (struct copy){
				.t = t,
				.nlink = MIN(n->nlink - i * EXT4_LINK_MAX,
					(uint32_t)EXT4_LINK_MAX),
			};
		ctx_log(ctx, LOG_WARN,
			"%s has %" PRIu32 " names, more than ext4's 65000: it is written "
			"%" PRIu32 " times, and names of different copies are no longer "
			"one file",
			plan_path(p->tree, t).s, n->nlink, h->count + 1);
	}
}

/* Note with which name each copy begins. */
static int cut_names(struct ext4_plan *p, struct o2r_err *err)
{
	AUTO_FREE uint32_t *seen = calloc(p->heavy_count, sizeof(*seen));

	if (!seen)
		return err_nomem(err);
	for (uint64_t d = 0; d < p->tree->dirent_count; d++) {
		const struct heavy *h = plan_heavy(p, p->tree->dirents[d].ino);

		if (!h)
			continue;

		uint32_t i = seen[h - p->heavies]++;

		if (i && i % EXT4_LINK_MAX == 0 && i / EXT4_LINK_MAX <= h->count)
			p->copies[h->first + i / EXT4_LINK_MAX - 1].first_name = d;
	}
	return 0;
}

int plan_number(struct ext4_plan *p, const struct ctx *ctx, struct o2r_err *err)
{
	find_lost_found(p, ctx);
	count_heavies(p);
	if (p->copy_count) {
		p->heavies = calloc(p->heavy_count, sizeof(*p->heavies));
		p->copies = calloc(p->copy_count, sizeof(*p->copies));
		if (!p->heavies || !p->copies)
			return err_nomem(err);
		fill_heavies(p, ctx);

		int r = cut_names(p, err);

		if (r < 0)
			return r;
	}

	/* The root and lost+found have numbers of their own. */
	uint64_t first_copy = p->first_ino + (uint64_t)p->tree->inode_count - TREE_ROOT -
			      (p->lost_found != 0);
	uint64_t last = first_copy + p->copy_count - 1;

	if (last > UINT32_MAX - EXT4_FIRST_INO)
		return err_set(err, ERR_SPACE, EFBIG,
			"the tree has more inodes than ext4 can number");
	p->first_copy_ino = (uint32_t)first_copy;
	p->last_ino = (uint32_t)MAX(last, (uint64_t)EXT4_FIRST_INO);
	return 0;
}
