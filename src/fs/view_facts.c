#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "fs/view_impl.h"

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int add_name(struct view_facts *f, const char *name, struct o2r_err *err)
{
	if (VEC_RESERVE(f->security, f->security_count, f->security_cap, 1, SIZE_MAX) < 0)
		return err_nomem(err);
	f->security[f->security_count++] = name;
	return 0;
}

static int look_at_set(
	struct view_facts *f, const struct xattr_set *s, struct o2r_err *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->count; i++) {
		const char *name = s->list[i].name;

		if (strncmp(name, "system.posix_acl_", 17) == 0)
			f->acls = true;
		if (strncmp(name, "security.", 9) == 0)
			r = add_name(f, name, err);
	}
	f->xattrs |= s->count > 0;
	return r;
}

static void sort_names(struct view_facts *f)
{
	size_t n = 0;

	if (f->security_count)
		qsort(f->security, f->security_count, sizeof(*f->security),
			compare_strings);
	for (size_t i = 0; i < f->security_count; i++)
		if (n == 0 || strcmp(f->security[n - 1], f->security[i]) != 0)
			f->security[n++] = f->security[i];
	f->security_count = n;
}

int view_facts_fill(struct view_facts *f, const struct tree *t, struct o2r_err *err)
{
	/* a set may have lost the inodes that had it */
	unsigned char *seen AUTO_FREE = calloc(t->xattr_set_count + 1, 1);
	struct stat st;
	int r = 0;

	if (!seen)
		return err_nomem(err);
	for (uint32_t ino = TREE_ROOT; ino <= t->inode_count; ino++) {
		tree_stat(t, ino, &st);
		f->blocks += (uint64_t)st.st_blocks / (TREE_BLOCK / 512);
		seen[tree_get(t, ino)->xattrs] = 1;
	}
	for (uint32_t i = 1; r == 0 && i <= t->xattr_set_count; i++)
		if (seen[i])
			r = look_at_set(f, t->xattr_sets[i], err);
	sort_names(f);
	return r;
}

void view_facts_finish(struct view_facts *f)
{
	free(f->security);
	*f = (struct view_facts){0};
}
