/* The merged tree behind o2r.h: paths, stat, names, xattrs, content. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "handle.h"

int o2r_get_inode(struct o2r_image *image, uint64_t ino, const struct tree_inode **out,
	struct o2r_err *err)
{
	int r = o2r_load_tree(image, err);

	if (r < 0)
		return r;
	if (ino < TREE_ROOT || ino > image->tree->inode_count)
		return err_set(
			err, ERR_USAGE, EINVAL, "no inode %llu", (unsigned long long)ino);
	*out = tree_get(image->tree, (uint32_t)ino);
	return 0;
}

int o2r_lookup(
	struct o2r_image *image, const char *path, uint64_t *ino, struct o2r_error *error)
{
	struct o2r_err err = {0};

	if (o2r_load_tree(image, &err) < 0)
		return o2r_fail(error, &err);
	uint32_t found = tree_resolve(image->tree, path);

	if (found) {
		*ino = found;
		return 0;
	}
	err_set(&err, ERR_NOT_FOUND, ENOENT, "%s: no such path in the image",
		text_quote(path, strlen(path)).s);
	return o2r_fail(error, &err);
}

int o2r_stat(
	struct o2r_image *image, uint64_t ino, struct stat *st, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};

	if (o2r_get_inode(image, ino, &i, &err) < 0)
		return o2r_fail(error, &err);
	tree_stat(image->tree, (uint32_t)ino, st);
	return 0;
}

int o2r_readlink(struct o2r_image *image, uint64_t ino, const char **target,
	struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};
	int r = o2r_get_inode(image, ino, &i, &err);

	if (r == 0 && !S_ISLNK(i->mode))
		r = err_set(&err, ERR_USAGE, EINVAL, "inode %llu is not a symbolic link",
			(unsigned long long)ino);
	if (r < 0)
		return o2r_fail(error, &err);
	*target = i->u.target;
	return 0;
}

/* o2r_get_inode of what must be a directory. */
static int get_dir(struct o2r_image *image, uint64_t dir, const struct tree_inode **out,
	struct o2r_err *err)
{
	int r = o2r_get_inode(image, dir, out, err);

	if (r == 0 && !S_ISDIR((*out)->mode))
		r = err_set(err, ERR_USAGE, ENOTDIR, "inode %llu is not a directory",
			(unsigned long long)dir);
	return r;
}

int o2r_readdir(struct o2r_image *image, uint64_t dir, uint64_t index, const char **name,
	size_t *len, uint64_t *child, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};

	if (get_dir(image, dir, &i, &err) < 0)
		return o2r_fail(error, &err);
	if (index >= i->u.dir.count)
		return 0;

	const struct tree_dirent *d = &image->tree->dirents[i->u.dir.first + index];

	*name = dirent_name(d);
	*len = dirent_len(d);
	*child = d->ino;
	return 1;
}

int o2r_readdir_layer(struct o2r_image *image, uint64_t dir, uint64_t index,
	unsigned *layer, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};
	int r = get_dir(image, dir, &i, &err);

	if (r == 0 && index >= i->u.dir.count)
		r = err_set(&err, ERR_USAGE, ERANGE, "directory %llu has no entry %llu",
			(unsigned long long)dir, (unsigned long long)index);
	if (r < 0)
		return o2r_fail(error, &err);
	*layer = image->tree->dirents[i->u.dir.first + index].layer;
	return 0;
}

int o2r_xattr(struct o2r_image *image, uint64_t ino, unsigned index, const char **name,
	const void **value, size_t *size, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};

	if (o2r_get_inode(image, ino, &i, &err) < 0)
		return o2r_fail(error, &err);

	const struct xattr_set *s = i->xattrs ? image->tree->xattr_sets[i->xattrs] : NULL;

	if (!s || index >= s->count)
		return 0;
	*name = s->list[index].name;
	*value = s->list[index].value;
	*size = s->list[index].value_len;
	return 1;
}

int o2r_next_data(struct o2r_image *image, uint64_t ino, uint64_t offset, uint64_t *start,
	uint64_t *end, struct o2r_error *error)
{
	const struct tree_inode *i = NULL;
	struct o2r_err err = {0};
	struct data_run one;
	uint32_t count = 0;

	if (o2r_get_inode(image, ino, &i, &err) < 0)
		return o2r_fail(error, &err);

	const struct data_run *runs = tree_runs(image->tree, (uint32_t)ino, &one, &count);
	uint32_t low = tree_first_run(runs, count, offset);

	if (low == count)
		return 0;
	*start = MAX(runs[low].file_off, offset);
	*end = runs[low].file_off + runs[low].len;
	return 1;
}

int o2r_sort_for_reading(
	struct o2r_image *image, uint64_t *inos, size_t count, struct o2r_error *error)
{
	AUTO_FREE struct tree_place *places = calloc(count + 1, sizeof(*places));
	const struct tree_inode *inode = NULL;
	struct o2r_err err = {0};
	int r = places ? 0 : err_nomem(&err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		r = o2r_get_inode(image, inos[i], &inode, &err);
		if (r == 0)
			places[i] = tree_place(image->tree, (uint32_t)inos[i]);
	}
	if (r < 0)
		return o2r_fail(error, &err);
	tree_sort_places(places, count);
	for (size_t i = 0; i < count; i++)
		inos[i] = places[i].ino;
	return 0;
}
