/*
 * Layers made from bytes are merged: a tree that holds together (tree_check), shows no
 * whiteout and comes out the same from a second merge with other hash seeds; or an error
 * that says so in one line. The first byte of an operation is its kind, the rest its
 * arguments; running out of bytes gives zeros.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "fs/merge.h"
#include "fs/tar_name.h"

enum {
	LAYERS_MAX = 6,
	ENTRIES_MAX = 2000,
	PATH_PARTS = 7,
	REPEAT_MAX = 300,
};

struct input {
	const uint8_t *p;
	size_t left;
};

static uint8_t byte(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++;
}

#define X16 "xxxxxxxxxxxxxxxx"
#define X250 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 "xxxxxxxxxx"

static const char *const parts[32] = {"a", "b", "c", "d", "e", "f", "ab", "abcdefgh",
	"abcdefghi", "abcdefghj", "..", ".", ".wh.a", ".wh.b", ".wh.c", ".wh.ab",
	".wh..wh..opq", ".wh..wh.plnk", ".wh..wh.x", ".wh.", ".wh..", ".wh...", ".wh..a",
	".wh", "\xff", "l", "m", ".wh.l", X250, X250 "yyyyy", ".wh." X250, ""};

/* Parts joined by slashes as they come: the target of a symbolic link. */
static size_t raw_path(struct input *in, char *out)
{
	uint8_t head = byte(in);
	size_t n = 0;

	if (head & 8)
		out[n++] = '/';
	for (unsigned i = 0; i < (head & 7u) && i < PATH_PARTS; i++) {
		const char *part = parts[byte(in) % 32];

		if (i)
			out[n++] = '/';
		memcpy(out + n, part, strlen(part));
		n += strlen(part);
	}
	/* targets over 4095 bytes, and many steps behind one link */
	if (head >= 0xf0)
		for (unsigned k = 0; k < 1100 + 10 * (head & 7u); k++, n += 4)
			memcpy(out + n, "/a/.", 4);
	out[n] = '\0';
	return n;
}

static const char *text(struct layer *l, const char *p, size_t n, uint32_t *len)
{
	char *s = arena_dup(&l->arena, p, n);

	if (!s)
		abort();
	*len = (uint32_t)n;
	return s;
}

static const char *clean_path(struct layer *l, struct input *in, uint32_t *len)
{
	char raw[8192], out[8192];
	size_t n = raw_path(in, raw);

	if (tar_name(raw, n > 4000 ? 4000 : n, out, &n, NULL) < 0)
		n = 0;
	return text(l, out, n, len);
}

static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 2, 0,
	5, 0, 9, 0, 0, 0, 4, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, 16, 0, 7, 0, 0xff, 0xff,
	0xff, 0xff, 32, 0, 5, 0, 0xff, 0xff, 0xff, 0xff};
static const unsigned char acl_of_mode[] = {2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff,
	0xff, 4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 32, 0, 4, 0, 0xff, 0xff, 0xff, 0xff};

static struct xattr attribute(const char *name, const void *value, size_t n)
{
	return (struct xattr){.name = name,
		.name_len = (uint32_t)strlen(name),
		.value = value,
		.value_len = (uint32_t)n};
}

static const struct xattr_set *xattrs(struct layer *l, uint8_t which, uint8_t value)
{
	struct xattr_set *s =
		arena_alloc(&l->arena, sizeof(*s) + 4 * sizeof(s->list[0]), 8);
	unsigned char *v = (unsigned char *)arena_dup(&l->arena, &value, 1);

	if (!s || !v)
		abort();
	s->count = 0;
	if (which & 1)
		s->list[s->count++] = attribute("security.capability", v, 1);
	if (which & 2)
		s->list[s->count++] = which & 16
					      ? attribute("system.posix_acl_access",
							acl_of_mode, sizeof(acl_of_mode))
					      : attribute("system.posix_acl_access", acl,
							sizeof(acl) - 8 * (value & 1));
	if (which & 4)
		s->list[s->count++] = attribute("user.a", v, value & 1);
	if (which & 8)
		s->list[s->count++] = attribute("user.b", v, 1);
	return s;
}

