/*
 * A tree and options made from bytes: the plan holds together (plan_check), and writing
 * it stays within the image, never goes back in an ordered output, and takes all data.
 * The first byte of each operation is its kind, the rest its arguments; running out of
 * bytes gives zeros.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/ext4/mktree.h"
#include "../unit/ext4/plan_check.h"
#include "base/checked.h"
#include "ext4/plan.h"
#include "fs/data.h"

enum {
	OPS_MAX = 200,
	ENTRIES_MAX = 6000,
	DIRS_MAX = 16,
	NAME_MAX_LEN = 255,
	/* Larger images are planned, not written. */
	WRITE_GROUPS_MAX = 300,
	FEED_MAX = 4 << 20,
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

static uint32_t word(struct input *in)
{
	uint32_t low = byte(in);

	return low | (uint32_t)byte(in) << 8;
}

/* Anything from 0 to 2^46, small numbers as likely as large ones. */
static uint64_t size_of(struct input *in)
{
	unsigned shift = byte(in) % 31;

	return (uint64_t)word(in) << shift;
}

struct maker {
	struct mktree m;
	struct input *in;
	char dirs[DIRS_MAX][40];
	uint32_t dir_count, entries;
	char path[400];
};

/* A name in one of the directories made so far. */
static const char *new_path(struct maker *k, uint32_t number, uint32_t pad)
{
	const char *dir = k->dirs[byte(k->in) % (k->dir_count + 1) % DIRS_MAX];
	int n = snprintf(k->path, sizeof(k->path), "%s%u", dir, number);
	size_t len = MIN(pad, (uint32_t)NAME_MAX_LEN - 10);

	memset(k->path + n, 'n', len);
	k->path[n + (int)len] = '\0';
	return k->path;
}

static void make_sparse(struct maker *k)
{
	uint64_t runs[64][2], at = 0, size;
	uint32_t count = byte(k->in) % 64;

	for (uint32_t i = 0; i < count; i++) {
		runs[i][0] = at + (uint64_t)word(k->in) * (byte(k->in) % 2 ? 4096 : 1);
		runs[i][1] = 1 + (uint64_t)word(k->in);
		at = runs[i][0] + runs[i][1];
	}
	size = at + size_of(k->in);
	mktree_sparse(&k->m, new_path(k, k->entries, 0), size, runs, count);
}

static void make_xattrs(struct maker *k, struct entry *e)
{
	static const unsigned char value[4096] = {1, 2, 3, 4};
	static const unsigned char acl[] = {2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4,
		0, 5, 0, 255, 255, 255, 255, 32, 0, 1, 0, 255, 255, 255, 255};
	uint8_t which = byte(k->in);

	if (which & 1)
		mktree_xattr(&k->m, e, "security.x", value, which);
	if (which & 2)
		mktree_xattr(&k->m, e, "system.posix_acl_access", acl, sizeof(acl));
	if (which & 4)
		mktree_xattr(&k->m, e, "user.a", value, word(k->in) % sizeof(value));
}

static void make_many(struct maker *k)
{
	uint32_t count = word(k->in) % 2000, pad = byte(k->in);
	struct input again = *k->in;

	for (uint32_t i = 0; i < count && k->entries < ENTRIES_MAX; i++) {
		/* The same directory for all. */
		*k->in = again;
		mktree_file(&k->m, new_path(k, k->entries++, pad), i % 3 * 100);
	}
}

static void make_entry(struct maker *k)
{
	static char target[4096], first[400];
	uint8_t op = byte(k->in);
	struct entry *e = NULL;
	uint32_t major, minor;

	k->entries++;
	switch (op % 10) {
	case 0:
	case 1:
		e = mktree_file(&k->m, new_path(k, k->entries, 0), size_of(k->in));
		break;
	case 2:
		e = mktree_dir(&k->m, new_path(k, k->entries, 0));
		if (k->dir_count + 1 < DIRS_MAX && strlen(k->path) < 30)
			snprintf(k->dirs[++k->dir_count], sizeof(k->dirs[0]), "%.38s/",
				k->path);
		break;
	case 3:
		memset(target, 't', sizeof(target) - 1);
		target[1 + word(k->in) % 4095] = '\0';
		e = mktree_link(&k->m, new_path(k, k->entries, 0), target);
		break;
	case 4:
		major = word(k->in);
		minor = word(k->in) << (op >> 5);
		e = mktree_node(&k->m, new_path(k, k->entries, 0),
			op & 16 ? ENTRY_CHR : ENTRY_BLK, major, minor);
		break;
	case 5:
		e = mktree_node(&k->m, new_path(k, k->entries, 0),
			op & 16 ? ENTRY_FIFO : ENTRY_SOCK, 0, 0);
		break;
	case 6:
		make_sparse(k);
		return;
	case 7:
		make_many(k);
		return;
	case 8:
		e = op & 16 ? mktree_dir(&k->m, "lost+found")
			    : mktree_file(&k->m, "lost+found", 1);
		if (op & 32)
			mktree_dir(&k->m, "lost+found/x");
		e = op & 64 ? mktree_file(&k->m, "large", size_of(k->in)) : NULL;
		break;
	case 9:
		mktree_file(&k->m, new_path(k, k->entries, 0), op);
		snprintf(first, sizeof(first), "%s", k->path);
		mktree_hardlink(&k->m, new_path(k, ++k->entries, 0), first);
		return;
	}
	if (e && op & 128)
		make_xattrs(k, e);
	if (e)
		e->mtime = (int64_t)word(k->in) << (op % 18);
}

