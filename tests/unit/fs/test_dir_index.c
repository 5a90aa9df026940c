/* One directory as a layer: entries, marks, attributes, ids, and what is refused. */
#include "dir_fixture.h"

static const struct dir_rules overlay = {.overlay = true};
static const struct dir_rules both = {.overlay = true, .names = true};
static struct ctx ctx;
static struct digest identity;

static int index_of(const char *name, struct dir_rules rules, struct layer *layer,
	struct files **files, struct o2r_err *err)
{
	struct dir_layer d = open_layer(name, rules);
	int r;

	warnings[0] = '\0';
	CHECK(d.fd >= 0);
	r = dir_index(&d, &ctx, layer, files, &identity, err);
	d.rules.uids = d.rules.gids = (struct id_map){0}; /* the test's own */
	dir_layer_finish(&d);
	return r;
}

static char *entries(const char *name, struct dir_rules rules)
{
	struct files *files = NULL;
	struct layer layer = {0};
	struct o2r_err err = {0};
	int r = index_of(name, rules, &layer, &files, &err);

	return told(r, &layer, files, &err);
}

static void kinds(void)
{
	make_dir("kinds");
	make_dir("kinds/d");
	make_file("kinds/d/inner", "");
	make_file("kinds/f", "12345");
	CHECK_EQ(symlink("target", at("kinds/l")), 0);
	CHECK_EQ(link(at("kinds/f"), at("kinds/a second name")), 0);
	CHECK_EQ(mknod(at("kinds/c"), S_IFCHR | 0600, makedev(1, 3)), 0);
	CHECK_EQ(mknod(at("kinds/b"), S_IFBLK | 0600, makedev(259, 70000)), 0);
	CHECK_EQ(mkfifo(at("kinds/p"), 0600), 0);
	CHECK_EQ(mknod(at("kinds/s"), S_IFSOCK | 0600, 0), 0);
	CHECK_TOLD(entries("kinds", both),
		"f a second name 5\nb b 259:70000\nc c 1:3\nd d\nh f -> a second name\n"
		"l l -> target\np p\ns s\nf d/inner\n");
}

static void whiteouts(void)
{
	make_dir("w");
	make_whiteout("w/gone");
	CHECK_EQ(link(at("w/gone"), at("w/gone too")), 0);
	make_dir("w/o");
	mark("w/o", "trusted.overlay.opaque", "y");
	make_dir("w/x");
	mark("w/x", "trusted.overlay.opaque", "x");
	make_file("w/x/gone", "");
	mark("w/x/gone", "trusted.overlay.whiteout", "y");
	make_file("w/x/not", "text");
	mark("w/x/not", "trusted.overlay.whiteout", "y");
	/* not in a directory marked for them */
	make_file("w/o/not", "");
	mark("w/o/not", "trusted.overlay.whiteout", "y");
	CHECK_TOLD(entries("w", overlay),
		"c gone 0:0\nc gone too 0:0\nd o\nd x\nf o/.wh..wh..opq\nf o/not\n"
		"c x/gone 0:0\nf x/not 4\n");
}

static void names(void)
{
	make_dir("n");
	make_file("n/.wh.gone", "");
	CHECK_EQ(link(at("n/.wh.gone"), at("n/file")), 0);
	CHECK_TOLD(entries("n", both), "f .wh.gone\nf file\n");
	CHECK_TOLD(entries("n", overlay),
		"1: n/.wh.gone: its name is that of a whiteout, but this store marks "
		"those otherwise: rename it");
	make_dir("n2");
	make_dir("n2/.wh.dir");
	make_file("n2/.wh..wh..opq", "");
	CHECK_TOLD(entries("n2", both), "f .wh..wh..opq\nd .wh.dir\n");
}

static void below(void)
{
	make_dir("r");
	make_dir("r/d");
	make_file("r/f", "12");
	/* what is left of a redirect when nothing is below any more */
	mark("r/d", "trusted.overlay.redirect", "/x");
	mark("r/d", "trusted.overlay.opaque", "y");
	mark("r/f", "trusted.overlay.redirect", "x");
	CHECK_TOLD(entries("r", overlay), "d d\nf f 2\nf d/.wh..wh..opq\n");
	mark("r/f", "trusted.overlay.metacopy", "");

	struct files *files = NULL;
	struct layer layer = {0};
	struct o2r_err err = {0};

	CHECK_EQ(index_of("r", overlay, &layer, &files, &err), -EXDEV);
	CHECK(strstr(err.text, "r/f: its overlay.metacopy") == err.text);
	layer_finish(&layer);
	mark("r/f", "trusted.overlay.redirect", "a/b");
	CHECK_TOLD(entries("r", overlay),
		"6: r/f: its overlay.redirect \"a/b\" is no name and no path");
}

