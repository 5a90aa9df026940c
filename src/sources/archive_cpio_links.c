#include "sources/archive_cpio_links.h"

#include <search.h>
#include <string.h>

static int by_name(const void *pa, const void *pb)
{
	const struct cpio_file *a = pa, *b = pb;

	return strcmp(a->first, b->first);
}

struct cpio_file *cpio_links_file(struct cpio_links *l, const char *first)
{
	const struct cpio_file key = {.first = first};
	struct cpio_file *const *at = tfind(&key, &l->tree, by_name);
	struct cpio_file *f;

	if (at)
		return *at;
	f = arena_alloc(&l->arena, sizeof(*f), _Alignof(struct cpio_file));
	if (!f)
		return NULL;
	*f = (struct cpio_file){.first = arena_dup(&l->arena, first, strlen(first))};
	return f->first && tsearch(f, &l->tree, by_name) ? f : NULL;
}

int cpio_links_add(
	struct cpio_links *l, struct cpio_file *f, const char *name, struct o2r_err *err)
{
	struct cpio_name *n =
		arena_alloc(&l->arena, sizeof(*n), _Alignof(struct cpio_name));

	if (!n)
		return err_nomem(err);
	*n = (struct cpio_name){
		.name = arena_dup(&l->arena, name, strlen(name)), .next = f->names};
	f->names = n;
	return n->name ? 0 : err_nomem(err);
}

static void not_ours(void *file)
{
	(void)file;
}

void cpio_links_finish(struct cpio_links *l)
{
	tdestroy(l->tree, not_ours);
	arena_finish(&l->arena);
	l->tree = NULL;
}
