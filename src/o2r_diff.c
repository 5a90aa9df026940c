/* Differences behind o2r.h: two images, or what one layer changes. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fs/tree_diff.h"
#include "handle.h"
#include "o2r_prefix.h"

_Static_assert((int)TREE_DIFF_TYPE == (int)O2R_DIFF_TYPE &&
		       (int)TREE_DIFF_LINKS == (int)O2R_DIFF_LINKS,
	"one list of differences, in two headers");

struct telling {
	const struct tree *a, *b;
	o2r_diff_fn fn;
	void *arg;
};

static int tell(void *arg, const struct tree_change *c)
{
	const struct telling *t = arg;
	struct stat before, after;
	struct o2r_diff_entry e = {
		.change = !c->before  ? O2R_ADDED
			  : !c->after ? O2R_REMOVED
				      : O2R_CHANGED,
		.differences = c->differences,
		.path = c->path,
		.path_len = c->path_len,
	};

	if (c->before) {
		tree_stat(t->a, c->before, &before);
		e.before = &before;
	}
	if (c->after) {
		tree_stat(t->b, c->after, &after);
		e.after = &after;
	}
	return t->fn(t->arg, &e);
}

static int compare(const struct diff_side *a, const struct diff_side *b,
	const struct ctx *ctx, o2r_diff_fn fn, void *arg, struct o2r_err *err)
{
	struct telling t = {a->tree, b->tree, fn, arg};

	return tree_diff(a, b, ctx, tell, &t, err);
}

int o2r_diff(struct o2r_image *a, struct o2r_image *b, o2r_diff_fn fn, void *arg,
	struct o2r_error *error)
{
	struct o2r_err err = {0};

	if (o2r_load_tree(a, &err) < 0 || o2r_load_tree(b, &err) < 0)
		return o2r_fail(error, &err);

	const struct diff_side before = {a->tree, a->streams, a->image->reference};
	const struct diff_side after = {b->tree, b->streams, b->image->reference};
	int r = compare(&before, &after, &a->ctx, fn, arg, &err);

	return err.code ? o2r_fail(error, &err) : r;
}

int o2r_diff_layer(struct o2r_image *image, unsigned index, o2r_diff_fn fn, void *arg,
	struct o2r_error *error)
{
	CLEANUP(o2r_prefix_finish) struct o2r_prefix p = {0};
	struct o2r_err err = {0};

	if (o2r_load_prefix(image, index, &p, &err) < 0)
		return o2r_fail(error, &err);

	const struct diff_side before = {p.below, p.streams, image->image->reference};
	const struct diff_side after = {p.with, p.streams, image->image->reference};
	int r = compare(&before, &after, &image->ctx, fn, arg, &err);

	return err.code ? o2r_fail(error, &err) : r;
}