/* Marks that an image brought along mean nothing where the store's are elsewhere. */
static void namespaces(void)
{
	struct dir_rules roots = overlay;

	roots.trusted = true;
	make_dir("ns");
	make_dir("ns/d");
	mark("ns/d", "user.overlay.opaque", "y");
	mark("ns/d", "user.fuseoverlayfs.opaque", "y");
	mark("ns/d", "user.kept", "1");
	CHECK_TOLD(entries("ns", roots), "d d user.fuseoverlayfs.opaque user.kept\n");
	CHECK_TOLD(entries("ns", overlay),
		"d d user.fuseoverlayfs.opaque user.kept\nf d/.wh..wh..opq\n");
	CHECK_TOLD(entries("ns", both), "d d user.kept\nf d/.wh..wh..opq\n");
	CHECK_TOLD(entries("ns", (struct dir_rules){0}),
		"d d user.fuseoverlayfs.opaque user.kept\n");
}

static void overrides(void)
{
	struct dir_rules rules = both;
	struct files *files = NULL;
	struct layer layer = {0};
	struct o2r_err err = {0};

	rules.override_stat = true;
	make_dir("o");
	make_file("o/dev", "");
	mark("o/dev", "user.containers.override_stat", "0:6:660:block-8-1");
	make_file("o/file", "abc");
	mark("o/file", "user.fuseoverlayfs.override_stat", "12:34:4755");
	make_file("o/gone", "");
	mark("o/gone", "user.containers.override_stat", "0:0:0:char-0-0");
	make_file("o/link", "where");
	mark("o/link", "user.containers.override_stat", "0:0:777:symlink");
	CHECK_EQ(index_of("o", rules, &layer, &files, &err), 0);
	CHECK_EQ(layer.entries[1].uid, 12);
	CHECK_EQ(layer.entries[1].gid, 34);
	CHECK_EQ(layer.entries[1].mode, 04755);
	CHECK_TOLD(told(0, &layer, files, &err),
		"b dev 8:1\nf file 3\nc gone 0:0\nl link -> where\n");
	rules.override_stat = false;
	CHECK_TOLD(entries("o", (struct dir_rules){0}),
		"f dev user.containers.override_stat\n"
		"f file 3 user.fuseoverlayfs.override_stat\n"
		"f gone user.containers.override_stat\n"
		"f link 5 user.containers.override_stat\n");
	rules.override_stat = true;
	mark("o/dev", "user.containers.override_stat", "0:6");
	CHECK_TOLD(
		entries("o", rules), "6: o/dev: its override_stat \"0:6\" is malformed");
	mark("o/dev", "user.containers.override_stat", "0:6:700");
	make_dir("o/dev2");
	mark("o/dev2", "user.containers.override_stat", "0:6:700:file");
	CHECK_TOLD(entries("o", rules),
		"6: o/dev2: its override_stat gives it another type");
}

/* security.capability of revision 3, of the root that a namespace has. */
static void set_capability(const char *name, uint32_t root)
{
	unsigned char v[24] = {0};

	put_le32(v, 0x03000001);
	put_le32(v + 4, 1 << 13);
	put_le32(v + 20, root);
	CHECK_EQ(setxattr(at(name), "security.capability", v, sizeof(v), 0), 0);
}

static void ids(void)
{
	struct id_range ranges[] = {{1000, 0, 1}, {100000, 1, 65535}};
	struct dir_rules rules = both;
	struct files *files = NULL;
	struct layer layer = {0};
	struct o2r_err err = {0};

	rules.uids = rules.gids = (struct id_map){ranges, 2};
	make_dir("i");
	make_file("i/a", "a");
	make_file("i/b", "b");
	CHECK_EQ(chown(at("i/a"), 1000, 100000), 0);
	CHECK_EQ(chown(at("i/b"), 165534, 1000), 0);
	set_capability("i/a", 1000);
	set_capability("i/b", 100009);
	CHECK_EQ(index_of("i", rules, &layer, &files, &err), 0);
	CHECK_EQ(layer.entries[0].uid, 0);
	CHECK_EQ(layer.entries[0].gid, 1);
	CHECK_EQ(layer.entries[1].uid, 65535);
	CHECK_EQ(layer.entries[1].gid, 0);
	/* of root inside it is one without a root; of another one that one's */
	CHECK_EQ(layer.entries[0].xattrs->list[0].value_len, 20);
	CHECK_EQ(get_le32(layer.entries[0].xattrs->list[0].value), 0x02000001);
	CHECK_EQ(layer.entries[1].xattrs->list[0].value_len, 24);
	CHECK_EQ(get_le32(layer.entries[1].xattrs->list[0].value + 20), 10);
	CHECK_TOLD(told(0, &layer, files, &err),
		"f a 1 security.capability\nf b 1 security.capability\n");
	set_capability("i/b", 999);

	char *text = entries("i", rules);

	CHECK(strstr(text, "4: i/b: its capabilities are of the root 999") == text);
	free(text);
	CHECK_EQ(chown(at("i/a"), 999, 1000), 0);
	text = entries("i", rules);
	CHECK(strstr(text, "4: i/a: it belongs to user 999") == text);
	free(text);
}

