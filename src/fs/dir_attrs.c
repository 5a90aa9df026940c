#include "fs/dir_attrs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/le.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/dir_index_impl.h"
#include "fs/layer_parts.h"
#include "fs/posix_acl.h"
#include "fs/xattr_name.h"

enum {
	ACL_USER = 2, /* tags of ACL entries that have an id */
	ACL_GROUP = 8,
	CAPS_V2 = 0x02000000,
	CAPS_V3 = 0x03000000,
	CAPS_REVISION = (int)0xff000000,
	CAPS_V2_SIZE = 20,
	CAPS_V3_SIZE = 24,
};

void dir_attrs_finish(struct dir_attrs *a)
{
	free(a->list);
	free(a->value);
	free(a->items);
	a->list = a->value = NULL;
	a->items = NULL;
}

static bool begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* ---- marks */

/* What follows the prefix of one of overlayfs's namespaces, else NULL. In a store whose
 * marks are in trusted.*, those in user.* are what an image brought along: whoever writes
 * an image could hide files by them that a container shows. */
static const char *overlay_name(const struct dir_rules *rules, const char *name)
{
	static const char *const prefix[] = {"trusted.overlay.", "user.overlay."};

	for (size_t i = 0; rules->overlay && i < (rules->trusted ? 1 : 2); i++)
		if (begins(name, prefix[i]))
			return name + strlen(prefix[i]);
	return NULL;
}

/* fuse-overlayfs's own, in stores that it may have written. */
static bool is_fuse_name(const struct dir_rules *rules, const char *name)
{
	return rules->overlay && rules->names && begins(name, "user.fuseoverlayfs.");
}

/* A name, or an absolute path without anything odd (kernel: ovl_get_redirect_xattr). */
static bool is_redirect(const char *p, size_t n)
{
	const char *end = p + n;
	bool absolute = n && *p == '/';

	if (memchr(p, 0, n))
		return false;
	for (p += absolute;; p++) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t part = (size_t)((slash ? slash : end) - p);

		if (!part || part > PART_BYTES || (slash && !absolute) ||
			(p[0] == '.' && (part == 1 || (part == 2 && p[1] == '.'))))
			return false;
		if (!slash)
			return true;
		p = slash;
	}
}

static int overlay_mark(struct dir_attrs *a, const char *what, size_t n,
	struct dir_marks *m, struct o2r_err *err)
{
	const char *value = a->value;

	if (strcmp(what, "opaque") == 0) {
		m->opaque |= n == 1 && value[0] == 'y';
		m->xwhiteouts |= n == 1 && value[0] == 'x';
	} else if (strcmp(what, "whiteout") == 0) {
		m->whiteout = true;
	} else if (strcmp(what, "metacopy") == 0) {
		m->metacopy = true;
	} else if (strcmp(what, "redirect") == 0) {
		if (!is_redirect(value, n))
			return err_corrupt(err,
				"its overlay.redirect \"%s\" is no name and no path",
				text_quote(value, n).s);
		m->redirect = true;
		m->redirect_path = arena_dup(a->arena, value, n);
		if (!m->redirect_path)
			return err_nomem(err);
	}
	/* origin, impure, nlink, uuid, upper, protattr: bookkeeping */
	return 0;
}

static bool is_override(const char *name)
{
	return strcmp(name, "user.containers.override_stat") == 0 ||
	       strcmp(name, "user.fuseoverlayfs.override_stat") == 0;
}

static int override_mark(
	const struct dir_attrs *a, size_t n, struct dir_marks *m, struct o2r_err *err)
{
	if (stat_text_parse(a->value, n, &m->stat) < 0)
		return err_corrupt(err, "its override_stat \"%s\" is malformed",
			text_quote(a->value, n).s);
	m->overridden = true;
	return 0;
}

/* 1: it is one, and not for the image; 0: it is none. */
static int take_mark(struct dir_attrs *a, const char *name, size_t n, struct dir_marks *m,
	struct o2r_err *err)
{
	const char *overlay = overlay_name(a->rules, name);
	int r;

	if (a->rules->override_stat && is_override(name)) {
		r = override_mark(a, n, m, err);
		return r < 0 ? r : 1;
	}
	if (overlay) {
		r = overlay_mark(a, overlay, n, m, err);
		return r < 0 ? r : 1;
	}
	if (!is_fuse_name(a->rules, name))
		return 0;
	m->opaque |= strcmp(name, "user.fuseoverlayfs.opaque") == 0 && n == 1 &&
		     a->value[0] == 'y';
	return 1;
}

/* ---- what the image keeps */