static const struct data_map *data_map(struct layer *l, struct entry *e, unsigned count)
{
	struct data_map *m =
		arena_alloc(&l->arena, sizeof(*m) + count * sizeof(m->runs[0]), 8);

	if (!m)
		abort();
	m->count = count;
	e->size = 100 * (uint64_t)count;
	for (unsigned i = 0; i < count; i++)
		m->runs[i] = (struct data_run){.file_off = 100 * i + i % 7,
			.len = 1 + i,
			.src_off = 5000 + 100 * i};
	return m;
}

static void metadata(struct layer *l, struct input *in, struct entry *e)
{
	uint8_t which = byte(in);

	if (which & 0x80) {
		uint8_t value = byte(in);

		e->xattrs = xattrs(l, which, value);
	}
	if (which & 0x40) {
		uint8_t t = byte(in);

		e->mtime = t < 4 ? -4000000000LL * t : t > 250 ? 20000000000LL : t;
		e->mtime_nsec = t;
		e->mode = (uint16_t)(byte(in) | (t & 7) << 8);
		e->uid = t;
	}
}

static void add_entry(struct layer *l, struct input *in, uint8_t kind)
{
	char raw[8192];
	struct entry e = {
		.kind = kind % 8, .mode = 0644, .data_off = 512 * l->count + 512};

	e.path = clean_path(l, in, &e.path_len);
	if (e.kind == ENTRY_SYMLINK) {
		size_t n = raw_path(in, raw);

		if (!n)
			raw[n++] = 'a';
		e.link = text(l, raw, n, &e.link_len);
	}
	if (e.kind == ENTRY_HARDLINK)
		e.link = clean_path(l, in, &e.link_len);
	if (e.kind == ENTRY_FILE) {
		e.size = byte(in);
		if (kind & 0x20)
			e.map = data_map(l, &e, e.size % 8);
	}
	if (e.kind == ENTRY_CHR || e.kind == ENTRY_BLK) {
		e.major = byte(in) % 3;
		e.minor = byte(in) % 3;
	}
	if (kind & 0x40)
		metadata(l, in, &e);
	if (VEC_RESERVE(l->entries, l->count, l->cap, 1, ENTRIES_MAX) < 0)
		return;
	l->entries[l->count++] = e;
}

/* Links l1 -> l2 -> ..., or names that come in no order. */
static void add_many(struct layer *l, struct input *in, uint8_t kind)
{
	unsigned n = byte(in) * 2u % REPEAT_MAX;
	char name[16], link[16];

	for (unsigned i = 0; i < n && l->count < ENTRIES_MAX; i++) {
		struct entry e = {.mode = 0600, .data_off = 512 * l->count + 512};
		int a = snprintf(
			name, sizeof(name), "l%u", kind & 1 ? i : i * 7919 % 1009);
		int b = snprintf(link, sizeof(link), "l%u", i + 1);

		e.kind = kind & 2   ? ENTRY_SYMLINK
			 : kind & 4 ? ENTRY_HARDLINK
				    : ENTRY_FILE;
		e.path = text(l, name, (size_t)a, &e.path_len);
		if (e.kind != ENTRY_FILE)
			e.link = text(l, link, (size_t)b, &e.link_len);
		if (VEC_RESERVE(l->entries, l->count, l->cap, 1, ENTRIES_MAX) == 0)
			l->entries[l->count++] = e;
	}
}

static void make_layer(struct layer *l, struct input *in)
{
	while (in->left && l->count < ENTRIES_MAX) {
		uint8_t kind = byte(in);

		if (kind == 0xff)
			return;
		if (kind >= 0xf0)
			add_many(l, in, kind);
		else
			add_entry(l, in, kind);
	}
}

static void count_log(void *arg, enum log_level level, const char *msg)
{
	unsigned *count = arg;

	(void)level;
	if (strchr(msg, '\n'))
		abort();
	++*count;
}

