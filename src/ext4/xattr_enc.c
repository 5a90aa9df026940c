#include "ext4/xattr_enc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "base/text.h"
#include "ext4/csum.h"
#include "ext4/xattr_acl.h"

enum {
	NAME_MAX_VFS = 255, /* of a whole name; longer ones cannot be asked for */
	AREA = sizeof(((struct ext4_inode *)NULL)->i_xattrs),
	ENTRY = sizeof(struct ext4_xattr_entry),
	END = 4, /* zeros behind the last entry */
	BLOCK_ITEMS = EXT4_MAX_BLOCK / ENTRY,
};

/* An attribute as the disk has it. */
struct item {
	const struct xattr *x;
	const char *name; /* behind the prefix */
	uint32_t name_len;
	uint32_t value_len;
	uint8_t index;
	bool acl;
};

static int find_prefix(const struct xattr *x, struct item *out, struct o2r_err *err)
{
	static const struct {
		const char *prefix;
		uint8_t index;
		bool whole; /* the prefix is the name */
	} table[] = {
		{"user.", EXT4_XATTR_USER, false},
		{"system.posix_acl_access", EXT4_XATTR_ACL_ACCESS, true},
		{"system.posix_acl_default", EXT4_XATTR_ACL_DEFAULT, true},
		{"trusted.", EXT4_XATTR_TRUSTED, false},
		{"security.", EXT4_XATTR_SECURITY, false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = strlen(table[i].prefix);

		if (x->name_len < n || memcmp(x->name, table[i].prefix, n) != 0 ||
			(x->name_len == n) != table[i].whole)
			continue;
		*out = (struct item){
			.x = x,
			.name = x->name + n,
			.name_len = x->name_len - (uint32_t)n,
			.value_len = x->value_len,
			.index = table[i].index,
			.acl = table[i].whole,
		};
		return 0;
	}
	return err_set(err, ERR_FAIL, EINVAL,
		"ext4 has no place for an extended attribute named \"%s\"",
		text_quote(x->name, x->name_len).s);
}

static int item_init(const struct xattr *x, struct item *out, struct o2r_err *err)
{
	int r = find_prefix(x, out, err);

	if (r < 0)
		return r;
	if (x->name_len > NAME_MAX_VFS)
		return err_set(err, ERR_FAIL, EINVAL,
			"the name of the extended attribute \"%s\" is longer than %d "
			"bytes",
			text_quote(x->name, x->name_len).s, NAME_MAX_VFS);
	if (!out->acl)
		return 0;
	r = acl_disk_size(x->value, x->value_len, &out->value_len, err);
	return r < 0 ? err_wrap(err, "%s", x->name) : 0;
}

/* Of an accepted set. */
static struct item item_get(const struct xattr *x)
{
	struct item it = {0};
	int r = item_init(x, &it, NULL);

	assert(r == 0);
	(void)r;
	return it;
}

static uint32_t pad4(uint32_t n)
{
	return (n + 3) & ~3u;
}

static uint64_t item_size(const struct item *it)
{
	return ENTRY + (uint64_t)pad4(it->name_len) + pad4(it->value_len);
}

/* Whether the next attribute, in the order of the set, still goes into the inode. */
static bool inode_takes(uint32_t *left, const struct item *it)
{
	uint64_t n = item_size(it);

	if (n > *left)
		return false;
	*left -= (uint32_t)n;
	return true;
}

static uint32_t inode_room(void)
{
	return AREA - sizeof(struct ext4_xattr_ibody_header) - END;
}

int xattr_place(const struct xattr_set *set, uint32_t block_size, struct xattr_place *out,
	struct o2r_err *err)
{
	uint32_t left = inode_room();
	uint64_t block = sizeof(struct ext4_xattr_header) + END;
	struct xattr_place p = {0};

	for (uint32_t i = 0; i < set->count; i++) {
		struct item it;
		int r = item_init(&set->list[i], &it, err);

		if (r < 0)
			return r;
		if (inode_takes(&left, &it)) {
			p.inode_count++;
		} else {
			block += item_size(&it);
			p.block_count++;
		}
	}
	if (p.inode_count)
		p.inode_bytes = AREA - left;
	if (p.block_count && block > block_size)
		return err_set(err, ERR_FAIL, ENOSPC,
			"the extended attributes need a block of %llu bytes, "
			"and a file has one of %u: remove some of them from the image",
			(unsigned long long)block, block_size);
	if (p.block_count)
		p.block_bytes = (uint32_t)block;
	*out = p;
	return 0;
}

/* Entries grow up from `entry`, values down from `value`; offsets count from `base`. */
struct area {
	unsigned char *base, *entry, *value;
};

static struct ext4_xattr_entry *put_item(struct area *a, const struct item *it)
{
	struct ext4_xattr_entry *e = (void *)a->entry;

	*e = (struct ext4_xattr_entry){
		.e_name_len = (uint8_t)it->name_len,
		.e_name_index = it->index,
		.e_value_size = htole32(it->value_len),
	};
	memcpy(e->e_name, it->name, it->name_len);
	a->entry += ENTRY + pad4(it->name_len);
	/* An empty value is nowhere: its offset stays 0. */
	if (!it->value_len)
		return e;
	a->value -= pad4(it->value_len);
	assert(a->entry + END <= a->value);
	e->e_value_offs = htole16((uint16_t)(a->value - a->base));
	if (it->acl)
		acl_to_disk(it->x->value, it->x->value_len, a->value);
	else
		memcpy(a->value, it->x->value, it->value_len);
	return e;
}

void xattr_encode_inode(const struct xattr_set *set, unsigned char area[AREA])
{
	uint32_t left = inode_room();
	struct area a = {.base = area + sizeof(struct ext4_xattr_ibody_header)};

	a.entry = a.base;
	a.value = area + AREA;
	memset(area, 0, AREA);
	for (uint32_t i = 0; i < set->count; i++) {
		struct item it = item_get(&set->list[i]);

		/* The hash stays 0 in an inode. */
		if (inode_takes(&left, &it))
			put_item(&a, &it);
	}
	if (a.entry != a.base)
		put_le32(area, (uint32_t)EXT4_XATTR_MAGIC);
}

static int item_cmp(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;

	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len ? -1 : 1;
	return memcmp(a->name, b->name, a->name_len);
}

static uint32_t rol32(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t entry_hash(const struct ext4_xattr_entry *e, const unsigned char *base)
{
	const unsigned char *value = base + le16toh(e->e_value_offs);
	uint32_t hash = 0, size = le32toh(e->e_value_size);

	for (uint32_t i = 0; i < e->e_name_len; i++)
		hash = rol32(hash, 5) ^ (unsigned char)e->e_name[i];
	for (uint32_t i = 0; i < size; i += 4)
		hash = rol32(hash, 16) ^ get_le32(value + i);
	return hash;
}

static size_t block_items(const struct xattr_set *set, struct item *out)
{
	uint32_t left = inode_room();
	size_t n = 0;

	for (uint32_t i = 0; i < set->count; i++) {
		struct item it = item_get(&set->list[i]);

		if (inode_takes(&left, &it))
			continue;
		assert(n < BLOCK_ITEMS);
		out[n++] = it;
	}
	qsort(out, n, sizeof(*out), item_cmp);
	return n;
}

void xattr_encode_block(const struct xattr_set *set, uint32_t block_size,
	uint32_t refcount, uint32_t fs_seed, uint64_t block_nr, unsigned char *block)
{
	struct item items[BLOCK_ITEMS];
	size_t n = block_items(set, items);
	struct ext4_xattr_header *h = (void *)block;
	struct area a = {block, block + sizeof(*h), block + block_size};
	uint32_t hash = 0;
	bool shareable = true;

	assert(refcount >= 1 && refcount <= EXT4_XATTR_REFCOUNT_MAX);
	memset(block, 0, block_size);
	for (size_t i = 0; i < n; i++) {
		struct ext4_xattr_entry *e = put_item(&a, &items[i]);
		uint32_t eh = entry_hash(e, block);

		e->e_hash = htole32(eh);
		hash = rol32(hash, 16) ^ eh;
		/* The kernel's rule: it never shares a block that has a zero in it. */
		shareable = shareable && eh != 0;
	}
	h->h_magic = htole32((uint32_t)EXT4_XATTR_MAGIC);
	h->h_refcount = htole32(refcount);
	h->h_blocks = htole32(1);
	h->h_hash = htole32(shareable ? hash : 0);
	csum_xattr_block(block, block_size, fs_seed, block_nr);
}