static int add_item(struct dir_attrs *a, const char *name, size_t n, struct o2r_err *err)
{
	struct xattr *x;
	int r = VEC_RESERVE(a->items, a->count, a->cap, 1, DIR_ATTR_COUNT_MAX);

	if (r < 0)
		return r == -E2BIG ? err_corrupt(err, "it has too many attributes")
				   : err_nomem(err);
	x = &a->items[a->count];
	*x = (struct xattr){
		.name = arena_dup(a->arena, name, strlen(name)),
		.value = (unsigned char *)arena_dup(a->arena, a->value, n),
		.name_len = (uint32_t)strlen(name),
		.value_len = (uint32_t)n,
	};
	if (!x->name || !x->value)
		return err_nomem(err);
	a->count++;
	return 0;
}

static int map_acl_ids(struct dir_attrs *a, size_t n, struct o2r_err *err)
{
	for (size_t at = POSIX_ACL_HEADER; at + POSIX_ACL_ENTRY <= n;
		at += POSIX_ACL_ENTRY) {
		unsigned char *e = (unsigned char *)a->value + at;
		unsigned tag = get_le16(e);
		uint32_t id;

		if (tag != ACL_USER && tag != ACL_GROUP)
			continue;
		/* the last one is what the kernel shows of those that are not mapped */
		if (get_le32(e + 4) == UINT32_MAX ||
			!id_map_meant(tag == ACL_USER ? &a->rules->uids : &a->rules->gids,
				get_le32(e + 4), &id))
			return err_set(err, ERR_ACCESS, EPERM,
				"its ACL names the id %u, which means nothing in the "
				"image: run this in the user namespace of its store, by "
				"`podman unshare` or `buildah unshare`",
				get_le32(e + 4));
		put_le32(e + 4, id);
	}
	return 0;
}

/* 1: keep; 0: it says nothing, or does not belong here. */
static int keep_acl(struct dir_attrs *a, const char *name, size_t n, enum entry_kind kind,
	unsigned mode, struct o2r_err *err)
{
	unsigned char *acl = (unsigned char *)a->value;
	bool is_default = xattr_name_is_default_acl(name, strlen(name));
	int r;

	if (kind == ENTRY_SYMLINK || (is_default && kind != ENTRY_DIR))
		return 0;
	r = map_acl_ids(a, n, err);
	if (r < 0)
		return r;
	if (posix_acl_check(acl, n) < 0)
		return err_corrupt(err, "its ACL is malformed");
	if (n <= POSIX_ACL_HEADER)
		return 0;
	if (is_default)
		return 1;
	if (posix_acl_is_mode(acl, n))
		return 0;
	posix_acl_chmod(acl, n, mode);
	return 1;
}

/* A capability of a user namespace's root is one of root inside. 1, with its size. */
static int keep_capability(struct dir_attrs *a, size_t *n, struct o2r_err *err)
{
	unsigned char *v = (unsigned char *)a->value;
	uint32_t magic = *n >= 4 ? get_le32(v) : 0, root;

	if (*n != CAPS_V3_SIZE || (magic & (uint32_t)CAPS_REVISION) != CAPS_V3)
		return 1;
	if (!id_map_meant(&a->rules->uids, get_le32(v + CAPS_V2_SIZE), &root))
		return err_set(err, ERR_ACCESS, EPERM,
			"its capabilities are of the root %u, which means nothing in the "
			"image: run this in the user namespace of its store, by `podman "
			"unshare` or `buildah unshare`",
			get_le32(v + CAPS_V2_SIZE));
	put_le32(v + CAPS_V2_SIZE, root);
	if (root == 0) {
		put_le32(v, (magic & ~(uint32_t)CAPS_REVISION) | CAPS_V2);
		*n = CAPS_V2_SIZE;
	}
	return 1;
}

static int keep(struct dir_attrs *a, const char *name, size_t n, enum entry_kind kind,
	unsigned mode, const char *path, struct o2r_err *err)
{
	size_t len = strlen(name);
	int r = 1;

	if (xattr_name_is_dropped(name, len))
		return 0;
	if (!xattr_name_is_ext4(name, len)) {
		warn_about(a->warn, WARN_DIR_ATTR_LEFT_OUT,
			"%s: attribute %s left out: ext4 cannot hold its name",
			text_quote(path, strlen(path)).s, text_quote(name, len).s);
		return 0;
	}
	if (!xattr_kind_has_user(kind) && xattr_name_is_user(name, len))
		return 0;
	if (xattr_name_is_access_acl(name, len) || xattr_name_is_default_acl(name, len))
		r = keep_acl(a, name, n, kind, mode, err);
	else if (strcmp(name, "security.capability") == 0)
		r = keep_capability(a, &n, err);
	if (r > 0 && n > MIN(a->ctx->limits.xattr_value, UINT32_MAX))
		return err_corrupt(err,
			"the attribute %s has %zu bytes, more than %llu (raise it with "
			"--limit xattr-value=N)",
			text_quote(name, len).s, n,
			(unsigned long long)a->ctx->limits.xattr_value);
	return r > 0 ? add_item(a, name, n, err) : r;
}

