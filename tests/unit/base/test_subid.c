/* Subordinate ids: whose lines count, in which order, and which are left out. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/subid.h"

static char path[] = "/tmp/o2r-subid-XXXXXX";
static struct subid ids;

static void have(const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write_full(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void check_range(size_t i, uint32_t first, uint32_t count)
{
	CHECK(ids.count > i);
	CHECK_EQ(ids.list[i].first, first);
	CHECK_EQ(ids.list[i].count, count);
}

static void test_whose(void)
{
	have("# root:1:1\nother:5:5\nroot:100:10\n\n0:500:3\nroot2:7:7\nroot:200:20");
	CHECK_EQ(subid_read(path, 0, &ids, NULL), 0);
	CHECK_EQ(ids.count, 3);
	check_range(0, 100, 10);
	check_range(1, 500, 3);
	check_range(2, 200, 20);
	CHECK_EQ(subid_read(path, 4242424, &ids, NULL), 0);
	CHECK_EQ(ids.count, 0);
}

static void test_malformed(void)
{
	have("root\nroot:\nroot:1\nroot:1:\nroot:1:0\nroot:1:2:3\nroot:x:1\nroot:1:x\n"
	     "root:-1:1\nroot:1: 1\nroot:4294967296:1\nroot:4294967295:1\n"
	     "root:4294967290:5\n:1:1\n::\nroot:7:7\n");
	CHECK_EQ(subid_read(path, 0, &ids, NULL), 0);
	CHECK_EQ(ids.count, 2);
	check_range(0, 4294967290U, 5);
	check_range(1, 7, 7);
}

static void test_first(void)
{
	have("a:10:5\nb:100:5\nb:300:7\nc:300:9\na:20:5\n");
	CHECK_EQ(subid_read_first(path, 100, &ids, NULL), 0);
	CHECK_EQ(ids.count, 2);
	check_range(1, 300, 7);
	/* b has it later, c begins with it */
	CHECK_EQ(subid_read_first(path, 300, &ids, NULL), 0);
	CHECK_EQ(ids.count, 1);
	check_range(0, 300, 9);
	CHECK_EQ(subid_read_first(path, 20, &ids, NULL), 0);
	CHECK_EQ(ids.count, 0);
}

static void test_many(void)
{
	char *text = malloc(1 << 20), *at = text;

	for (unsigned i = 0; i < 1000; i++)
		at += sprintf(at, "root:%u:1\n", 10 * i);
	have(text);
	free(text);
	CHECK_EQ(subid_read(path, 0, &ids, NULL), 0);
	CHECK_EQ(ids.count, SUBID_RANGES_MAX);
}

static void test_files(void)
{
	struct o2r_err err = {0};

	CHECK_EQ(subid_read("/nonexistent/subuid", 0, &ids, &err), 0);
	CHECK_EQ(ids.count, 0);
	CHECK(subid_read("/tmp", 0, &ids, &err) < 0);
	CHECK(err.text[0] != '\0');
	have("");
	CHECK_EQ(subid_read(path, 0, &ids, NULL), 0);
	CHECK_EQ(ids.count, 0);
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	test_whose();
	test_malformed();
	test_first();
	test_many();
	test_files();
	unlink(path);
	TEST_END;
}
