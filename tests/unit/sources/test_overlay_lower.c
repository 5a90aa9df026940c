/* Layers below a layer, by `lower` and the links of the driver's directory; owners of
 * stores by the names of their folders. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/overlay_dir.h"
#include "sources/overlay_lower.h"
#include "sources/stored.h"

static char folder[] = "/tmp/o2r-lower-XXXXXX";
static int driver;
static struct overlay_stack stack;
static struct o2r_err err;

static void must(int r)
{
	if (r < 0)
		abort();
}

static int parse(const char *text, size_t n)
{
	overlay_stack_finish(&stack);
	err = (struct o2r_err){0};
	must(overlay_stack_push(&stack, "top", 3, &err));
	return overlay_lower_parse(&stack, driver, text, n, &err);
}

static void test_good(void)
{
	CHECK_EQ(parse("", 0), 0);
	CHECK_EQ(stack.count, 1);
	CHECK_EQ(parse("l/A:l/B\n", 8), 0);
	CHECK_EQ(stack.count, 3);
	CHECK_STR(stack.ids[1], "a");
	CHECK_STR(stack.ids[2], "b");
	CHECK_EQ(parse("::l/B::", 7), 0);
	CHECK_EQ(stack.count, 2);
}

static void test_bad(void)
{
	static const struct {
		const char *text;
		size_t n;
	} bad[] = {{"A", 1}, {"l/", 2}, {"l/.", 3}, {"l/..", 4}, {"/etc", 4},
		{"l/A\0", 4}, {"l/A:l/A", 7}, {"l/Z", 3}, {"l/OUT", 5}, {"l/TOP", 5},
		{"l/UP", 4}, {"l/DIR", 5}, {"l/A/x", 5}, {"l/ABS", 5}, {"l/W", 3}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(parse(bad[i].text, bad[i].n) < 0);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(err.text[0] && !strchr(err.text, '\n'));
	}
}

static void test_ids(void)
{
	char name[300];

	memset(name, 'a', sizeof(name));
	CHECK(overlay_id_ok(name, OVERLAY_ID_MAX));
	CHECK(!overlay_id_ok(name, OVERLAY_ID_MAX + 1));
	CHECK(overlay_id_ok("0a-init", 7) && overlay_id_ok("a.b_C", 5));
	CHECK(!overlay_id_ok("", 0) && !overlay_id_ok(".a", 2));
	CHECK(!overlay_id_ok("a/b", 3) && !overlay_id_ok("a\0b", 3));
}

static void test_is(void)
{
	int fd = openat(driver, "a", O_RDONLY | O_DIRECTORY);

	CHECK(!overlay_dir_is(fd));
	must(mkdirat(fd, "diff", 0700));
	CHECK(!overlay_dir_is(fd));
	must(mkdirat(fd, "lower", 0700));
	CHECK(overlay_dir_is(fd));
	close(fd);
}

static void test_remapped(void)
{
	uint32_t uid, gid;

	CHECK(stored_is_remapped("100000.165536", 13, &uid, &gid));
	CHECK_EQ(uid, 100000);
	CHECK_EQ(gid, 165536);
	CHECK(!stored_is_remapped("", 0, &uid, &gid));
	CHECK(!stored_is_remapped("1.", 2, &uid, &gid));
	CHECK(!stored_is_remapped(".1", 2, &uid, &gid));
	CHECK(!stored_is_remapped("1", 1, &uid, &gid));
	CHECK(!stored_is_remapped("1.2.3", 5, &uid, &gid));
	CHECK(!stored_is_remapped("1.x", 3, &uid, &gid));
	CHECK(!stored_is_remapped("4294967295.1", 12, &uid, &gid));
	CHECK(!stored_is_remapped("99999999999.1", 13, &uid, &gid));
}

int main(void)
{
	char command[80];

	if (!mkdtemp(folder))
		abort();
	driver = open(folder, O_RDONLY | O_DIRECTORY);
	must(driver);
	must(mkdirat(driver, "l", 0700));
	must(mkdirat(driver, "a", 0700));
	must(mkdirat(driver, "l/DIR", 0700));
	must(symlinkat("../a/diff", driver, "l/A"));
	must(symlinkat("../b/diff", driver, "l/B"));
	must(symlinkat("../../etc/diff", driver, "l/OUT"));
	must(symlinkat("../top/diff", driver, "l/TOP"));
	must(symlinkat("../../diff", driver, "l/UP"));
	must(symlinkat("/a/diff", driver, "l/ABS"));
	must(symlinkat("../a/work", driver, "l/W"));
	test_good();
	test_bad();
	test_ids();
	test_is();
	test_remapped();
	overlay_stack_finish(&stack);
	close(driver);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK_EQ(system(command), 0);
	TEST_END;
}
