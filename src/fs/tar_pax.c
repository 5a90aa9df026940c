#include "fs/tar_pax.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "fs/tar_number.h"

enum {
	/* of sparse offsets and xattrs; one header's limit is lower in practice */
	LIST_MAX = 1 << 20,
};

enum key_kind {
	KEY_OTHER,
	KEY_NUMBER,
	KEY_TIME,
	KEY_NAME, /* text without NUL */
	KEY_TEXT,
	KEY_SPARSE_OFFSET,
	KEY_SPARSE_NUMBYTES,
	KEY_XATTR,
	KEY_XATTR_ENCODED,
};

struct key {
	const char *name;
	uint8_t len;
	uint8_t kind;
	uint8_t number; /* KEY_NUMBER */
	uint16_t field; /* KEY_NAME, KEY_TEXT: offset of its pax_str */
};

#define NUMBER(s, n)                                                                     \
	{                                                                                \
		.name = s, .len = sizeof(s) - 1, .kind = KEY_NUMBER, .number = n         \
	}
#define STRING(s, k, f)                                                                  \
	{                                                                                \
		.name = s, .len = sizeof(s) - 1, .kind = k,                              \
		.field = offsetof(struct tar_pax, f)                                     \
	}

static const struct key keys[] = {
	{.name = "mtime", .len = 5, .kind = KEY_TIME, .number = PAX_MTIME},
	STRING("path", KEY_NAME, path),
	STRING("linkpath", KEY_NAME, linkpath),
	NUMBER("size", PAX_SIZE),
	NUMBER("uid", PAX_UID),
	NUMBER("gid", PAX_GID),
	NUMBER("SCHILY.devmajor", PAX_MAJOR),
	NUMBER("SCHILY.devminor", PAX_MINOR),
	NUMBER("SCHILY.realsize", PAX_STAR_REALSIZE),
	STRING("SCHILY.acl.access", KEY_TEXT, acl_access),
	STRING("SCHILY.acl.default", KEY_TEXT, acl_default),
	STRING("SCHILY.acl.ace", KEY_TEXT, acl_ace),
	NUMBER("GNU.sparse.major", PAX_SPARSE_MAJOR),
	NUMBER("GNU.sparse.minor", PAX_SPARSE_MINOR),
	NUMBER("GNU.sparse.size", PAX_SPARSE_SIZE),
	NUMBER("GNU.sparse.realsize", PAX_SPARSE_REALSIZE),
	NUMBER("GNU.sparse.numblocks", PAX_SPARSE_NUMBLOCKS),
	STRING("GNU.sparse.name", KEY_NAME, sparse_name),
	STRING("GNU.sparse.map", KEY_TEXT, sparse_map),
	STRING("GNU.sparse.offset", KEY_SPARSE_OFFSET, pairs),
	STRING("GNU.sparse.numbytes", KEY_SPARSE_NUMBYTES, pairs),
};

static const struct key key_other = {.kind = KEY_OTHER};

static const struct key prefixes[] = {
	{.name = "SCHILY.xattr.", .len = 13, .kind = KEY_XATTR},
	{.name = "LIBARCHIVE.xattr.", .len = 17, .kind = KEY_XATTR_ENCODED},
};

struct record {
	struct pax_str key, value;
	const struct key *known;
};

static const struct key *find_key(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].len == n && memcmp(keys[i].name, p, n) == 0)
			return &keys[i];
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (prefixes[i].len <= n &&
			memcmp(prefixes[i].name, p, prefixes[i].len) == 0)
			return &prefixes[i];
	return &key_other;
}

/* The length in front: digits and one space. Returns the bytes used, 0 when malformed. */
static size_t record_length(const char *p, size_t n, size_t *len)
{
	const char *space = memchr(p, ' ', n < 21 ? n : 21);
	uint64_t v;

	if (!space || !pax_u64(p, (size_t)(space - p), &v) || v > n)
		return 0;
	*len = v;
	return (size_t)(space - p) + 1;
}

/* 1 with the next record, 0 at the end. */
static int next_record(const char **p, size_t *n, struct record *rec, struct o2r_err *err)
{
	size_t len, at;

	if (!*n)
		return 0;
	at = record_length(*p, *n, &len);
	if (!at || len < at + 3 || (*p)[len - 1] != '\n')
		return err_corrupt(err, "malformed PAX record '%s'",
			text_quote(*p, *n < 40 ? *n : 40).s);

	const char *key = *p + at, *end = *p + len - 1;
	const char *eq = memchr(key, '=', (size_t)(end - key));

	if (!eq || eq == key)
		return err_corrupt(err, "PAX record without a key '%s'",
			text_quote(*p, len < 40 ? len : 40).s);
	rec->key = (struct pax_str){key, (size_t)(eq - key)};
	rec->value = (struct pax_str){eq + 1, (size_t)(end - eq - 1)};
	if (memchr(key, '\0', rec->key.n))
		return err_corrupt(
			err, "NUL in the PAX key '%s'", text_quote(key, rec->key.n).s);
	rec->known = find_key(key, rec->key.n);
	*p += len;
	*n -= len;
	return 1;
}