static void acls(void)
{
	/* user::rw-, user:100005:r--, group::r--, mask::rw-, other::--- */
	static const struct {
		uint16_t tag, perm;
		uint32_t id;
	} list[] = {{1, 6, UINT32_MAX}, {2, 4, 100005}, {4, 4, UINT32_MAX},
		{16, 6, UINT32_MAX}, {32, 0, UINT32_MAX}};
	struct id_range range = {100000, 0, 10};
	struct dir_rules rules = {.uids = {&range, 1}, .gids = {&range, 1}};
	unsigned char acl[44];
	struct files *files = NULL;
	struct layer layer = {0};
	struct o2r_err err = {0};

	put_le32(acl, 2);
	for (size_t i = 0; i < 5; i++) {
		put_le16(acl + 4 + 8 * i, list[i].tag);
		put_le16(acl + 6 + 8 * i, list[i].perm);
		put_le32(acl + 8 + 8 * i, list[i].id);
	}
	make_dir("acl");
	make_file("acl/f", "");
	CHECK_EQ(chown(at("acl/f"), 100000, 100000), 0);
	CHECK_EQ(
		setxattr(at("acl/f"), "system.posix_acl_access", acl, sizeof(acl), 0), 0);
	CHECK_EQ(index_of("acl", rules, &layer, &files, &err), 0);
	CHECK_EQ(layer.entries[0].mode, 0660);
	CHECK_EQ(get_le32(layer.entries[0].xattrs->list[0].value + 16), 5);
	CHECK_TOLD(told(0, &layer, files, &err), "f f system.posix_acl_access\n");
	range.count = 5;

	char *text = entries("acl", rules);

	CHECK(strstr(text, "4: acl/f: its ACL names the id 100005") == text);
	free(text);
}

static void holes(void)
{
	int fd;

	make_dir("h");
	make_file("h/sparse", "");
	fd = open(at("h/sparse"), O_WRONLY);
	CHECK_EQ(ftruncate(fd, 1 << 20), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 500000), 1);
	close(fd);
	make_file("h/nothing", "");
	CHECK_EQ(truncate(at("h/nothing"), 5000), 0);
	CHECK_TOLD(entries("h", both), "f nothing 5000\nf sparse 1048576 499712+4096\n");
}

static void odd(void)
{
	struct dir_rules rules = both;

	make_dir("empty");
	CHECK_TOLD(entries("empty", both), "");
	rules.root = true;
	CHECK_TOLD(entries("empty", rules), "d \n");
	make_dir("many");
	make_file("many/a", "");
	make_file("many/b", "");
	make_file("many/c", "");
	ctx.limits.entries = 2;
	CHECK_TOLD(
		entries("many", both), "1: many: cannot list it: Argument list too long");
	ctx.limits.entries = 3;
	CHECK_TOLD(entries("many", both), "f a\nf b\nf c\n");
	ctx.limits = test_ctx.limits;
	make_dir("long");
	make_dir("long/abcdefgh");
	make_file("long/abcdefgh/i", "");
	ctx.limits.path = 9;
	CHECK_TOLD(entries("long", both),
		"6: long/abcdefgh/i: the name has 10 bytes, more than 9 (raise it with "
		"--limit path=N)");
	ctx.limits = test_ctx.limits;
}

/* The identity changes with what the entries say, and with nothing else. */
static void identities(void)
{
	struct digest first;

	make_dir("id");
	make_file("id/f", "1");
	free(entries("id", both));
	first = identity;
	free(entries("id", both));
	CHECK(digest_equal(&first, &identity));
	CHECK_EQ(chmod(at("id/f"), 0600), 0);
	free(entries("id", both));
	CHECK(!digest_equal(&first, &identity));
}

int main(void)
{
	ctx = test_ctx;
	umask(022);
	CHECK(mkdtemp(work) != NULL);
	kinds();
	whiteouts();
	names();
	below();
	namespaces();
	overrides();
	ids();
	acls();
	holes();
	odd();
	identities();
	remove_work();
	TEST_END;
}
