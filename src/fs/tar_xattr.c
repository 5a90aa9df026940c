#include "fs/tar_xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/checked.h"
#include "base/text.h"
#include "base/vec.h"
#include "fs/posix_acl.h"
#include "fs/xattr_coding.h"
#include "fs/xattr_name.h"

enum {
	ITEMS_MAX = 1 << 20,
};

/* When a name comes more than once the highest source counts, of one source the last. */
enum item_source {
	FROM_ACL_TEXT,
	FROM_LIBARCHIVE,
	FROM_SCHILY,
};

struct xattr_item {
	const char *name;
	const unsigned char *value;
	size_t name_len, value_len;
	size_t order; /* in the headers */
	enum item_source source;
};

static const char acl_access_name[] = "system.posix_acl_access";
static const char acl_default_name[] = "system.posix_acl_default";

void tar_xattrs_free(struct tar_xattrs *x)
{
	free(x->items);
	free(x->scratch);
	x->items = NULL;
	x->scratch = NULL;
}

/* All scratch space that one entry can need, at once, so that it never moves. */
static int reserve(struct tar_xattrs *x, const struct tar_pax *pax, struct o2r_err *err)
{
	size_t need =
		POSIX_ACL_ROOM(pax->acl_access.n) + POSIX_ACL_ROOM(pax->acl_default.n);
	int r;

	for (size_t i = 0; i < pax->xattr_count; i++)
		/* a value may be decoded here and then, as an ACL, copied once more */
		need += pax->xattrs[i].name.n + 2 * pax->xattrs[i].value.n;
	x->count = x->scratch_len = 0;
	r = VEC_RESERVE(x->scratch, 0, x->scratch_cap, need, SIZE_MAX / 2);
	if (r == 0)
		r = VEC_RESERVE(x->items, 0, x->cap, pax->xattr_count + 2, ITEMS_MAX + 2);
	return r < 0 ? err_nomem(err) : 0;
}

static int decode(struct tar_xattrs *x, const struct pax_xattr *rec,
	struct xattr_item *it, struct o2r_err *err)
{
	unsigned char *out = x->scratch + x->scratch_len;

	it->name = (const char *)out;
	if (!url_decode(rec->name.p, rec->name.n, out, &it->name_len) ||
		memchr(out, '\0', it->name_len))
		return err_corrupt(err, "LIBARCHIVE.xattr.%s: the name is malformed",
			text_quote(rec->name.p, rec->name.n).s);
	out += it->name_len;
	it->value = out;
	if (!base64_decode(rec->value.p, rec->value.n, out, &it->value_len))
		return err_corrupt(err, "LIBARCHIVE.xattr.%s: the value is not base64",
			text_quote(rec->name.p, rec->name.n).s);
	x->scratch_len += it->name_len + it->value_len;
	return 0;
}

static void add_acl_text(struct tar_xattrs *x, struct pax_str text, const char *name)
{
	if (!text.p)
		return;
	x->items[x->count++] = (struct xattr_item){
		.name = name,
		.name_len = strlen(name),
		.value = (const unsigned char *)text.p,
		.value_len = text.n,
		.source = FROM_ACL_TEXT,
	};
}

static int collect(struct tar_xattrs *x, const struct tar_pax *pax, struct o2r_err *err)
{
	for (size_t i = 0; i < pax->xattr_count; i++) {
		const struct pax_xattr *rec = &pax->xattrs[i];
		struct xattr_item it = {
			.name = rec->name.p,
			.name_len = rec->name.n,
			.value = (const unsigned char *)rec->value.p,
			.value_len = rec->value.n,
			.order = i,
			.source = rec->encoded ? FROM_LIBARCHIVE : FROM_SCHILY,
		};
		int r = rec->encoded ? decode(x, rec, &it, err) : 0;

		if (r < 0)
			return r;
		x->items[x->count++] = it;
	}
	add_acl_text(x, pax->acl_access, acl_access_name);
	add_acl_text(x, pax->acl_default, acl_default_name);
	return 0;
}