/* More names than ext4 allows, without making them all: what is planned from the count
 * does not look at the names. */
static void make_heavy(struct tree *t, uint32_t ino, uint32_t links)
{
	ino = 1 + ino % t->inode_count;
	if (!S_ISDIR(t->inodes[ino].mode))
		t->inodes[ino].nlink = MAX(links, 1u);
}

static struct ext4_options make_options(struct input *in)
{
	struct ext4_options o = {.block_size = 4096, .uuid = {1}};
	uint8_t flags = byte(in);

	o.size_mode = (enum ext4_size_mode)(byte(in) % 6);
	if (o.size_mode == EXT4_SIZE_FREE_PERCENT)
		o.bytes = word(in);
	else
		o.bytes = size_of(in);
	o.free_inodes_set = flags & 1;
	o.free_inodes = size_of(in);
	o.linear_dirs = flags & 2;
	o.clamp_set = flags & 4;
	o.clamp = (int64_t)size_of(in) - 1000;
	if ((flags & 248) == 248)
		o.block_size = 1024;
	return o;
}

struct sink {
	uint64_t end, pos;
	bool ordered;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static int sink_writev(
	void *arg, struct iovec *iov, int count, uint64_t off, struct o2r_err *err)
{
	struct sink *s = arg;

	(void)err;
	must(!s->ordered || off >= s->pos, "an ordered output goes back");
	for (int i = 0; i < count; i++)
		off += iov[i].iov_len;
	must(off <= s->end, "a write behind the end of the image");
	s->pos = off;
	return 0;
}

static int sink_zero(void *arg, uint64_t off, uint64_t n, struct o2r_err *err)
{
	const struct sink *s = arg;

	(void)err;
	must(off + n <= s->end, "zeros behind the end of the image");
	return 0;
}

static void feed(struct ext4_writer *w, const struct ext4_plan *p)
{
	static unsigned char data[1 << 16];

	for (int pass = 0; pass < ext4_plan_passes(p); pass++) {
		uint32_t count;
		const uint32_t *items = ext4_plan_items(p, pass, &count);

		for (uint32_t i = 0; i < count; i++) {
			struct data_run one;
			uint32_t runs;
			const struct data_run *r =
				tree_runs(p->tree, items[i], &one, &runs);

			for (uint32_t k = 0; k < runs; k++) {
				for (uint64_t off = 0; off < r[k].len;
					off += sizeof(data)) {
					struct data_piece v = {
						.p = data,
						.file_off = r[k].file_off + off,
						.len = (uint32_t)MIN(
							r[k].len - off, sizeof(data)),
						.item = i,
					};

					must(ext4_writer_pieces(w, pass, &v, 1, NULL) ==
							0,
						"a piece is refused");
				}
			}
		}
	}
}

static void write_plan(const struct ext4_plan *p, const struct ctx *ctx, bool ordered)
{
	static const struct ext4_out_ops any = {.writev = sink_writev, .zero = sink_zero},
					 in_order = {
						 .writev = sink_writev, .ordered = true};
	struct sink sink = {.ordered = ordered};
	struct ext4_out out = {.ops = ordered ? &in_order : &any, .arg = &sink};
	struct ext4_writer *w = NULL;
	struct ext4_summary s;
	uint64_t bytes = 0;

	ext4_plan_summary(p, &s);
	if (s.groups > WRITE_GROUPS_MAX)
		return;
	sink.end = s.image_bytes;
	for (int i = 0; i < p->pass_count; i++)
		bytes += p->passes[i].bytes;
	must(ext4_writer_create(p, &out, ctx, &w, NULL) == 0, "the writer fails");
	if (bytes <= FEED_MAX)
		feed(w, p);
	must((ext4_writer_end(w, NULL) == 0) == (bytes <= FEED_MAX),
		"the end does not know whether all data came");
	if (ordered && bytes <= FEED_MAX)
		must(sink.pos == sink.end, "a stream ends too early");
	ext4_writer_destroy(w);
}

static int count_line(void *arg, const char *text)
{
	(void)text;
	return ++*(int *)arg > 1000;
}

static void try_plan(const struct tree *t, const struct ext4_options *o)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct ext4_plan *p = NULL;
	struct o2r_err err = {0};
	int lines = 0;

	if (ext4_plan_create(t, o, &ctx, &p, &err) < 0) {
		must(err.text[0] != '\0', "a failure without a word");
		return;
	}

	const char *wrong = plan_check(p);

	must(!wrong, wrong ? wrong : "");
	must(ext4_plan_print(p, count_line, &lines) == 0, "too many lines");
	write_plan(p, &ctx, false);
	write_plan(p, &ctx, true);
	ext4_plan_destroy(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ext4_options o = make_options(&in);
	struct maker k = {.in = &in};
	struct o2r_err err = {0};
	uint32_t heavy = word(&in), links = word(&in) * 4;

	for (int i = 0; i < OPS_MAX && in.left && k.entries < ENTRIES_MAX; i++)
		make_entry(&k);

	struct tree *t = mktree_try(&k.m, &err);

	if (!t)
		return 0;
	if (heavy)
		make_heavy(t, heavy, links);
	try_plan(t, &o);
	tree_destroy(t);
	return 0;
}