static int merge(const struct layer *l, unsigned count, uint64_t limit,
	unsigned *warnings, struct tree **t, struct o2r_err *err)
{
	struct ctx ctx = {.threads = 1,
		.log = count_log,
		.arg = warnings,
		.level = LOG_WARN,
		.limits = LIMITS_DEFAULT};
	struct merge_time root = {.sec = 77};
	struct merge *m = NULL;

	ctx.limits.entries = limit;

	int r = merge_create(&ctx, &m, err);

	for (unsigned i = 0; r == 0 && i < count; i++)
		r = merge_add(m, &l[i], "layer", err);
	if (r == 0)
		r = merge_freeze(m, root, t, err);
	merge_destroy(m);
	return r;
}

static void must(int ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

static void look_around(const struct tree *t)
{
	uint32_t count = 0;
	uint32_t *order = tree_files_in_data_order(t, &count);

	free(order);
	for (uint32_t i = 1; i <= t->inode_count; i++) {
		const struct tree_inode *d = tree_get(t, i);

		for (uint32_t k = 0; S_ISDIR(d->mode) && k < d->u.dir.count; k++) {
			const struct tree_dirent *e = &t->dirents[d->u.dir.first + k];

			must(tree_lookup(t, i, dirent_name(e), dirent_len(e)) == e->ino,
				"a name is not found");
			must(dirent_len(e) < 4 || memcmp(dirent_name(e), ".wh.", 4) != 0,
				"a whiteout is shown");
		}
	}
}

static int same_set(const struct tree *t, uint32_t n, const struct tree *u, uint32_t m)
{
	const struct xattr_set *a = n ? t->xattr_sets[n] : NULL;
	const struct xattr_set *b = m ? u->xattr_sets[m] : NULL;

	if (!a || !b || a->count != b->count)
		return a == b;
	for (uint32_t i = 0; i < a->count; i++)
		if (strcmp(a->list[i].name, b->list[i].name) != 0 ||
			a->list[i].value_len != b->list[i].value_len ||
			memcmp(a->list[i].value, b->list[i].value,
				a->list[i].value_len) != 0 ||
			(i && strcmp(a->list[i - 1].name, a->list[i].name) >= 0))
			return 0;
	return 1;
}

static void same_trees(const struct tree *t, const struct tree *u)
{
	must(t->inode_count == u->inode_count && t->dirent_count == u->dirent_count &&
			t->data_bytes == u->data_bytes,
		"another tree from the same layers");
	for (uint64_t k = 0; k < t->dirent_count; k++)
		must(t->dirents[k].ino == u->dirents[k].ino &&
				dirent_len(&t->dirents[k]) ==
					dirent_len(&u->dirents[k]) &&
				memcmp(dirent_name(&t->dirents[k]),
					dirent_name(&u->dirents[k]),
					dirent_len(&t->dirents[k])) == 0,
			"other names from the same layers");
	for (uint32_t i = 1; i <= t->inode_count; i++) {
		const struct tree_inode *a = tree_get(t, i), *b = tree_get(u, i);

		must(a->size == b->size && a->mtime == b->mtime && a->mode == b->mode &&
				a->uid == b->uid && a->nlink == b->nlink &&
				a->layer == b->layer &&
				same_set(t, a->xattrs, u, b->xattrs),
			"other inodes from the same layers");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct layer layers[LAYERS_MAX] = {{0}};
	struct tree *t = NULL, *u = NULL;
	struct o2r_err err = {0}, again = {0};
	unsigned count = 0, warnings = 0, warnings_again = 0;
	uint8_t few = byte(&in);
	uint64_t limit = few < 32 ? few : 100000;

	for (; count < LAYERS_MAX && in.left; count++)
		make_layer(&layers[count], &in);

	int r = merge(layers, count, limit, &warnings, &t, &err);
	int s = merge(layers, count, limit, &warnings_again, &u, &again);

	for (unsigned i = 0; i < count; i++)
		layer_finish(&layers[i]);
	must(r == s && warnings == warnings_again && strcmp(err.text, again.text) == 0,
		"another result from the same layers");
	if (r < 0) {
		must(err.code == r && err.cls == ERR_CORRUPT && err.text[0] &&
				!strchr(err.text, '\n') && !t && !u,
			"not an error that can be reported");
		return 0;
	}
	must(tree_check(t, &err) == 0, err.text);
	look_around(t);
	same_trees(t, u);
	tree_destroy(t);
	tree_destroy(u);
	return 0;
}
