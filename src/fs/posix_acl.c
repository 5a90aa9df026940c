#include "fs/posix_acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/le.h"
#include "fs/tar_number.h"

enum {
	VERSION = 2,
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
	BASE_ENTRIES = 3,
};

static const uint32_t no_id = UINT32_MAX;

static size_t entry_count(size_t n)
{
	return n < POSIX_ACL_HEADER ? 0 : (n - POSIX_ACL_HEADER) / POSIX_ACL_ENTRY;
}

static const unsigned char *entry_at(const unsigned char *acl, size_t i)
{
	return acl + POSIX_ACL_HEADER + i * POSIX_ACL_ENTRY;
}

/* The tags that may stand behind a tag; the kernel's posix_acl_valid as a table. */
static unsigned tags_after(unsigned tag)
{
	switch (tag) {
	case 0:
		return TAG_USER_OBJ;
	case TAG_USER_OBJ:
	case TAG_USER:
		return TAG_USER | TAG_GROUP_OBJ;
	case TAG_GROUP_OBJ:
	case TAG_GROUP:
		return TAG_GROUP | TAG_MASK | TAG_OTHER;
	case TAG_MASK:
		return TAG_OTHER;
	default:
		return 0;
	}
}

int posix_acl_check(const unsigned char *acl, size_t n)
{
	unsigned tag = 0, seen = 0;

	if (!n)
		return 0;
	if (n < POSIX_ACL_HEADER || (n - POSIX_ACL_HEADER) % POSIX_ACL_ENTRY ||
		get_le32(acl) != VERSION)
		return -EINVAL;
	for (size_t i = 0; i < entry_count(n); i++) {
		const unsigned char *e = entry_at(acl, i);
		unsigned allowed = tags_after(tag);

		tag = get_le16(e);
		/* one bit, and an allowed one */
		if ((tag & (tag - 1)) || !(tag & allowed) || get_le16(e + 2) > 7)
			return -EINVAL;
		if ((tag & (TAG_USER | TAG_GROUP)) && get_le32(e + 4) == no_id)
			return -EINVAL;
		seen |= tag;
	}
	if ((seen & (TAG_USER | TAG_GROUP)) && !(seen & TAG_MASK))
		return -EINVAL;
	return !seen || tag == TAG_OTHER ? 0 : -EINVAL;
}

bool posix_acl_is_mode(const unsigned char *acl, size_t n)
{
	(void)acl; /* a valid one of three entries has the three base ones */
	return entry_count(n) <= BASE_ENTRIES;
}

void posix_acl_chmod(unsigned char *acl, size_t n, unsigned mode)
{
	unsigned char *group = NULL;

	for (size_t i = 0; i < entry_count(n); i++) {
		unsigned char *e = acl + POSIX_ACL_HEADER + i * POSIX_ACL_ENTRY;

		switch (get_le16(e)) {
		case TAG_USER_OBJ:
			put_le16(e + 2, mode >> 6 & 7);
			break;
		case TAG_GROUP_OBJ:
		case TAG_MASK: /* behind the group when there is one */
			group = e;
			break;
		case TAG_OTHER:
			put_le16(e + 2, mode & 7);
			break;
		default:
			break;
		}
	}
	if (group)
		put_le16(group + 2, mode >> 3 & 7);
}

struct text {
	const char *p;
	size_t n;
};

/* What stands before the next separator, without blanks around it. */
static struct text cut(struct text *rest, const char *separators)
{
	size_t n = 0;

	while (n < rest->n && !memchr(separators, rest->p[n], strlen(separators)))
		n++;

	struct text t = {rest->p, n};