static int compare_names(const struct xattr_item *a, const struct xattr_item *b)
{
	int c = memcmp(a->name, b->name, MIN(a->name_len, b->name_len));

	return c ? c : (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

/* By name; the one that counts comes last. */
static int compare_items(const void *pa, const void *pb)
{
	const struct xattr_item *a = pa, *b = pb;
	int c = compare_names(a, b);

	if (!c)
		c = (int)a->source - (int)b->source;
	return c ? c : (a->order > b->order) - (a->order < b->order);
}

static void sort_distinct(struct tar_xattrs *x)
{
	size_t o = 0;

	if (x->count > 1)
		qsort(x->items, x->count, sizeof(x->items[0]), compare_items);
	for (size_t i = 0; i < x->count; i++)
		if (i + 1 == x->count ||
			compare_names(&x->items[i], &x->items[i + 1]) != 0)
			x->items[o++] = x->items[i];
	x->count = o;
}

struct subject {
	const struct tar_member *m;
	const char *path;
	size_t path_len;
};

static void acl_warning(
	struct tar_xattrs *x, const struct subject *s, unsigned kind, const char *what)
{
	if (warn_due(x->warn, kind))
		warn_text(x->warn, "%s: %s left out", text_quote(s->path, s->path_len).s,
			what);
}

/* Text becomes the raw form; raw bytes are copied, since the mode may change them.
 * 1: use it, 0: leave it out. */
static int load_acl(struct tar_xattrs *x, const struct subject *s, struct xattr_item *it,
	struct o2r_err *err)
{
	unsigned char *acl = x->scratch + x->scratch_len;
	size_t len = it->value_len;
	int r;

	if (it->source == FROM_ACL_TEXT) {
		r = posix_acl_from_text(
			(const char *)it->value, it->value_len, acl, &len);
		if (r == -ENOENT) {
			acl_warning(x, s, WARN_ACL_NAME,
				"ACL with a user or group name but no number");
			return 0;
		}
	} else {
		r = posix_acl_check(it->value, len);
		memmove(acl, it->value, len);
	}
	if (r < 0)
		return err_corrupt(
			err, "%s: not a valid ACL", text_quote(it->name, it->name_len).s);
	x->scratch_len += len;
	it->value = acl;
	it->value_len = len;
	return 1;
}

static int keep_acl(struct tar_xattrs *x, const struct subject *s, struct xattr_item *it,
	struct o2r_err *err)
{
	enum entry_kind kind = s->m->kind;
	bool is_default = xattr_name_is_default_acl(it->name, it->name_len);
	int r;

	if (kind == ENTRY_SYMLINK) {
		acl_warning(x, s, WARN_ACL_SYMLINK, "ACL of a symbolic link");
		return 0;
	}
	if (is_default && kind != ENTRY_DIR) {
		acl_warning(
			x, s, WARN_ACL_DEFAULT, "default ACL of what is no directory");
		return 0;
	}
	r = load_acl(x, s, it, err);
	if (r <= 0)
		return r;
	if (is_default)
		return it->value_len > POSIX_ACL_HEADER;
	/* in the header of a hard link it takes an ACL away that was there (rule 5) */
	if (posix_acl_is_mode(it->value, it->value_len))
		return kind == ENTRY_HARDLINK;
	posix_acl_chmod((unsigned char *)it->value, it->value_len, s->m->mode);
	return 1;
}

static void item_warning(struct tar_xattrs *x, const struct subject *s, unsigned kind,
	const struct xattr_item *it, const char *why)
{
	if (warn_due(x->warn, kind))
		warn_text(x->warn, "%s: attribute %s left out: %s",
			text_quote(s->path, s->path_len).s,
			text_quote(it->name, it->name_len).s, why);
}

/* 1: keep the item (perhaps changed), 0: leave it out. */
static int keep(struct tar_xattrs *x, const struct subject *s, struct xattr_item *it,
	struct o2r_err *err)
{
	int r = 1;

	if (xattr_name_is_dropped(it->name, it->name_len))
		return 0;
	if (!xattr_name_is_ext4(it->name, it->name_len)) {
		item_warning(x, s, WARN_XATTR_PREFIX, it, "ext4 cannot hold its name");
		return 0;
	}
	if (!xattr_kind_has_user(s->m->kind) &&
		xattr_name_is_user(it->name, it->name_len)) {
		item_warning(x, s, WARN_XATTR_USER, it,
			"only files and directories can have it");
		return 0;
	}
	if (it->name_len > XATTR_NAME_MAX_LEN)
		return err_corrupt(err,
			"the attribute name %s has %zu bytes, more than %d",
			text_quote(it->name, it->name_len).s, it->name_len,
			XATTR_NAME_MAX_LEN);
	if (xattr_name_is_access_acl(it->name, it->name_len) ||
		xattr_name_is_default_acl(it->name, it->name_len))
		r = keep_acl(x, s, it, err);
	if (r > 0 && it->value_len > MIN(x->limits->xattr_value, UINT32_MAX))
		return err_corrupt(err,
			"the attribute %s has %zu bytes, more than %llu (raise it with "
			"--limit xattr-value=N)",
			text_quote(it->name, it->name_len).s, it->value_len,
			(unsigned long long)x->limits->xattr_value);
	return r;
}

static int filter(struct tar_xattrs *x, const struct subject *s, struct o2r_err *err)
{
	size_t o = 0;

	for (size_t i = 0; i < x->count; i++) {
		int r = keep(x, s, &x->items[i], err);

		if (r < 0)
			return r;
		if (r)
			x->items[o++] = x->items[i];
	}
	x->count = o;
	return 0;
}

static bool is_same(const struct tar_xattrs *x, const struct xattr_set *set)
{
	if (!set || set->count != x->count)
		return false;
	for (size_t i = 0; i < x->count; i++) {
		const struct xattr_item *it = &x->items[i];
		const struct xattr *have = &set->list[i];

		if (have->name_len != it->name_len || have->value_len != it->value_len ||
			memcmp(have->name, it->name, it->name_len) != 0 ||
			memcmp(have->value, it->value, it->value_len) != 0)
			return false;
	}
	return true;
}

static int store(struct tar_xattrs *x, const struct xattr_set **out, struct o2r_err *err)
{
	struct xattr_set *set = arena_alloc(x->arena,
		sizeof(*set) + x->count * sizeof(set->list[0]), _Alignof(struct xattr));

	if (!set)
		return err_nomem(err);
	set->count = (uint32_t)x->count;
	for (size_t i = 0; i < x->count; i++) {
		const struct xattr_item *it = &x->items[i];
		char *name = arena_dup(x->arena, it->name, it->name_len);
		char *value = arena_dup(x->arena, it->value, it->value_len);

		if (!name || !value)
			return err_nomem(err);
		set->list[i] = (struct xattr){
			.name = name,
			.value = (const unsigned char *)value,
			.name_len = (uint32_t)it->name_len,
			.value_len = (uint32_t)it->value_len,
		};
	}
	*out = x->last = set;
	return 0;
}

int tar_xattrs_build(struct tar_xattrs *x, const struct tar_member *m, const char *path,
	size_t path_len, const struct xattr_set **out, struct o2r_err *err)
{
	const struct tar_pax *pax = m->pax;
	struct subject s = {m, path, path_len};
	int r;

	*out = NULL;
	if (pax->acl_ace.p)
		acl_warning(x, &s, WARN_ACL_NFS4, "NFSv4 ACL");
	if (!pax->xattr_count && !pax->acl_access.p && !pax->acl_default.p)
		return 0;
	r = reserve(x, pax, err);
	if (r == 0)
		r = collect(x, pax, err);
	if (r < 0)
		return r;
	sort_distinct(x);
	r = filter(x, &s, err);
	if (r < 0 || !x->count)
		return r;
	if (is_same(x, x->last)) {
		*out = x->last;
		return 0;
	}
	return store(x, out, err);
}
