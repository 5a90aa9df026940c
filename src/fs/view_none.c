/* The view of a build without libfuse. */
#include <errno.h>

#include "fs/view.h"
#include "fs/view_point.h"

static int refuse(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, ENOTSUP,
		"this o2r was built without libfuse: it cannot mount");
}

int view_point_check(
	struct view_point *p, const char *dir, const struct ctx *ctx, struct o2r_err *err)
{
	(void)p, (void)dir, (void)ctx;
	return refuse(err);
}

int view_mount(const struct tree *tree, struct span_cache *cache, const char *dir,
	const struct view_options *o, const struct ctx *ctx, struct view **out,
	struct o2r_err *err)
{
	(void)tree, (void)cache, (void)dir, (void)o, (void)ctx, (void)out;
	return refuse(err);
}

uint64_t view_device(const struct view *v)
{
	(void)v;
	return 0;
}

int view_serve(struct view *v, int (*ready)(void *arg), void *arg, struct o2r_err *err)
{
	(void)v, (void)ready, (void)arg;
	return refuse(err);
}

void view_stop(struct view *v)
{
	(void)v;
}

void view_destroy(struct view *v)
{
	(void)v;
}
