/*
 * Layers that come out of a pack: the same entries as went in, and nothing that an
 * archive could not have said, whatever is changed in between.
 */
#include <errno.h>

#include "../../fuzz/layer_invariants.h"
#include "base/checked.h"
#include "fs/layer_pack.h"
#include "pack_file.h"
#include "tar_parts.h"

enum {
	ENTRY_SIZE = 64,
};

static const struct pack_id id = {.kind = 1, .version = 1};
static const struct ctx test_ctx = {.threads = 1, .limits = LIMITS_DEFAULT};

#define ACL(text) "SCHILY.acl.access=" text "\n"

static const struct part parts[] = {
	{.name = "./", .type = '5', .mode = "0000755"},
	{.name = "usr/", .type = '5', .mode = "0000755"},
	{.name = "usr/bin/tool", .mode = "0004755", .data = "some bytes"},
	{.pax = "SCHILY.xattr.user.a=1\nSCHILY.xattr.security.b=two\n",
		.name = "x",
		.type = 'x'},
	{.name = "usr/bin/first", .uid = "0001750", .data = "x"},
	{.pax = "SCHILY.xattr.user.a=1\nSCHILY.xattr.security.b=two\n",
		.name = "x",
		.type = 'x'},
	{.name = "usr/bin/second"},
	{.name = "usr/bin/link", .type = '2', .link = "../lib//x"},
	{.name = "usr/bin/hard", .type = '1', .link = "usr/bin/tool"},
	{.pax = "SCHILY.xattr.user.c=\nmtime=-5.25\n", .name = "x", .type = 'x'},
	{.name = "usr/third"},
	{.pax = ACL("user::rw-,user:7:r--,group::r--,mask::r--,other::---"),
		.name = "x",
		.type = 'x'},
	{.name = "acl", .mode = "0000640"},
	{.pax = "SCHILY.acl.default=user::rwx,group::r-x,other::---\n",
		.name = "x",
		.type = 'x'},
	{.name = "default/", .type = '5'},
	{.name = "dev/null", .type = '3', .major = "0000001", .minor = "0000003"},
	{.name = "dev/disk", .type = '4', .major = "0007777", .minor = "3777777"},
	{.name = "fifo", .type = '6'},
	{.name = ".wh.gone"},
	{.name = "sparse",
		.fmt = "gnu",
		.type = 'S',
		.sparse = "0 5 10000 6",
		.real = "00000040000",
		.data = "12345abcdef"},
	{.name = "hole",
		.fmt = "gnu",
		.type = 'S',
		.sparse = "32768 0",
		.real = "00000100000"},
	{.name = "empty"},
};

static void index_tar(const struct buf *tar, struct layer *l)
{
	struct tar_index *t = NULL;

	pf_must(tar_index_create(l, NULL, &test_ctx, &t, NULL) == 0);
	pf_must(tar_index_data(t, tar->data, tar->len, NULL) == 0);
	pf_must(tar_index_end(t, NULL) == 0);
	tar_index_destroy(t);
}

static void make_layer(struct layer *l, uint64_t *size)
{
	AUTO_BUF struct buf tar = {0};
	static const char end[1024];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		add_part(&tar, &parts[i]);
	add_bytes(&tar, end, sizeof(end));
	index_tar(&tar, l);
	*size = tar.len;
}

static void make_pack(const struct layer *l, struct buf *out)
{
	int fd = pf_empty();
	struct pack_writer w;

	CHECK_EQ(pack_begin(&w, fd, &id, NULL), 0);
	CHECK_EQ(layer_pack(l, &w, NULL), 0);
	CHECK_EQ(pack_end(&w, NULL), 0);
	out->len = 0;
	pf_read(fd, out);
	close(fd);
}

static int unpack(const struct buf *pack, uint64_t size, const struct ctx *ctx,
	struct layer *l, struct o2r_err *err)
{
	int fd = pf_file(pack);
	struct pack_reader r;
	int failed = pack_open(&r, fd, &id, err);

	*l = (struct layer){0};
	if (failed == 0)
		failed = layer_unpack(&r, size, ctx, l, err);
	close(fd);
	if (failed < 0) {
		/* whoever failed has left nothing behind */
		CHECK(!l->entries && !l->count && !l->arena.chunks);
		CHECK(!err || !err->code || err->text[0]);
	}
	return failed;
}