	n = MIN(n + 1, rest->n);
	rest->p += n;
	rest->n -= n;
	while (t.n && (*t.p == ' ' || *t.p == '\t'))
		t.p++, t.n--;
	while (t.n && (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t'))
		t.n--;
	return t;
}

static bool is(struct text t, const char *word)
{
	size_t n = strlen(word);

	return (t.n == n || t.n == 1) && memcmp(t.p, word, t.n) == 0;
}

static int tag_of(struct text t, bool qualified)
{
	if (is(t, "user"))
		return qualified ? TAG_USER : TAG_USER_OBJ;
	if (is(t, "group"))
		return qualified ? TAG_GROUP : TAG_GROUP_OBJ;
	if (is(t, "mask"))
		return qualified ? -EINVAL : TAG_MASK;
	if (is(t, "other"))
		return qualified ? -EINVAL : TAG_OTHER;
	return -EINVAL;
}

static int perm_of(struct text t)
{
	unsigned perm = 0;

	if (!t.n)
		return -EINVAL;
	for (size_t i = 0; i < t.n; i++) {
		switch (t.p[i]) {
		case 'r':
			perm |= 4;
			break;
		case 'w':
			perm |= 2;
			break;
		case 'x':
			perm |= 1;
			break;
		case '-':
			break;
		default:
			return -EINVAL;
		}
	}
	return (int)perm;
}

static int id_of(struct text name, struct text number, uint32_t *id)
{
	uint64_t v;

	if (number.n) {
		if (!pax_u64(number.p, number.n, &v) || v >= no_id)
			return -EINVAL;
	} else if (!pax_u64(name.p, name.n, &v)) {
		return -ENOENT;
	} else if (v >= no_id) {
		return -EINVAL;
	}
	*id = (uint32_t)v;
	return 0;
}

static int entry_from_text(struct text t, unsigned char *out)
{
	struct text tag_text = cut(&t, ":"), who = cut(&t, ":"), perm_text, number;
	uint32_t id = no_id;
	int tag, perm, r = 0;

	/* "mask:rwx" and "other:r--" may leave the empty qualifier out */
	if (!t.n && who.n && tag_of(tag_text, false) >= TAG_MASK) {
		perm_text = who;
		number = who = (struct text){0};
	} else {
		perm_text = cut(&t, ":");
		number = cut(&t, ":");
	}
	tag = tag_of(tag_text, who.n > 0);
	perm = perm_of(perm_text);
	if (tag < 0 || perm < 0 || t.n)
		return -EINVAL;
	if (tag & (TAG_USER | TAG_GROUP))
		r = id_of(who, number, &id);
	put_le16(out, (uint16_t)tag);
	put_le16(out + 2, (uint16_t)perm);
	put_le32(out + 4, id);
	return r;
}

static int compare_entries(const void *a, const void *b)
{
	const unsigned char *x = a, *y = b;

	if (get_le16(x) != get_le16(y))
		return get_le16(x) < get_le16(y) ? -1 : 1;
	if (get_le32(x + 4) != get_le32(y + 4))
		return get_le32(x + 4) < get_le32(y + 4) ? -1 : 1;
	return 0;
}

/* 1 when a mask has been put behind the entries, which then need sorting. */
static size_t add_mask(unsigned char *entries, size_t count)
{
	unsigned tags = 0, perm = 0;

	for (size_t i = 0; i < count; i++) {
		const unsigned char *e = entries + i * POSIX_ACL_ENTRY;

		tags |= get_le16(e);
		if (get_le16(e) & (TAG_USER | TAG_GROUP_OBJ | TAG_GROUP))
			perm |= get_le16(e + 2);
	}
	if (!(tags & (TAG_USER | TAG_GROUP)) || (tags & TAG_MASK))
		return 0;
	put_le16(entries + count * POSIX_ACL_ENTRY, TAG_MASK);
	put_le16(entries + count * POSIX_ACL_ENTRY + 2, (uint16_t)perm);
	put_le32(entries + count * POSIX_ACL_ENTRY + 4, no_id);
	return 1;
}

int posix_acl_from_text(const char *p, size_t n, unsigned char *out, size_t *len)
{
	struct text rest = {p, n};
	size_t count = 0;
	int r, missing = 0;

	put_le32(out, VERSION);
	while (rest.n) {
		struct text entry = cut(&rest, ",\n#");

		/* a comment may hold commas */
		if (rest.p[-1] == '#')
			cut(&rest, "\n");
		if (!entry.n)
			continue;
		r = entry_from_text(
			entry, out + POSIX_ACL_HEADER + count * POSIX_ACL_ENTRY);
		if (r == -ENOENT)
			missing = r;
		else if (r < 0)
			return r;
		count++;
	}
	count += add_mask(out + POSIX_ACL_HEADER, count);
	qsort(out + POSIX_ACL_HEADER, count, POSIX_ACL_ENTRY, compare_entries);
	*len = POSIX_ACL_HEADER + count * POSIX_ACL_ENTRY;
	return missing ? missing : posix_acl_check(out, *len);
}
