#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/view_impl.h"

static const struct xattr *find(const struct xattr_set *s, const char *name)
{
	for (size_t low = 0, high = s ? s->count : 0; low < high;) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(s->list[mid].name, name);

		if (c == 0)
			return &s->list[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int compare_name(const void *name, const void *element)
{
	return strcmp(name, *(const char *const *)element);
}

/*
 * What to say of a name that the inode has not. Programs that list files ask each one for
 * its label and ACLs; EOPNOTSUPP makes them stop asking, and it is true of a name that no
 * inode has. For others it would not be.
 */
static int absent(const struct view_facts *f, const char *name)
{
	if (strncmp(name, "security.", 9) == 0 &&
		(!f->security_count || !bsearch(name, f->security, f->security_count,
					       sizeof(*f->security), compare_name)))
		return EOPNOTSUPP;
	if (strncmp(name, "system.posix_acl_", 17) == 0 && !f->acls)
		return EOPNOTSUPP;
	return ENODATA;
}

/* The inode's set, NULL: none. false: answered already. */
static bool set_of(fuse_req_t req, fuse_ino_t ino, const struct xattr_set **set)
{
	const struct view *v = view_of(req);
	const struct tree_inode *i;

	/* the kernel remembers and asks no more */
	if (v->flags.no_xattr || !v->facts.xattrs) {
		fuse_reply_err(req, ENOSYS);
		return false;
	}
	i = view_inode(req, ino);
	*set = i && i->xattrs ? v->tree->xattr_sets[i->xattrs] : NULL;
	return i != NULL;
}

void view_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct xattr_set *set;

	if (!set_of(req, ino, &set))
		return;

	const struct xattr *x = find(set, name);

	if (!x)
		fuse_reply_err(req, absent(&view_of(req)->facts, name));
	else if (size == 0)
		fuse_reply_xattr(req, x->value_len);
	else if (size < x->value_len)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)x->value, x->value_len);
}

void view_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct xattr_set *set;
	size_t total = 0, at = 0;

	if (!set_of(req, ino, &set))
		return;
	for (uint32_t i = 0; set && i < set->count; i++)
		total += (size_t)set->list[i].name_len + 1;
	if (size == 0) {
		fuse_reply_xattr(req, total);
		return;
	}
	if (size < total) {
		fuse_reply_err(req, ERANGE);
		return;
	}

	char *names AUTO_FREE = malloc(total + 1);

	if (!names) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (uint32_t i = 0; set && i < set->count; i++) {
		memcpy(names + at, set->list[i].name, (size_t)set->list[i].name_len + 1);
		at += (size_t)set->list[i].name_len + 1;
	}
	fuse_reply_buf(req, names, total);
}