static int bad_value(const struct record *rec, const char *what, struct o2r_err *err)
{
	struct quoted key = text_quote(rec->key.p, rec->key.n);

	return err_corrupt(err, "PAX record %s: %s '%s'", key.s, what,
		text_quote(rec->value.p, rec->value.n).s);
}

static int set_number(struct tar_pax *pax, const struct record *rec, struct o2r_err *err)
{
	unsigned key = rec->known->number;

	pax->has &= ~(1u << key);
	if (!rec->value.n)
		return 0;
	if (!pax_i64(rec->value.p, rec->value.n, &pax->number[key]))
		return bad_value(rec, "not a number:", err);
	pax->has |= 1u << key;
	return 0;
}

static int set_time(struct tar_pax *pax, const struct record *rec, struct o2r_err *err)
{
	pax->has &= ~(1u << PAX_MTIME);
	if (!rec->value.n)
		return 0;
	if (!pax_time(rec->value.p, rec->value.n, &pax->mtime, &pax->mtime_nsec))
		return bad_value(rec, "not a time:", err);
	pax->has |= 1u << PAX_MTIME;
	return 0;
}

static int set_string(struct tar_pax *pax, const struct record *rec, struct o2r_err *err)
{
	struct pax_str *s = (struct pax_str *)((char *)pax + rec->known->field);

	*s = (struct pax_str){0};
	if (!rec->value.n)
		return 0;
	if (rec->known->kind == KEY_NAME && memchr(rec->value.p, '\0', rec->value.n))
		return bad_value(rec, "NUL in the name", err);
	*s = rec->value;
	return 0;
}

static int list_error(int r, struct o2r_err *err)
{
	return r == -ENOMEM ? err_nomem(err)
			    : err_corrupt(err, "too many records in a PAX header");
}

static int add_pair(struct tar_pax *pax, const struct record *rec, struct o2r_err *err)
{
	size_t odd = rec->known->kind == KEY_SPARSE_NUMBYTES;
	uint64_t v;
	int r;

	if (!pax_u64(rec->value.p, rec->value.n, &v) || (pax->pair_count & 1) != odd)
		return bad_value(rec, "out of place or not a number:", err);
	r = VEC_RESERVE(pax->pairs, pax->pair_count, pax->pair_cap, 1, LIST_MAX);
	if (r < 0)
		return list_error(r, err);
	pax->pairs[pax->pair_count++] = v;
	return 0;
}

static int add_xattr(struct tar_pax *pax, const struct record *rec, struct o2r_err *err)
{
	size_t skip = rec->known->len;
	int r = VEC_RESERVE(pax->xattrs, pax->xattr_count, pax->xattr_cap, 1, LIST_MAX);

	if (r < 0)
		return list_error(r, err);
	pax->xattrs[pax->xattr_count++] = (struct pax_xattr){
		.name = {rec->key.p + skip, rec->key.n - skip},
		.value = rec->value,
		.encoded = rec->known->kind == KEY_XATTR_ENCODED,
	};
	return 0;
}

static int apply(struct tar_pax *pax, const struct record *rec, struct o2r_err *err)
{
	switch (rec->known->kind) {
	case KEY_OTHER:
		return 0;
	case KEY_NUMBER:
		return set_number(pax, rec, err);
	case KEY_TIME:
		return set_time(pax, rec, err);
	case KEY_NAME:
	case KEY_TEXT:
		return set_string(pax, rec, err);
	case KEY_SPARSE_OFFSET:
	case KEY_SPARSE_NUMBYTES:
		return add_pair(pax, rec, err);
	case KEY_XATTR:
	case KEY_XATTR_ENCODED:
		return add_xattr(pax, rec, err);
	default:
		return bad_value(rec, "unexpected", err);
	}
}

int tar_pax_apply(struct tar_pax *pax, const char *p, size_t n, struct o2r_err *err)
{
	struct record rec;
	int r;

	while ((r = next_record(&p, &n, &rec, err)) > 0) {
		r = apply(pax, &rec, err);
		if (r < 0)
			return r;
	}
	return r;
}

void tar_pax_reset(struct tar_pax *pax)
{
	*pax = (struct tar_pax){
		.pairs = pax->pairs,
		.pair_cap = pax->pair_cap,
		.xattrs = pax->xattrs,
		.xattr_cap = pax->xattr_cap,
	};
}

void tar_pax_finish(struct tar_pax *pax)
{
	free(pax->pairs);
	free(pax->xattrs);
	*pax = (struct tar_pax){0};
}

int pax_check(const char *p, size_t n, struct o2r_err *err)
{
	struct record rec;
	int r;

	while ((r = next_record(&p, &n, &rec, err)) > 0)
		;
	return r;
}
