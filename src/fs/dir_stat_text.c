#include "fs/dir_stat_text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

enum {
	/* what the kernel's dev_t holds */
	MAJOR_MAX = 0xfff,
	MINOR_MAX = 0xfffff,
};

struct cursor {
	const char *p;
	size_t n;
};

/* Digits up to something else; at least one, and no more than fit. */
static int number(struct cursor *c, unsigned base, uint32_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < c->n && c->p[i] >= '0' && c->p[i] < (char)('0' + base); i++) {
		v = v * base + (unsigned)(c->p[i] - '0');
		if (v > UINT32_MAX)
			return -EINVAL;
	}
	if (!i)
		return -EINVAL;
	c->p += i;
	c->n -= i;
	*out = (uint32_t)v;
	return 0;
}

static int expect(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if (c->n < n || memcmp(c->p, text, n) != 0)
		return -EINVAL;
	c->p += n;
	c->n -= n;
	return 0;
}

static int device(struct cursor *c, struct stat_text *s)
{
	int r = expect(c, "-");

	if (r == 0)
		r = number(c, 10, &s->major);
	if (r == 0)
		r = expect(c, "-");
	if (r == 0)
		r = number(c, 10, &s->minor);
	return r == 0 && (s->major > MAJOR_MAX || s->minor > MINOR_MAX) ? -EINVAL : r;
}

static int type(struct cursor *c, struct stat_text *s)
{
	static const struct {
		const char *name;
		uint32_t type;
	} names[] = {
		{"file", S_IFREG},
		{"dir", S_IFDIR},
		{"symlink", S_IFLNK},
		{"pipe", S_IFIFO},
		{"socket", S_IFSOCK},
		{"block", S_IFBLK},
		{"char", S_IFCHR},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (expect(c, names[i].name) < 0)
			continue;
		s->type = names[i].type;
		return S_ISBLK(s->type) || S_ISCHR(s->type) ? device(c, s) : 0;
	}
	return -EINVAL;
}

int stat_text_parse(const char *p, size_t n, struct stat_text *out)
{
	struct cursor c = {p, n};
	struct stat_text s = {0};
	uint32_t mode = 0;
	int r = number(&c, 10, &s.uid);

	if (r == 0)
		r = expect(&c, ":");
	if (r == 0)
		r = number(&c, 10, &s.gid);
	if (r == 0)
		r = expect(&c, ":");
	if (r == 0)
		r = number(&c, 8, &mode);
	if (r == 0 && c.n) {
		r = expect(&c, ":");
		if (r == 0)
			r = type(&c, &s);
	}
	/* -1 is nobody's id */
	if (r < 0 || c.n || s.uid == UINT32_MAX || s.gid == UINT32_MAX)
		return -EINVAL;
	/* some writers leave the type's bits in */
	s.mode = (uint16_t)(mode & 07777);
	*out = s;
	return 0;
}
