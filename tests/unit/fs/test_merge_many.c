/* Layers that a hostile author makes large: what they cost stays in proportion. */
#include <errno.h>

#include "base/vec.h"
#include "fs/build.h"
#include "fs/merge.h"
#include "unit.h"

static struct entry *add(struct layer *l, enum entry_kind kind, const char *path)
{
	if (VEC_RESERVE(l->entries, l->count, l->cap, 1, SIZE_MAX) < 0)
		abort();

	struct entry *e = &l->entries[l->count++];

	*e = (struct entry){.kind = (uint8_t)kind, .mode = 0755};
	e->path_len = (uint32_t)strlen(path);
	e->path = arena_dup(&l->arena, path, e->path_len);
	return e;
}

static void add_link(
	struct layer *l, enum entry_kind kind, const char *path, const char *target)
{
	struct entry *e = add(l, kind, path);

	e->link_len = (uint32_t)strlen(target);
	e->link = arena_dup(&l->arena, target, e->link_len);
}

struct run {
	struct ctx ctx;
	struct o2r_err err;
	struct tree *tree;
	char log[8192];
};

static void take_log(void *arg, enum log_level level, const char *msg)
{
	struct run *r = arg;
	size_t n = strlen(r->log);

	(void)level;
	snprintf(r->log + n, sizeof(r->log) - n, "%s\n", msg);
}

static int merge(struct run *run, struct layer *layers, unsigned count, uint64_t entries)
{
	struct merge_time root = {0};
	struct merge *m = NULL;

	run->ctx.log = take_log;
	run->ctx.arg = run;
	run->ctx.level = LOG_WARN;
	run->ctx.threads = 1;
	run->ctx.limits = (struct limits)LIMITS_DEFAULT;
	run->ctx.limits.entries = entries;

	int r = merge_create(&run->ctx, &m, &run->err);

	for (unsigned i = 0; r == 0 && i < count; i++)
		r = merge_add(m, &layers[i], "layer", &run->err);
	if (r == 0)
		r = merge_freeze(m, root, &run->tree, &run->err);
	if (r == 0)
		r = tree_check(run->tree, &run->err);
	merge_destroy(m);
	return r;
}

static void finish(struct run *run, struct layer *layers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		layer_finish(&layers[i]);
	tree_destroy(run->tree);
}

/* Each removed name left a slot in the way of the next one. */
static void one_name_again_and_again(void)
{
	struct layer l = {0};
	struct run run = {0};

	for (unsigned i = 0; i < 1000000; i++)
		add(&l, i % 2 ? ENTRY_FIFO : ENTRY_FILE, "d/a");
	CHECK_EQ(merge(&run, &l, 1, 2000000), 0);
	CHECK(run.tree && run.tree->inode_count == 3);
	finish(&run, &l, 1);
}

static void names_that_come_and_go(void)
{
	enum { LAYERS = 40, NAMES = 5000 };
	static struct layer l[LAYERS];
	struct run run = {0};
	char path[40];

	for (unsigned i = 0; i < LAYERS; i++)
		for (unsigned k = 0; k < NAMES; k++) {
			snprintf(path, sizeof(path), "d/%s%u", i % 2 ? ".wh." : "", k);
			add(&l[i], ENTRY_FILE, path);
		}
	CHECK_EQ(merge(&run, l, LAYERS, LAYERS * (NAMES + 1)), 0);
	CHECK(run.tree && run.tree->inode_count == 2);
	finish(&run, l, LAYERS);
}

/* The path in a warning was searched for in the whole directory. */
static void warnings_beside_many_names(void)
{
	enum { LAYERS = 400, NAMES = 50000 };
	static struct layer l[LAYERS];
	struct run run = {0};
	char path[40];

	for (unsigned k = 0; k < NAMES; k++) {
		snprintf(path, sizeof(path), "%u", k);
		add(&l[0], ENTRY_FILE, path);
	}
	for (unsigned i = 1; i < LAYERS; i++)
		for (unsigned k = 0; k < 5; k++) {
			snprintf(path, sizeof(path), "x/y/%u%s", k, i % 2 ? "" : "/f");
			if (i % 2)
				add_link(&l[i], ENTRY_SYMLINK, path, "t");
			else
				add(&l[i], ENTRY_FILE, path);
		}
	CHECK_EQ(merge(&run, l, LAYERS, 1000000), 0);
	CHECK(strstr(run.log, "layer: /x/y/4: a symbolic link of a lower layer") != NULL);
	finish(&run, l, LAYERS);
}

