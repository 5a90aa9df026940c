/* The invariants of a frozen tree (tree.h), for tests and fuzzers. */
#include "fs/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int broken(struct o2r_err *err, uint32_t ino, const char *what)
{
	return err_set(err, ERR_FAIL, EINVAL, "inode %u: %s", ino, what);
}

static int check_names(const struct tree *t, uint32_t ino, struct o2r_err *err)
{
	const struct tree_inode *d = tree_get(t, ino);
	const struct tree_dirent *prev = NULL;

	if ((uint64_t)d->u.dir.first + d->u.dir.count > t->dirent_count)
		return broken(err, ino, "names out of range");
	for (uint32_t i = 0; i < d->u.dir.count; i++) {
		const struct tree_dirent *e = &t->dirents[d->u.dir.first + i];
		size_t len = dirent_len(e);

		if (!len || memchr(dirent_name(e), '/', len) ||
			memchr(dirent_name(e), 0, len))
			return broken(err, ino, "a name that is no name");
		if (e->layer >= t->layer_count)
			return broken(err, ino, "a name of no layer");
		if (e->ino <= TREE_ROOT || e->ino > t->inode_count)
			return broken(err, ino, "a name of no inode");
		if (S_ISDIR(tree_get(t, e->ino)->mode) &&
			tree_get(t, e->ino)->parent != ino)
			return broken(err, e->ino, "a directory with another parent");
		if (prev) {
			size_t p = dirent_len(prev);
			int c = memcmp(
				dirent_name(prev), dirent_name(e), p < len ? p : len);

			if (c > 0 || (c == 0 && p >= len))
				return broken(err, ino, "names not sorted");
		}
		prev = e;
	}
	return 0;
}

static int check_inode(const struct tree *t, uint32_t ino, struct o2r_err *err)
{
	const struct tree_inode *i = tree_get(t, ino);
	struct data_run one;
	uint32_t count = 0;
	uint64_t at = 0;

	if (i->xattrs > t->xattr_set_count || (S_ISREG(i->mode) && i->map > t->map_count))
		return broken(err, ino, "xattrs or map out of range");

	const struct data_run *r = tree_runs(t, ino, &one, &count);

	if (i->mtime < -2147483648LL || i->mtime > 15032385535LL ||
		i->mtime_nsec > 999999999)
		return broken(err, ino, "time out of range");
	if (S_ISLNK(i->mode) &&
		(!i->size || i->size > 4095 || strlen(i->u.target) != i->size))
		return broken(err, ino, "bad link target");
	if (S_ISREG(i->mode) && i->layer >= t->layer_count)
		return broken(err, ino, "data of no layer");
	for (uint32_t k = 0; k < count; k++) {
		if (r[k].file_off < at || !r[k].len || r[k].len > i->size ||
			r[k].file_off > i->size - r[k].len)
			return broken(err, ino, "bad data run");
		at = r[k].file_off + r[k].len;
	}
	return S_ISDIR(i->mode) ? check_names(t, ino, err) : 0;
}

/* Breadth first: directories in the order of their slices, each inode where it is first
 * named. So no directory is below itself, and every inode is reached from the root. */
static int check_order(const struct tree *t, struct o2r_err *err)
{
	uint32_t known = TREE_ROOT;
	uint64_t at = 0;

	for (uint32_t i = TREE_ROOT; i <= t->inode_count; i++) {
		const struct tree_inode *d = tree_get(t, i);

		if (i > known)
			return broken(err, i, "not reached from the root");
		if (!S_ISDIR(d->mode))
			continue;
		if (d->u.dir.first != at)
			return broken(
				err, i, "names not behind those of the directory before");
		for (uint32_t k = 0; k < d->u.dir.count; k++) {
			uint32_t ino = t->dirents[at++].ino;

			if (ino > known + 1)
				return broken(
					err, ino, "not numbered in breadth-first order");
			known += ino == known + 1;
		}
	}
	return at == t->dirent_count ? 0
				     : broken(err, TREE_ROOT, "names of no directory");
}

int tree_check(const struct tree *t, struct o2r_err *err)
{
	AUTO_FREE uint32_t *links = calloc((size_t)t->inode_count + 1, sizeof(*links));

	if (!links)
		return err_nomem(err);
	if (!t->inode_count || !S_ISDIR(tree_get(t, TREE_ROOT)->mode))
		return broken(err, TREE_ROOT, "no root directory");
	for (uint32_t i = 1; i <= t->inode_count; i++) {
		int r = check_inode(t, i, err);

		if (r < 0)
			return r;
	}

	int r = check_order(t, err);

	if (r < 0)
		return r;
	for (uint64_t k = 0; k < t->dirent_count; k++)
		links[t->dirents[k].ino]++;
	for (uint32_t i = 1; i <= t->inode_count; i++) {
		const struct tree_inode *n = tree_get(t, i);
		uint32_t want = links[i];

		if (S_ISDIR(n->mode)) {
			if (i != TREE_ROOT && links[i] != 1)
				return broken(
					err, i, "a directory with more than one name");
			want = 2;
			for (uint32_t k = 0; k < n->u.dir.count; k++)
				want += S_ISDIR(
					tree_get(t, t->dirents[n->u.dir.first + k].ino)
						->mode);
		}
		if (n->nlink != want || !want)
			return broken(err, i, "wrong link count");
	}
	return 0;
}
