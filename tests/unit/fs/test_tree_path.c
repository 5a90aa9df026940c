/* Paths found through the symbolic links of a tree. */
#include <errno.h>

#include "base/buf.h"
#include "fs/merge.h"
#include "fs/tree_path.h"
#include "unit.h"

static struct tree *make_tree(void)
{
	static struct entry entries[] = {
		{.path = "d", .kind = ENTRY_DIR},
		{.path = "d/e", .kind = ENTRY_DIR},
		{.path = "d/e/f", .kind = ENTRY_FILE},
		{.path = "abs", .kind = ENTRY_SYMLINK, .link = "/d/e"},
		{.path = "d/rel", .kind = ENTRY_SYMLINK, .link = "e//./f"},
		{.path = "d/e/up", .kind = ENTRY_SYMLINK, .link = "../../../d"},
		{.path = "slash", .kind = ENTRY_SYMLINK, .link = "d/e/f/"},
		{.path = "loop", .kind = ENTRY_SYMLINK, .link = "loop"},
		{.path = "gone", .kind = ENTRY_SYMLINK, .link = "no/where"},
		{.path = "root", .kind = ENTRY_SYMLINK, .link = "/"},
	};
	struct layer l = {
		.entries = entries, .count = sizeof(entries) / sizeof(entries[0])};
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct merge *m = NULL;
	struct tree *t = NULL;
	struct o2r_err err = {0};

	for (size_t i = 0; i < l.count; i++) {
		struct entry *e = &entries[i];

		e->path_len = (uint32_t)strlen(e->path);
		e->link_len = e->link ? (uint32_t)strlen(e->link) : 0;
		e->mode = 0755;
	}
	CHECK_EQ(merge_create(&ctx, &m, &err), 0);
	CHECK_EQ(merge_add(m, &l, "layer", &err), 0);
	CHECK_EQ(merge_freeze(m, (struct merge_time){0}, &t, &err), 0);
	merge_destroy(m);
	return t;
}

static const struct {
	const char *path;
	unsigned flags;
	int code;         /* 0: found */
	const char *real; /* where */
} cases[] = {
	{"", 0, 0, ""},
	{"/", 0, 0, ""},
	{"//d//./e/", 0, 0, "d/e"},
	{"../../d", 0, 0, "d"},
	{"d/e/..", 0, 0, "d"},
	{"d/e/f", 0, 0, "d/e/f"},
	{"d/e/f/", 0, -ENOTDIR, NULL},
	{"d/e/f/.", 0, -ENOTDIR, NULL},
	{"d/e/f/..", 0, -ENOTDIR, NULL},
	{"d/x", 0, -ENOENT, NULL},
	{"abs", 0, 0, "abs"},
	{"abs", TREE_FIND_FOLLOW, 0, "d/e"},
	{"abs/", 0, 0, "d/e"},
	{"abs/f", 0, 0, "d/e/f"},
	{"abs/..", 0, 0, "d"},
	{"abs/f", TREE_FIND_NO_LINKS, -ENOTDIR, NULL},
	{"abs", TREE_FIND_NO_LINKS, 0, "abs"},
	{"abs/", TREE_FIND_NO_LINKS, -ENOTDIR, NULL},
	{"d/rel", TREE_FIND_FOLLOW, 0, "d/e/f"},
	{"d/rel/", 0, -ENOTDIR, NULL},
	{"d/e/up/e/up/e/up/rel", TREE_FIND_FOLLOW, 0, "d/e/f"},
	{"slash", TREE_FIND_FOLLOW, -ENOTDIR, NULL},
	{"slash", 0, 0, "slash"},
	{"loop", 0, 0, "loop"},
	{"loop", TREE_FIND_FOLLOW, -ELOOP, NULL},
	{"loop/x", 0, -ELOOP, NULL},
	{"gone", TREE_FIND_FOLLOW, -ENOENT, NULL},
	{"root", 0, 0, "root"},
	{"root", TREE_FIND_FOLLOW, 0, ""},
	{"root/root/root/d", 0, 0, "d"},
};

int main(void)
{
	struct tree *t = make_tree();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_BUF struct buf real = {0};
		struct tree_found found = {0};
		struct o2r_err err = {0};
		int r = tree_find(t, cases[i].path, cases[i].flags, &real, &found, &err);

		if (r != cases[i].code)
			fprintf(stderr, "%s: %s\n", cases[i].path, err.text);
		CHECK_EQ(r, cases[i].code);
		if (r == 0 && cases[i].real) {
			CHECK_STR(real.data ? real.data : "", cases[i].real);
			CHECK_EQ(found.ino, tree_resolve(t, cases[i].real));
		}
		if (r < 0)
			CHECK_EQ(err.cls, ERR_NOT_FOUND);
	}
	tree_destroy(t);
	TEST_END;
}
