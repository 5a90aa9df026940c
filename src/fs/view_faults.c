#include "fs/view_faults.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/tree_path.h"

enum {
	TOLD_MAX = 1000,
};

void view_faults_init(struct view_faults *f)
{
	*f = (struct view_faults){0};
	pthread_mutex_init(&f->lock, NULL);
}

void view_faults_finish(struct view_faults *f, const struct ctx *ctx)
{
	if (f->reads)
		ctx_log(ctx, LOG_WARN, "%llu reads of the view failed",
			(unsigned long long)f->reads);
	pthread_mutex_destroy(&f->lock);
	free(f->list);
}

/* Whether it is a new range. One that overlaps or touches a known one only extends it:
 * after a large read the kernel tries its pages one by one. */
static bool is_news(struct view_faults *f, uint32_t ino, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < f->count; i++) {
		struct view_fault *k = &f->list[i];

		if (k->ino == ino && from <= k->to && to >= k->from) {
			k->from = MIN(k->from, from);
			k->to = MAX(k->to, to);
			return false;
		}
	}
	if (f->count > TOLD_MAX ||
		VEC_RESERVE(f->list, f->count, f->cap, 1, TOLD_MAX + 1) < 0)
		return false;
	f->list[f->count++] = (struct view_fault){.from = from, .to = to, .ino = ino};
	return true;
}

/* The directory whose slice holds entry number `at`. */
static uint32_t holder(const struct tree *t, uint32_t at)
{
	for (uint32_t i = TREE_ROOT; i <= t->inode_count; i++) {
		const struct tree_inode *d = tree_get(t, i);

		if (S_ISDIR(d->mode) && at >= d->u.dir.first &&
			at - d->u.dir.first < d->u.dir.count)
			return i;
	}
	return 0;
}

/* The path of one name of ino, the first that is found; the tree keeps none. */
static int put_path(const struct tree *t, uint32_t ino, struct buf *out)
{
	uint32_t at = 0, dir;
	int r;

	while (at < t->dirent_count && t->dirents[at].ino != ino)
		at++;
	dir = at < t->dirent_count ? holder(t, at) : 0;
	if (!dir)
		return 0;
	r = dir == TREE_ROOT ? 0 : put_path(t, dir, out);
	return r < 0 ? r : tree_path_add(out, &t->dirents[at]);
}

static void tell(const struct tree *t, uint32_t ino, uint64_t off, size_t n,
	const struct o2r_err *why, const struct ctx *ctx)
{
	struct buf path AUTO_BUF = {0};
	unsigned layer = tree_get(t, ino)->layer + 1u;

	if (put_path(t, ino, &path) < 0 || !path.len)
		ctx_log(ctx, LOG_ERROR, "inode %u of layer %u: bytes %llu to %llu: %s",
			ino, layer, (unsigned long long)off,
			(unsigned long long)(off + n), why->text);
	else
		ctx_log(ctx, LOG_ERROR, "%s (layer %u): bytes %llu to %llu: %s",
			text_quote(path.data, path.len).s, layer, (unsigned long long)off,
			(unsigned long long)(off + n), why->text);
}

void view_faults_add(struct view_faults *f, const struct tree *t, uint32_t ino,
	uint64_t off, size_t n, const struct o2r_err *why, const struct ctx *ctx)
{
	pthread_mutex_lock(&f->lock);

	bool news = is_news(f, ino, off, off + n), last = news && f->count > TOLD_MAX;

	f->reads++;
	pthread_mutex_unlock(&f->lock);
	if (last)
		ctx_log(ctx, LOG_ERROR, "further reads that fail are only counted");
	else if (news)
		tell(t, ino, off, n, why, ctx);
}
