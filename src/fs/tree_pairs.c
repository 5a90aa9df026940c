#include "fs/tree_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/vec.h"
#include "fs/tree_path.h"

/* The names of one directory that are still to be visited. */
struct names {
	const struct tree_dirent *next, *end;
};

struct level {
	struct names a, b;
	size_t path_len;
};

struct walk {
	const struct tree *a, *b;
	struct buf path;
	struct level *levels;
	size_t count, cap;
};

static void walk_finish(struct walk *w)
{
	buf_finish(&w->path);
	free(w->levels);
}

static struct names names_of(const struct tree *t, uint32_t ino)
{
	const struct tree_inode *i = ino ? tree_get(t, ino) : NULL;

	if (!i || !S_ISDIR(i->mode) || !i->u.dir.count)
		return (struct names){NULL, NULL};
	return (struct names){&t->dirents[i->u.dir.first],
		&t->dirents[i->u.dir.first] + i->u.dir.count};
}

/* Which of two names comes first: below 0, 0 for the same name, above 0. */
static int compare(const struct names *a, const struct names *b)
{
	if (a->next == a->end || b->next == b->end)
		return a->next == a->end ? 1 : -1;

	size_t m = dirent_len(a->next), n = dirent_len(b->next);
	int c = memcmp(dirent_name(a->next), dirent_name(b->next), MIN(m, n));

	return c ? c : (int)m - (int)n;
}

static int push(struct walk *w, uint32_t a, uint32_t b, struct o2r_err *err)
{
	struct level l = {names_of(w->a, a), names_of(w->b, b), w->path.len};

	if (l.a.next == l.a.end && l.b.next == l.b.end)
		return 0;
	if (VEC_RESERVE(w->levels, w->count, w->cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	w->levels[w->count++] = l;
	return 0;
}

int tree_pairs(const struct tree *a, const struct tree *b, tree_pair_fn fn, void *arg,
	struct o2r_err *err)
{
	struct walk w CLEANUP(walk_finish) = {
		.a = a, .b = b, .path = {.max = SIZE_MAX / 2}};
	int r = fn(arg, &(struct tree_pair){"", 0, TREE_ROOT, TREE_ROOT}, err);

	if (r == 0)
		r = push(&w, TREE_ROOT, TREE_ROOT, err);
	while (r == 0 && w.count) {
		struct level *l = &w.levels[w.count - 1];

		w.path.len = l->path_len;
		if (l->a.next == l->a.end && l->b.next == l->b.end) {
			w.count--;
			continue;
		}

		int c = compare(&l->a, &l->b);
		const struct tree_dirent *da = c <= 0 ? l->a.next++ : NULL;
		const struct tree_dirent *db = c >= 0 ? l->b.next++ : NULL;

		if (tree_path_add(&w.path, da ? da : db) < 0)
			return err_nomem(err);

		const struct tree_pair p = {
			w.path.data, w.path.len, da ? da->ino : 0, db ? db->ino : 0};

		r = fn(arg, &p, err);
		if (r == 0)
			r = push(&w, p.a, p.b, err);
	}
	return r;
}