static const struct xattr_set *one_xattr(struct layer *l, unsigned number)
{
	struct xattr_set *s = arena_alloc(&l->arena, sizeof(*s) + sizeof(s->list[0]), 8);
	char name[40];
	int n = snprintf(name, sizeof(name), "security.%u", number);

	s->count = 1;
	s->list[0] = (struct xattr){.name = arena_dup(&l->arena, name, (size_t)n),
		.name_len = (uint32_t)n,
		.value = (const unsigned char *)s->list[0].name,
		.value_len = 9};
	s->list[0].value = (const unsigned char *)s->list[0].name;
	return s;
}

/* Each link's header adds an attribute: the sets in between were kept, 10 GB of them. */
static void links_that_add_xattrs(void)
{
	struct layer l = {0};
	struct run run = {0};
	char path[40];

	add(&l, ENTRY_FILE, "a")->mode = 0600;
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "l%u", i);
		add_link(&l, ENTRY_HARDLINK, path, "a");
		l.entries[l.count - 1].xattrs = one_xattr(&l, i);
		l.entries[l.count - 1].mode = (uint16_t)(i & 0777);
	}
	CHECK_EQ(merge(&run, &l, 1, 1000000), 0);
	CHECK(run.tree && run.tree->xattr_set_count == 1 &&
		run.tree->xattr_sets[1]->count == 20000);
	CHECK(run.tree && tree_get(run.tree, 2)->mode == (S_IFREG | (19999 & 0777)));
	finish(&run, &l, 1);
}

/* The limit counts names, and it is the last number that is allowed. */
static void limit_of_names(void)
{
	for (unsigned names = 1; names < 6; names++) {
		struct layer l[3] = {{0}};
		struct run fits = {0}, over = {0};
		char path[4];

		for (unsigned i = 0; i < names; i++) {
			snprintf(path, sizeof(path), "%u", i);
			add(&l[i % 3], ENTRY_FILE, path);
		}
		CHECK_EQ(merge(&fits, l, 3, names), 0);
		CHECK_EQ(merge(&over, l, 3, names - 1), -EBADMSG);
		CHECK(strstr(over.err.text, "--limit entries=N") != NULL);
		tree_destroy(over.tree);
		finish(&fits, l, 3);
	}
}

/* Entries of a few bytes that walk through a chain of links with long targets each. */
static void links_that_take_long(void)
{
	struct layer l = {0};
	struct run run = {0};
	char path[40], target[4096];

	for (unsigned i = 0; i < 255; i++) {
		unsigned n = 0;

		for (; n < 4000; n += 5)
			memcpy(target + n, "/d/..", 5);
		snprintf(target + n, sizeof(target) - n, "/l%u", i + 1);
		snprintf(path, sizeof(path), "l%u", i);
		add_link(&l, ENTRY_SYMLINK, path, i == 254 ? "d" : target);
	}
	add(&l, ENTRY_DIR, "d");
	for (unsigned i = 0; i < 3000; i++) {
		add(&l, ENTRY_FILE, "l0/a");
		add(&l, ENTRY_FILE, "b/a");
	}
	CHECK_EQ(merge(&run, &l, 1, 1000000), -EBADMSG);
	CHECK(strstr(run.err.text, "takes too long") != NULL);
	finish(&run, &l, 1);
}

static void stopped_between_entries(void)
{
	volatile int cancel = 1;
	struct layer l = {0};
	struct run run = {.ctx = {.cancel = &cancel}};

	add(&l, ENTRY_FILE, "a");
	CHECK_EQ(merge(&run, &l, 1, 100), -EINTR);
	CHECK_EQ(run.err.cls, ERR_INTERRUPTED);
	finish(&run, &l, 1);
}

/* A part of 256 bytes would be stored with length 0. */
static void names_too_long(void)
{
	char path[300];

	for (unsigned n = 255; n < 258; n++) {
		struct layer l[2] = {{0}};
		struct run run = {0};

		memset(path, 'x', n);
		path[n] = '\0';
		add(&l[0], ENTRY_FILE, path);
		CHECK_EQ(merge(&run, l, 1, 100), n > 255 ? -EBADMSG : 0);
		finish(&run, l, 1);
	}
}

int main(void)
{
	one_name_again_and_again();
	names_that_come_and_go();
	warnings_beside_many_names();
	links_that_add_xattrs();
	limit_of_names();
	links_that_take_long();
	stopped_between_entries();
	names_too_long();
	TEST_END;
}
