#include "fs/merge.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs/build.h"
#include "fs/freeze.h"
#include "fs/layer_tree.h"
#include "fs/merge_warn.h"
#include "fs/overlay.h"

static const char *const warn_names[WARN_KINDS] = MERGE_WARN_NAMES;

/* What ext4 can hold: a signed 32-bit number and two more bits of epoch (inodes.rst). */
static const int64_t TIME_MIN = -2147483648LL, TIME_MAX = 15032385535LL;

struct merge {
	const struct ctx *ctx;
	struct build build;
	struct warn warn;
	unsigned layers;
};

int merge_create(const struct ctx *ctx, struct merge **out, struct o2r_err *err)
{
	struct merge *m = calloc(1, sizeof(*m));

	if (!m)
		return err_nomem(err);
	m->ctx = ctx;
	m->warn.ctx = ctx;

	int r = build_init(&m->build, ctx->limits.entries, err);

	if (r < 0)
		merge_destroy(m);
	else
		*out = m;
	return r;
}

void merge_destroy(struct merge *m)
{
	if (!m)
		return;
	build_finish(&m->build);
	free(m);
}

/* Whether the time had to be moved. */
static bool clamp(int64_t *sec, uint32_t *nsec)
{
	int64_t t = *sec < TIME_MIN ? TIME_MIN : *sec > TIME_MAX ? TIME_MAX : *sec;

	if (t == *sec)
		return false;
	*sec = t;
	*nsec = 0;
	return true;
}

static void warn_clamped(struct merge *m, uint64_t count)
{
	if (count)
		warn_text(&m->warn,
			"%llu time%s outside 1901-12-13 to 2446-05-10 moved to the end "
			"passed",
			(unsigned long long)count, count == 1 ? "" : "s");
}

/* Every node of the layer just added; implied directories have their times from entries.
 * Nodes do not know their names, so there is only a count to tell. */
static void clamp_times(struct merge *m, size_t from)
{
	struct build *b = &m->build;
	uint64_t count = 0;

	for (size_t i = from; i < b->node_count; i++)
		count += clamp(&b->nodes[i].mtime, &b->nodes[i].mtime_nsec);
	warn_clamped(m, count);
}

int merge_add(
	struct merge *m, const struct layer *l, const char *name, struct o2r_err *err)
{
	size_t from = m->build.node_count;
	uint32_t root = 0;
	int r;

	if (m->layers > UINT16_MAX)
		return err_corrupt(err, "more than %d layers", UINT16_MAX + 1);
	m->warn.name = name;
	r = build_expect(&m->build, l->count, err);
	if (r == 0)
		r = layer_tree_build(&m->build, l, m->layers, &m->warn, &root, err);
	if (r == 0) {
		clamp_times(m, from);
		r = overlay_apply(&m->build, root, &m->warn, err);
	}
	warn_flush(&m->warn, warn_names);
	m->warn.name = NULL;
	m->layers++;
	return r < 0 ? err_wrap(err, "%s", name) : 0;
}

int merge_freeze(struct merge *m, struct merge_time root_mtime, struct tree **out,
	struct o2r_err *err)
{
	struct build *b = &m->build;

	if (!b->nodes)
		return err_set(err, ERR_FAIL, EINVAL, "this merge has been used up");

	struct node *root = &b->nodes[b->root];

	if (!(root->flags & NODE_EXPLICIT)) {
		root->mtime = root_mtime.sec;
		root->mtime_nsec = root_mtime.nsec;
		warn_clamped(m, clamp(&root->mtime, &root->mtime_nsec));
	}
	return build_freeze(b, m->layers, out, err);
}