static void show(const struct layer *l, struct buf *out)
{
	out->len = 0;
	for (size_t i = 0; i < l->count; i++)
		show_entry(out, &l->entries[i]);
}

static void check_same(const struct layer *a, const struct layer *b)
{
	AUTO_BUF struct buf ta = {0}, tb = {0};

	show(a, &ta);
	show(b, &tb);
	CHECK_EQ(a->count, b->count);
	CHECK_EQ(a->data_bytes, b->data_bytes);
	if (ta.len)
		CHECK_STR(ta.data, tb.data);
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		const struct entry *x = &a->entries[i], *y = &b->entries[i];

		/* what is not shown */
		CHECK_EQ(x->data_off, y->data_off);
		CHECK_EQ(strlen(y->path), y->path_len);
		CHECK_EQ(x->xattrs != NULL, y->xattrs != NULL);
		/* shared sets stay shared */
		if (i && x->xattrs)
			CHECK_EQ(x->xattrs == x[-1].xattrs, y->xattrs == y[-1].xattrs);
	}
}

static void round_trip(const struct layer *l, uint64_t size)
{
	AUTO_BUF struct buf pack = {0}, again = {0};
	struct layer got;
	struct o2r_err err = {0};

	make_pack(l, &pack);
	CHECK_EQ(unpack(&pack, size, &test_ctx, &got, &err), 0);
	if (err.code)
		CHECK_STR(err.text, "");
	require_layer(&got, size);
	check_same(l, &got);
	make_pack(&got, &again);
	CHECK_EQ(again.len, pack.len);
	CHECK_MEM(again.data, pack.data, pack.len);
	layer_finish(&got);
}

/* What comes back is an error, or a layer that is as good as any. */
static bool taken(struct buf *bad, uint64_t size)
{
	AUTO_BUF struct buf again = {0};
	struct layer got;
	struct o2r_err err = {0};

	pf_reseal(bad);
	if (unpack(bad, size, &test_ctx, &got, &err) < 0) {
		CHECK(err.cls == ERR_CORRUPT || err.code == -ENOMEM);
		return false;
	}
	require_layer(&got, size);
	make_pack(&got, &again);
	CHECK_EQ(again.len, bad->len);
	CHECK_MEM(again.data, bad->data, bad->len);
	layer_finish(&got);
	return true;
}

static void every_byte(const struct buf *pack, uint64_t size)
{
	AUTO_BUF struct buf bad = {0};
	struct layer got;

	pf_copy(&bad, pack);
	for (size_t i = 0; i < bad.len; i++) {
		bad.data[i] ^= (char)(1 << i % 8);
		CHECK(unpack(&bad, size, &test_ctx, &got, NULL) < 0);
		bad.data[i] = pack->data[i];
	}
}

static void mutate(const struct buf *pack, const char *tag, size_t at, unsigned w,
	uint64_t size, unsigned *count)
{
	AUTO_BUF struct buf bad = {0};
	size_t n;
	uint64_t v;

	pf_copy(&bad, pack);

	unsigned char *p = pf_section(&bad, tag, &n) + at;
	uint64_t is = pf_get(p, w);

	for (unsigned i = 0; pf_interesting(i, w, is, &v); i++) {
		if (v == is)
			continue;
		pf_put(p, w, v);
		*count += taken(&bad, size);
	}
}

