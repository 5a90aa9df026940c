#include "cli/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "cli/extract_list.h"
#include "cli/extract_make.h"
#include "cli/extract_meta.h"

/* A file or link, by its inode: to be sorted and found. */
struct by_inode {
	uint64_t ino;
	uint32_t item;
};

struct by_inodes {
	struct by_inode *v;
	size_t count, cap;
};

struct extraction {
	struct cli *cli;
	const struct extract_to *to;
	struct item_list list;
	struct meta meta;
	struct maker maker;
	struct by_inodes files, linked; /* linked: every name of what has several */
	struct opened here, there;
	struct extract_counts *counts;
	struct o2r_error error;
};

static void extraction_finish(struct extraction *x)
{
	opened_finish(&x->here);
	opened_finish(&x->there);
	maker_finish(&x->maker);
	item_list_finish(&x->list);
	free(x->files.v);
	free(x->linked.v);
}

/* What the library said, as the command's own. */
static int library(const struct o2r_error *e, struct o2r_err *err)
{
	return err_set(err, (enum err_class)e->error_class, -e->code, "%s", e->text);
}

static int check_cancel(const struct extraction *x, struct o2r_err *err)
{
	return *x->cli->cancel ? err_set(err, ERR_INTERRUPTED, EINTR, "interrupted") : 0;
}

static struct item_path path_of(const struct extraction *x, uint32_t item)
{
	return item_path(&x->list, x->to, item);
}

static int open_parent(
	struct extraction *x, struct opened *o, uint32_t item, struct o2r_err *err)
{
	return opened_get(o, &x->list, x->to, x->list.v[item].parent, err);
}

static int note(struct by_inodes *l, uint64_t ino, uint32_t item, struct o2r_err *err)
{
	if (VEC_RESERVE(l->v, l->count, l->cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	l->v[l->count++] = (struct by_inode){ino, item};
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct by_inode *a = pa, *b = pb;

	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	return a->item < b->item ? -1 : a->item > b->item;
}

static void sort(struct by_inodes *l)
{
	if (l->count)
		qsort(l->v, l->count, sizeof(l->v[0]), compare);
}

/* The first one with this inode, of a sorted list. */
static const struct by_inode *find(const struct by_inodes *l, uint64_t ino)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->v[mid].ino < ino)
			low = mid + 1;
		else
			high = mid;
	}
	return low < l->count && l->v[low].ino == ino ? &l->v[low] : NULL;
}

/* The name that is made, of an inode with several: the others are linked to it. */
static uint32_t first_name(const struct extraction *x, uint32_t item)
{
	const struct item *i = &x->list.v[item];

	return i->linked ? find(&x->linked, i->ino)->item : item;
}

static int make_dir(struct extraction *x, uint32_t item, struct o2r_err *err)
{
	struct item *i = &x->list.v[item];

	/* the target directory is there */
	if (!i->len)
		return 0;
	int r = make_directory(x->here.fd, item_name(i).s, &i->made);

	if (r == 0)
		x->counts->directories += i->made;
	return r == 0         ? 0
	       : r == -EEXIST ? err_set(err, ERR_USAGE, EEXIST,
					"%s is there and is no directory: it is not "
					"replaced by one",
					path_of(x, item).s)
			      : err_errno(err, -r, "cannot make the directory %s",
					path_of(x, item).s);
}

