#include "fs/tree_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"

struct finder {
	const struct tree *t;
	const char *path; /* for messages */
	/* what is left to walk: the path itself below the targets of links on the way */
	const char *todo[TREE_LINKS_MAX + 1];
	unsigned todo_count, links, flags;
	/* the way from the root */
	const struct tree_dirent **way;
	size_t depth, cap;
	bool want_dir; /* a slash, or a part that only directories have, came last */
};

static void finder_finish(struct finder *f)
{
	free(f->way);
}

static uint32_t where(const struct finder *f)
{
	return f->depth ? f->way[f->depth - 1]->ino : TREE_ROOT;
}

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static int refuse(const struct finder *f, int code, const char *why, struct o2r_err *err)
{
	return err_set(err, ERR_NOT_FOUND, code, "%s: %s", quote(f->path).s, why);
}

/* The next part, taken off what is left; NULL at the end. */
static const char *next_part(struct finder *f, size_t *len)
{
	while (f->todo_count) {
		const char **p = &f->todo[f->todo_count - 1];
		size_t slashes = strspn(*p, "/");

		f->want_dir |= slashes > 0;
		*p += slashes;
		*len = strcspn(*p, "/");
		if (*len) {
			const char *part = *p;

			*p += *len;
			return part;
		}
		f->todo_count--;
	}
	return NULL;
}

static bool anything_left(const struct finder *f)
{
	for (unsigned i = 0; i < f->todo_count; i++)
		if (*f->todo[i])
			return true;
	return false;
}

static int follow(struct finder *f, const struct tree_inode *link, struct o2r_err *err)
{
	if (f->links == TREE_LINKS_MAX)
		return refuse(f, ELOOP, "more than 40 symbolic links to follow", err);
	f->links++;
	/* the link itself is no part of the way */
	f->depth--;
	if (link->u.target[0] == '/')
		f->depth = 0;
	/* finished texts make room, so that they never outnumber the links */
	while (f->todo_count && !*f->todo[f->todo_count - 1])
		f->todo_count--;
	f->todo[f->todo_count++] = link->u.target;
	return 0;
}

static int step(struct finder *f, const char *part, size_t len, struct o2r_err *err)
{
	const struct tree_dirent *d;
	const struct tree_inode *i;

	if (!S_ISDIR(tree_get(f->t, where(f))->mode))
		return refuse(f, ENOTDIR, "a part of it is not a directory", err);
	f->want_dir = part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.'));
	if (f->want_dir) {
		f->depth -= len == 2 && f->depth;
		return 0;
	}
	d = tree_lookup_entry(f->t, where(f), part, len);
	if (!d)
		return refuse(f, ENOENT, "no such path in the image", err);
	if (VEC_RESERVE(f->way, f->depth, f->cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	f->way[f->depth++] = d;
	i = tree_get(f->t, d->ino);
	if (!S_ISLNK(i->mode) || f->flags & TREE_FIND_NO_LINKS ||
		(!(f->flags & TREE_FIND_FOLLOW) && !anything_left(f)))
		return 0;
	return follow(f, i, err);
}

int tree_path_add(struct buf *path, const struct tree_dirent *d)
{
	int r = path->len ? buf_append(path, "/", 1) : 0;

	return r < 0 ? r : buf_append(path, dirent_name(d), dirent_len(d));
}

static int put_way(const struct finder *f, struct buf *real, struct o2r_err *err)
{
	for (size_t i = 0; i < f->depth; i++)
		if (tree_path_add(real, f->way[i]) < 0)
			return err_nomem(err);
	return 0;
}

int tree_find(const struct tree *t, const char *path, unsigned flags, struct buf *real,
	struct tree_found *out, struct o2r_err *err)
{
	struct finder f CLEANUP(finder_finish) = {
		.t = t, .path = path, .flags = flags, .todo = {path}, .todo_count = 1};
	const char *part;
	size_t len = 0;

	while ((part = next_part(&f, &len))) {
		int r = step(&f, part, len, err);

		if (r < 0)
			return r;
	}
	if (f.want_dir && !S_ISDIR(tree_get(t, where(&f))->mode))
		return refuse(&f, ENOTDIR, "not a directory", err);
	*out = (struct tree_found){.ino = where(&f),
		.layer = f.depth ? f.way[f.depth - 1]->layer
				 : tree_get(t, TREE_ROOT)->layer};
	return real ? put_way(&f, real, err) : 0;
}