static void every_field(const struct buf *pack, uint64_t size)
{
	static const unsigned char widths[] = {
		8, 8, 8, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2, 1, 1};
	/* each value of these that is not the right one is wrong */
	static const bool fixed[] = {[8] = true, [9] = true, [14] = true};
	unsigned counts[ARRAY_LEN(widths)] = {0}, others = 0;
	size_t n;

	pf_section(pack, "ENTR", &n);
	for (size_t i = 0; i < n / ENTRY_SIZE; i++) {
		for (size_t f = 0, at = 0; f < ARRAY_LEN(widths); at += widths[f++]) {
			unsigned taken_here = 0;

			mutate(pack, "ENTR", i * ENTRY_SIZE + at, widths[f], size,
				&taken_here);
			counts[f] += taken_here;
			if (f < ARRAY_LEN(fixed) && fixed[f])
				CHECK_EQ(taken_here, 0);
			if (f < ARRAY_LEN(fixed) && fixed[f] && taken_here)
				fprintf(stderr, "entry %zu, field %zu\n", i, f);
		}
	}
	/* owners and times may be others */
	CHECK(counts[2] && counts[3] && counts[4] && counts[5]);
	pf_section(pack, "MAPS", &n);
	for (size_t at = 0; at < n; at += 8)
		mutate(pack, "MAPS", at, 8, size, &others);
	pf_section(pack, "XATT", &n);
	for (size_t at = 0; at < n; at++)
		for (unsigned w = 1; w <= 4; w *= 4)
			if (at + w <= n)
				mutate(pack, "XATT", at, w, size, &others);
	pf_section(pack, "NAME", &n);
	for (size_t at = 0; at < n; at++) {
		AUTO_BUF struct buf bad = {0};

		for (const char *c = "./a\xff"; c <= strchr("./a\xff", 0); c++) {
			pf_copy(&bad, pack);
			pf_section(&bad, "NAME", &n)[at] = (unsigned char)*c;
			others += taken(&bad, size);
			if (!*c)
				break;
		}
	}
	CHECK(others > 0);
}

/* Sections of other lengths, all digests right. */
static void other_lengths(const struct buf *pack, uint64_t size)
{
	static const char *const tags[] = {"ENTR", "NAME", "XATT", "MAPS"};
	static const int by[] = {-64, -24, -8, -1, 1, 8, 24, 64};
	AUTO_BUF struct buf bad = {0}, content = {0};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		for (size_t k = 0; k < ARRAY_LEN(by); k++) {
			size_t n;
			const unsigned char *p = pf_section(pack, tags[i], &n);

			if (by[k] < 0 && n < (size_t)-by[k])
				continue;
			content.len = 0;
			add_bytes(&content, p, n);
			add_bytes(&content, (char[64]){0}, 64);
			pf_copy(&bad, pack);
			pf_replace(&bad, tags[i], content.data, n + (size_t)by[k]);
			CHECK(!taken(&bad, size));
		}
	}
}

/* A pack with one entry of this path. */
static bool path_taken(const char *path, size_t n, uint8_t kind, const char *link)
{
	AUTO_BUF struct buf pack = {0};
	AUTO_FREE char *copy = malloc(n + 1);
	struct entry e = {.path_len = (uint32_t)n, .kind = kind, .link = link};
	struct layer l = {.entries = &e, .count = 1};

	memcpy(copy, path, n);
	copy[n] = 0;
	e.path = copy;
	e.link_len = link ? (uint32_t)strlen(link) : 0;
	make_pack(&l, &pack);
	return taken(&pack, 1 << 20);
}