/* Before anything is copied that would then be refused. */
static int check_free(struct extraction *x, uint32_t item, struct o2r_err *err)
{
	const struct item *i = &x->list.v[item];
	bool fresh = i->parent != ITEM_NONE && x->list.v[i->parent].made;
	struct stat st;

	if (fresh || fstatat(x->here.fd, item_name(i).s, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, EISDIR,
			"%s is a directory: it is not replaced by anything else",
			path_of(x, item).s);
	if (!x->to->force)
		return err_set(err, ERR_USAGE, EEXIST,
			"%s exists (use --force to replace it)", path_of(x, item).s);
	return 0;
}

static int make_special(struct extraction *x, uint32_t item, struct o2r_err *err)
{
	const struct item *i = &x->list.v[item];
	struct item_path path = path_of(x, item);
	int r = maker_special(&x->maker, &x->meta, x->here.fd, i, path.s, err);

	x->counts->others += r == 0;
	return r < 0 ? r : 0;
}

/* Directories and all that holds no data; files are listed for later. */
static int make_one(struct extraction *x, uint32_t item, struct o2r_err *err)
{
	const struct item *i = &x->list.v[item];
	int r = check_cancel(x, err);

	if (r == 0)
		r = open_parent(x, &x->here, item, err);
	if (r < 0)
		return r;
	if (S_ISDIR(i->mode))
		return make_dir(x, item, err);
	r = check_free(x, item, err);
	if (r < 0 || first_name(x, item) != item)
		return r;
	return S_ISREG(i->mode) ? note(&x->files, i->ino, item, err)
				: make_special(x, item, err);
}

static int make_all(struct extraction *x, struct o2r_err *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < x->list.count; i++)
		if (x->list.v[i].linked)
			r = note(&x->linked, x->list.v[i].ino, i, err);
	sort(&x->linked);
	for (uint32_t i = 0; r == 0 && i < x->list.count; i++)
		r = make_one(x, i, err);
	return r;
}

static int copy_file(struct extraction *x, uint64_t ino, struct o2r_err *err)
{
	uint32_t item = find(&x->files, ino)->item;
	struct item_path path = path_of(x, item);
	int r = open_parent(x, &x->here, item, err);

	if (r == 0)
		r = maker_file(&x->maker, &x->meta, x->here.fd, &x->list.v[item], path.s,
			&x->counts->bytes, err);
	x->counts->files += r == 0;
	return r;
}

/* In the order of the layers, so that no part of them is decoded twice. */
static int copy_files(struct extraction *x, struct o2r_err *err)
{
	AUTO_FREE uint64_t *inos = calloc(x->files.count + 1, sizeof(*inos));
	int r = 0;

	if (!inos)
		return err_nomem(err);
	sort(&x->files);
	for (size_t i = 0; i < x->files.count; i++)
		inos[i] = x->files.v[i].ino;
	if (o2r_sort_for_reading(x->meta.image, inos, x->files.count, &x->error) < 0)
		return library(&x->error, err);
	for (size_t i = 0; r == 0 && i < x->files.count; i++)
		r = copy_file(x, inos[i], err);
	return r;
}

static int link_names(struct extraction *x, struct o2r_err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < x->linked.count; i++) {
		uint32_t item = x->linked.v[i].item, first = first_name(x, item);

		if (item == first)
			continue;
		r = check_cancel(x, err);
		if (r == 0)
			r = open_parent(x, &x->here, item, err);
		if (r == 0)
			r = open_parent(x, &x->there, first, err);
		if (r == 0)
			r = maker_link(&x->maker, x->there.fd, &x->list.v[first],
				x->here.fd, &x->list.v[item], path_of(x, item).s, err);
	}
	return r;
}

/* Children before parents: a directory may end up closed to us. */
static int finish_dirs(struct extraction *x, struct o2r_err *err)
{
	for (uint32_t n = x->list.count; n-- > 0;) {
		const struct item *i = &x->list.v[n];

		if (!S_ISDIR(i->mode) || !i->len)
			continue;
		int r = opened_get(&x->here, &x->list, x->to, n, err);

		if (r == 0)
			r = meta_apply(
				&x->meta, x->here.fd, i->ino, path_of(x, n).s, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int extract(struct cli *cli, struct o2r_image *image, uint64_t ino,
	const struct extract_to *to, struct extract_counts *counts, struct o2r_err *err)
{
	CLEANUP(extraction_finish)
	struct extraction x = {.cli = cli,
		.to = to,
		.meta = {.image = image, .root = geteuid() == 0 && !cli->entered},
		.here = OPENED_INIT,
		.there = OPENED_INIT,
		.counts = counts};

	if (item_list_fill(&x.list, image, ino, to, &x.error) < 0)
		return library(&x.error, err);

	int r = maker_init(&x.maker, image, cli->cancel, to->force, err);

	if (r == 0)
		r = make_all(&x, err);
	if (r == 0)
		r = copy_files(&x, err);
	if (r == 0)
		r = link_names(&x, err);
	if (r == 0)
		r = finish_dirs(&x, err);
	loss_report(&x.meta.losses, &cli->console);
	return r;
}
