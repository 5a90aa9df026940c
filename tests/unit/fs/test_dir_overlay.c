/* Stacks of directories as overlayfs shows them; the kernel's own are compared in
 * tests/integration/test_directories.py. */
#include "dir_fixture.h"

#define OPAQUE "f .wh..wh..opq\n"

static const struct dir_rules rules = {.overlay = true, .names = true};

/* Layers NAME/0 (the top), NAME/1, ... */
static char *shown(const char *name, unsigned count)
{
	struct dir_layer layers[8];
	const struct dir_layer *stack[8];
	struct files *files = NULL;
	struct digest identity;
	struct layer layer = {0};
	struct o2r_err err = {0};

	warnings[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%u", name, i);
		layers[i] = open_layer(path, rules);
		CHECK(layers[i].fd >= 0);
		stack[i] = &layers[i];
	}

	int r = dir_overlay(stack, count, &test_ctx, &layer, &files, &identity, &err);

	for (unsigned i = 0; i < count; i++)
		dir_layer_finish(&layers[i]);
	return told(r, &layer, files, &err);
}

static void begin(const char *name, unsigned count)
{
	char path[64];

	make_dir(name);
	for (unsigned i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%u", name, i);
		make_dir(path);
	}
}

static void merging(void)
{
	begin("m", 3);
	make_dir("m/2/d");
	make_file("m/2/d/low", "1");
	make_file("m/2/d/replaced", "1");
	make_file("m/2/gone", "1");
	make_dir("m/2/file now");
	make_dir("m/1/d");
	make_file("m/1/d/replaced", "22");
	make_file("m/1/file now", "22");
	make_dir("m/1/o");
	make_file("m/1/o/hidden", "");
	make_whiteout("m/0/gone");
	make_dir("m/0/o");
	mark("m/0/o", "trusted.overlay.opaque", "y");
	make_file("m/0/o/new", "");
	CHECK_TOLD(shown("m", 3),
		OPAQUE "d d\nf file now 2\nd o\nf d/low 1\nf d/replaced 2\nf o/new\n");
}

/* A directory that was renamed in two layers, one after the other, out of an opaque one.
 */
static void chains(void)
{
	begin("c", 4);
	make_dir("c/3/a");
	make_file("c/3/a/f", "333");
	make_dir("c/2/new");
	mark("c/2/new", "trusted.overlay.opaque", "y");
	make_dir("c/2/new/b");
	mark("c/2/new/b", "trusted.overlay.redirect", "/a");
	make_whiteout("c/2/a");
	make_dir("c/1/new");
	make_whiteout("c/1/new/b");
	make_dir("c/1/new/c");
	mark("c/1/new/c", "trusted.overlay.redirect", "b");
	make_dir("c/0/top");
	mark("c/0/top", "trusted.overlay.redirect", "/new/c");
	make_dir("c/0/new");
	make_whiteout("c/0/new/c");
	make_file("c/0/top/g", "");
	CHECK_TOLD(shown("c", 4), OPAQUE "d new\nd top\nf top/f 3\nf top/g\n");
}

static void metacopies(void)
{
	begin("y", 3);
	make_file("y/2/f", "four");
	make_file("y/1/g", "");
	CHECK_EQ(truncate(at("y/1/g"), 4), 0);
	mark("y/1/g", "trusted.overlay.metacopy", "");
	mark("y/1/g", "trusted.overlay.redirect", "/f");
	make_whiteout("y/1/f");
	make_file("y/0/h", "");
	CHECK_EQ(truncate(at("y/0/h"), 4), 0);
	mark("y/0/h", "trusted.overlay.metacopy", "");
	mark("y/0/h", "trusted.overlay.redirect", "g");
	make_whiteout("y/0/g");
	CHECK_TOLD(shown("y", 3), OPAQUE "f h 4\n");
	CHECK_EQ(unlink(at("y/2/f")), 0);
	CHECK_TOLD(shown("y", 3),
		"6: y/0/h: it is a metacopy, and its content is in no layer below");
	make_file("y/2/f", "five5");
	CHECK_TOLD(shown("y", 3),
		"6: y/0/h: it is a metacopy, and its content below has another size");
	/* a link is no content */
	CHECK_EQ(unlink(at("y/2/f")), 0);
	CHECK_EQ(symlink("1234", at("y/2/f")), 0);
	CHECK_TOLD(shown("y", 3),
		"6: y/0/h: it is a metacopy, and its content is in no layer below");
}

static void names(void)
{
	begin("n", 2);
	make_dir("n/1/d");
	make_file("n/1/d/low", "");
	make_file("n/1/f", "");
	make_dir("n/1/o");
	make_file("n/1/o/low", "");
	make_file("n/0/.wh.f", "");
	/* beside its own whiteout: what is below is hidden, what is here is not */
	make_file("n/0/.wh.d", "");
	make_dir("n/0/d");
	make_file("n/0/d/new", "");
	make_dir("n/0/o");
	make_file("n/0/o/.wh..wh..opq", "");
	CHECK_TOLD(shown("n", 2), OPAQUE "d d\nd o\nf d/new\n");
}

static void links(void)
{
	begin("l", 2);
	make_file("l/1/a", "1");
	CHECK_EQ(link(at("l/1/a"), at("l/1/b")), 0);
	CHECK_EQ(link(at("l/1/a"), at("l/1/c")), 0);
	make_file("l/0/a", "22");
	CHECK_TOLD(shown("l", 2), OPAQUE "f a 2\nf b 1\nh c -> b\n");
}

/* An opaque top hides what is below it from redirects, too. */
static void tops(void)
{
	begin("t", 3);
	make_dir("t/2/d");
	make_file("t/2/d/low", "");
	mark("t/1", "trusted.overlay.opaque", "y");
	make_file("t/1/f", "");
	make_dir("t/0/moved");
	mark("t/0/moved", "trusted.overlay.redirect", "/d");
	CHECK_TOLD(shown("t", 3), OPAQUE "f f\nd moved\n");
}

int main(void)
{
	umask(022);
	CHECK(mkdtemp(work) != NULL);
	merging();
	chains();
	metacopies();
	names();
	links();
	tops();
	remove_work();
	TEST_END;
}