static void paths(void)
{
	static const char *const bad[] = {"/", "/a", "a/", "a//b", ".", "..", "a/.",
		"./a", "a/../b", "../a", "a/..", "a/./b"};
	static const char *const good[] = {"a", "a/b", "...", ".a", "..a/b..", "a/.../b"};
	char long_name[300];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (path_taken(bad[i], strlen(bad[i]), ENTRY_DIR, NULL)) {
			fprintf(stderr, "path %s\n", bad[i]);
			CHECK(!"refused");
		}
		CHECK(!path_taken("x", 1, ENTRY_HARDLINK, bad[i]));
		CHECK(path_taken("x", 1, ENTRY_SYMLINK, bad[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CHECK(path_taken(good[i], strlen(good[i]), ENTRY_FILE, NULL));
		CHECK(path_taken("x", 1, ENTRY_HARDLINK, good[i]));
	}
	CHECK(!path_taken("a\0b", 3, ENTRY_FILE, NULL));
	CHECK(path_taken("", 0, ENTRY_DIR, NULL));
	CHECK(!path_taken("", 0, ENTRY_FILE, NULL));
	CHECK(!path_taken("x", 1, ENTRY_SYMLINK, ""));
	CHECK(path_taken("x", 1, ENTRY_HARDLINK, ""));
	CHECK(!path_taken("x", 1, ENTRY_SOCK, NULL));
	memset(long_name, 'n', sizeof(long_name));
	CHECK(path_taken(long_name, 255, ENTRY_FILE, NULL));
	CHECK(!path_taken(long_name, 256, ENTRY_FILE, NULL));
}

/* Only what a path does not share with the one before it is looked at: all of pairs. */
static void pairs(void)
{
	static const char *const some[] = {"a", "a/b", "a/b/c", "ab", "a/bc", "a/b/cd",
		"b", "aaaaaaaa/b", "aaaaaaaa/bbbbbbbb", "aaaaaaaa/bbbbbbbb/c"};
	static const char *const tails[] = {
		"", "/", "/.", "/..", "//x", "/../x", "x", "/x", "/./x"};

	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		for (size_t k = 0; k < ARRAY_LEN(some) * ARRAY_LEN(tails); k++) {
			AUTO_BUF struct buf pack = {0};
			struct entry e[2] = {{.path = some[i]}, {0}};
			struct layer l = {.entries = e, .count = 2};
			char path[64];
			const char *tail = tails[k / ARRAY_LEN(some)];

			snprintf(path, sizeof(path), "%s%s", some[k % ARRAY_LEN(some)],
				tail);
			e[0].path_len = (uint32_t)strlen(some[i]);
			e[1].path = path;
			e[1].path_len = (uint32_t)strlen(path);
			make_pack(&l, &pack);
			CHECK_EQ(taken(&pack, 1 << 20), !*tail ||
								strcmp(tail, "x") == 0 ||
								strcmp(tail, "/x") == 0);
		}
	}
}

static void limits(const struct buf *pack, uint64_t size, size_t count)
{
	struct ctx ctx = test_ctx;
	struct layer got;

	ctx.limits.entries = count;
	CHECK_EQ(unpack(pack, size, &ctx, &got, NULL), 0);
	layer_finish(&got);
	ctx.limits.entries = count - 1;
	CHECK_EQ(unpack(pack, size, &ctx, &got, NULL), -EBADMSG);
	ctx = test_ctx;
	ctx.limits.path = strlen("usr/bin/second") - 1;
	CHECK_EQ(unpack(pack, size, &ctx, &got, NULL), -EBADMSG);
	ctx = test_ctx;
	ctx.limits.xattr_value = 2;
	CHECK_EQ(unpack(pack, size, &ctx, &got, NULL), -EBADMSG);
	/* the data of the last file with data lies no longer in the layer */
	CHECK_EQ(unpack(pack, 512, &test_ctx, &got, NULL), -EBADMSG);
}

/* Strings over the size of the writer's buffer, and many entries. */
static void large(void)
{
	enum { MANY = 20000, VALUE = 60000 };
	struct layer l = {0};
	char name[] = "user.0";
	struct xattr_set *big = arena_alloc(&l.arena,
		sizeof(*big) + 9 * sizeof(big->list[0]), _Alignof(struct xattr));
	AUTO_FREE unsigned char *value = malloc(VALUE + 1);
	AUTO_FREE char *names = malloc(9 * 8);

	big->count = 9;
	memset(value, 7, VALUE);
	value[VALUE] = 0;
	for (unsigned i = 0; i < 9; i++) {
		name[5] = (char)('0' + i);
		memcpy(names + 8 * i, name, 7);
		big->list[i] = (struct xattr){names + 8 * i, value, 6, VALUE};
	}
	l.entries = calloc(MANY, sizeof(*l.entries));
	l.count = MANY;
	for (size_t i = 0; i < MANY; i++) {
		char path[400];
		int n = snprintf(path, sizeof(path), "dir-%zu/%0*zu/x", i / 100,
			(int)(i % 250) + 1, i);

		l.entries[i] = (struct entry){
			.path = arena_dup(&l.arena, path, (size_t)n),
			.path_len = (uint32_t)n,
			.size = i,
			.data_off = i * 100,
			.mtime = -(int64_t)i,
			.xattrs = i == 7 || i == 8 ? big : NULL,
		};
		l.data_bytes += i;
	}
	round_trip(&l, MANY * 200);
	layer_finish(&l);
}

int main(void)
{
	AUTO_BUF struct buf pack = {0};
	struct layer l = {0}, empty = {0};
	uint64_t size;

	make_layer(&l, &size);
	/* five of the parts are headers of others */
	CHECK_EQ(l.count, ARRAY_LEN(parts) - 5);
	make_pack(&l, &pack);
	round_trip(&l, size);
	round_trip(&empty, 0);
	round_trip(&empty, 12345);
	large();
	every_byte(&pack, size);
	every_field(&pack, size);
	other_lengths(&pack, size);
	paths();
	pairs();
	limits(&pack, size, l.count);
	layer_finish(&l);
	TEST_END;
}