/* ---- one file */

static int compare(const void *pa, const void *pb)
{
	return strcmp(((const struct xattr *)pa)->name, ((const struct xattr *)pb)->name);
}

static bool is_same(const struct dir_attrs *a, const struct xattr_set *set)
{
	if (!set || set->count != a->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(set->list[i].name, a->items[i].name) != 0 ||
			set->list[i].value_len != a->items[i].value_len ||
			memcmp(set->list[i].value, a->items[i].value,
				a->items[i].value_len) != 0)
			return false;
	return true;
}

static int store(struct dir_attrs *a, const struct xattr_set **out, struct o2r_err *err)
{
	struct xattr_set *set;

	if (!a->count)
		return 0;
	qsort(a->items, a->count, sizeof(*a->items), compare);
	if (!is_same(a, a->last)) {
		set = arena_alloc(a->arena, sizeof(*set) + a->count * sizeof(*a->items),
			_Alignof(struct xattr));
		if (!set)
			return err_nomem(err);
		set->count = (uint32_t)a->count;
		memcpy(set->list, a->items, a->count * sizeof(*a->items));
		a->last = set;
	}
	*out = a->last;
	return 0;
}

static ssize_t get_value(
	struct dir_attrs *a, const char *path, const char *name, struct o2r_err *err)
{
	ssize_t n = lgetxattr(path, name, a->value, DIR_ATTR_VALUE_MAX);
	char what[300];

	/* gone meanwhile, or of a kind that only shows itself in lists */
	if (n < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
		return -ENODATA;
	if (n >= 0)
		return n;
	snprintf(what, sizeof(what), "cannot read its attribute %s",
		text_quote(name, strlen(name)).s);
	/* of the root of a user namespace that is not ours */
	return dir_failed(errno == EOVERFLOW ? EPERM : errno, what, err);
}

/* marks_only: of two rounds the first, since override_stat changes what others mean. */
static int each(struct dir_attrs *a, const char *path, size_t listed, bool marks_only,
	enum entry_kind kind, unsigned mode, struct dir_marks *m, struct o2r_err *err)
{
	int r = 0;

	for (const char *p = a->list; r >= 0 && p < a->list + listed;
		p += strlen(p) + 1) {
		bool mark = overlay_name(a->rules, p) || is_override(p) ||
			    is_fuse_name(a->rules, p);
		ssize_t n;

		if (mark != marks_only)
			continue;
		n = get_value(a, path, p, err);
		if (n < 0 && n != -ENODATA)
			return (int)n;
		if (n < 0)
			continue;
		r = mark ? take_mark(a, p, (size_t)n, m, err) : 0;
		if (r == 0)
			r = keep(a, p, (size_t)n, kind, mode, path, err);
	}
	return r < 0 ? r : 0;
}

static enum entry_kind kind_of(uint32_t type, enum entry_kind kind)
{
	switch (type) {
	case S_IFREG:
		return ENTRY_FILE;
	case S_IFDIR:
		return ENTRY_DIR;
	case S_IFLNK:
		return ENTRY_SYMLINK;
	case S_IFCHR:
		return ENTRY_CHR;
	case S_IFBLK:
		return ENTRY_BLK;
	case S_IFIFO:
		return ENTRY_FIFO;
	case S_IFSOCK:
		return ENTRY_SOCK;
	default:
		return kind;
	}
}

static int cannot_list(int errnum, struct o2r_err *err)
{
	if (errnum == ENOENT && access("/proc/self/fd", F_OK) < 0)
		return err_set(err, ERR_FAIL, ENOENT,
			"its attributes cannot be read: /proc is not mounted");
	return dir_failed(errnum, "cannot list its attributes", err);
}

int dir_attrs_read(struct dir_attrs *a, const char *path, enum entry_kind kind,
	unsigned mode, struct dir_marks *marks, const struct xattr_set **set,
	struct o2r_err *err)
{
	ssize_t n;
	int r;

	*marks = (struct dir_marks){0};
	*set = NULL;
	a->count = 0;
	if (!a->list)
		a->list = malloc(DIR_ATTR_LIST_MAX);
	if (!a->value)
		a->value = malloc(DIR_ATTR_VALUE_MAX);
	if (!a->list || !a->value)
		return err_nomem(err);
	n = llistxattr(path, a->list, DIR_ATTR_LIST_MAX);
	if (n < 0 && errno != ENOTSUP)
		return cannot_list(errno, err);
	if (n <= 0)
		return 0;
	r = each(a, path, (size_t)n, true, kind, mode, marks, err);
	if (r == 0 && marks->overridden) {
		kind = kind_of(marks->stat.type, kind);
		mode = marks->stat.mode;
	}
	if (r == 0)
		r = each(a, path, (size_t)n, false, kind, mode, marks, err);
	return r < 0 ? r : store(a, set, err);
}
