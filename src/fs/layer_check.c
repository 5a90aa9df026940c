#include "fs/layer_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "fs/posix_acl.h"
#include "fs/xattr_name.h"

enum {
	PART_MAX = 255,
	/* what ext4 and the kernel's dev_t hold */
	MAJOR_MAX = 0xfff,
	MINOR_MAX = 0xfffff,
	NSEC_MAX = 999999999,
};

/* How many bytes two strings have in common at their start. */
static size_t common(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t va, vb;

		memcpy(&va, a + i, sizeof(va));
		memcpy(&vb, b + i, sizeof(vb));
		if (va != vb)
			break;
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Where the first part begins that the path before did not have. */
static size_t first_new(const struct entry *before, const char *path, size_t n)
{
	size_t same = common(before->path, path, MIN(before->path_len, n));
	const char *slash = memrchr(path, '/', same);

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Parts without NUL, neither empty nor "." nor "..", each within its limit. */
static bool are_parts(const char *p, size_t n)
{
	const char *end = p + n;

	if (strlen(p) != n)
		return false;
	for (;;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t part = (size_t)((slash ? slash : end) - p);

		if (!part || part > PART_MAX ||
			(p[0] == '.' && (part == 1 || (part == 2 && p[1] == '.'))))
			return false;
		if (!slash)
			return true;
		p = slash + 1;
	}
}

static int check_path(const struct layer_check *c, const struct entry *before,
	const struct entry *e, struct o2r_err *err)
{
	size_t from = before ? first_new(before, e->path, e->path_len) : 0;

	if (e->path_len > c->limits->path)
		return err_corrupt(err, "its name has %u bytes, more than %llu",
			e->path_len, (unsigned long long)c->limits->path);
	if (!e->path_len)
		return e->kind == ENTRY_DIR
			       ? 0
			       : err_corrupt(err, "a root that is no directory");
	return are_parts(e->path + from, e->path_len - from)
		       ? 0
		       : err_corrupt(err, "its name is malformed");
}

static int check_link(
	const struct layer_check *c, const struct entry *e, struct o2r_err *err)
{
	bool valid = true;

	switch (e->kind) {
	case ENTRY_HARDLINK:
		valid = e->link && (!e->link_len || are_parts(e->link, e->link_len));
		break;
	case ENTRY_SYMLINK:
		valid = e->link && e->link_len && strlen(e->link) == e->link_len;
		break;
	default:
		valid = !e->link && !e->link_len;
	}
	if (!valid || e->link_len > c->limits->path)
		return err_corrupt(err, "its link target is malformed");
	return 0;
}

static int check_inode(const struct entry *e, struct o2r_err *err)
{
	bool device = e->kind == ENTRY_CHR || e->kind == ENTRY_BLK;

	if (e->kind > ENTRY_FIFO)
		return err_corrupt(err, "its kind %u is unknown", e->kind);
	if (e->mode > 07777 || e->mtime_nsec > NSEC_MAX)
		return err_corrupt(err, "its mode or time is out of range");
	if (e->uid == UINT32_MAX || e->gid == UINT32_MAX)
		return err_corrupt(err, "its owner is out of range");
	if (e->major > (device ? MAJOR_MAX : 0) || e->minor > (device ? MINOR_MAX : 0))
		return err_corrupt(err, "its device number is out of range");
	return 0;
}

static bool lies_in(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static bool is_map(
	const struct data_map *m, uint64_t size, uint64_t decoded, uint64_t *sum)
{
	uint64_t file_end = 0, src_end = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		const struct data_run *r = &m->runs[i];

		/* neighbours in the file are one run, one that is the whole file none */
		if (!r->len || !lies_in(r->file_off, r->len, size) ||
			!lies_in(r->src_off, r->len, decoded) || r->len == size ||
			(i && r->file_off <= file_end) || r->src_off < src_end)
			return false;
		file_end = r->file_off + r->len;
		src_end = r->src_off + r->len;
		*sum += r->len;
	}
	return true;
}

static int check_data(const struct layer_check *c, const struct entry *e, uint64_t *data,
	struct o2r_err *err)
{
	bool valid = e->data_off <= c->decoded_size;

	*data = 0;
	if (e->kind != ENTRY_FILE) {
		valid = valid && !e->size && !e->map;
	} else if (!e->map) {
		*data = e->size;
		valid = lies_in(e->data_off, e->size, c->decoded_size);
	} else {
		valid = valid && e->size &&
			is_map(e->map, e->size, c->decoded_size, data);
	}
	return valid ? 0 : err_corrupt(err, "its data is out of range");
}

/* What chmod(2) would make of an ACL is what is there already. */
static int check_mode(const struct xattr *x, unsigned mode, struct o2r_err *err)
{
	AUTO_FREE unsigned char *acl = malloc(x->value_len + 1);

	if (!acl)
		return err_nomem(err);
	memcpy(acl, x->value, x->value_len);
	posix_acl_chmod(acl, x->value_len, mode);
	return memcmp(acl, x->value, x->value_len) == 0
		       ? 0
		       : err_corrupt(err, "its ACL does not go with its mode");
}

static int check_xattr_of(
	const struct entry *e, const struct xattr *x, struct o2r_err *err)
{
	enum entry_kind kind = (enum entry_kind)e->kind;
	bool access = xattr_name_is_access_acl(x->name, x->name_len);
	bool preset = xattr_name_is_default_acl(x->name, x->name_len);
	bool is_mode = access && posix_acl_is_mode(x->value, x->value_len);

	if ((preset && kind != ENTRY_DIR) || (access && kind == ENTRY_SYMLINK) ||
		(is_mode && kind != ENTRY_HARDLINK) ||
		(!xattr_kind_has_user(kind) && xattr_name_is_user(x->name, x->name_len)))
		return err_corrupt(err, "it cannot have the attribute %s",
			text_quote(x->name, x->name_len).s);
	return access && !is_mode ? check_mode(x, e->mode, err) : 0;
}

int layer_check_entry(const struct layer_check *c, const struct entry *before,
	const struct entry *e, uint64_t *data, struct o2r_err *err)
{
	int r = check_inode(e, err);

	if (r == 0)
		r = check_path(c, before, e, err);
	if (r == 0)
		r = check_link(c, e, err);
	if (r == 0)
		r = check_data(c, e, data, err);
	for (uint32_t i = 0; e->xattrs && r == 0 && i < e->xattrs->count; i++)
		r = check_xattr_of(e, &e->xattrs->list[i], err);
	return r;
}

static bool is_xattr(const struct layer_check *c, const struct xattr *x)
{
	if (x->name_len > XATTR_NAME_MAX_LEN || x->value_len > c->limits->xattr_value ||
		strlen(x->name) != x->name_len ||
		xattr_name_is_dropped(x->name, x->name_len) ||
		!xattr_name_is_ext4(x->name, x->name_len))
		return false;
	if (xattr_name_is_default_acl(x->name, x->name_len))
		return posix_acl_check(x->value, x->value_len) == 0 &&
		       x->value_len > POSIX_ACL_HEADER;
	return !xattr_name_is_access_acl(x->name, x->name_len) ||
	       posix_acl_check(x->value, x->value_len) == 0;
}

int layer_check_xattrs(
	const struct layer_check *c, const struct xattr_set *set, struct o2r_err *err)
{
	if (!set->count)
		return err_corrupt(err, "a set of attributes is empty");
	for (uint32_t i = 0; i < set->count; i++)
		if (!is_xattr(c, &set->list[i]) ||
			(i && strcmp(set->list[i - 1].name, set->list[i].name) >= 0))
			return err_corrupt(err, "a set of attributes is malformed");
	return 0;
}
