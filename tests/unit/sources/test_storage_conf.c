/* Where containers-storage is: files in their order, and what they say. */
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "home_case.h"
#include "sources/storage_conf.h"

static struct storage_roots roots;
static struct o2r_err err;

static int find(const char *text)
{
	storage_roots_finish(&roots);
	err = (struct o2r_err){0};
	home_write("storage.conf", text, 0600);
	home_set("CONTAINERS_STORAGE_CONF", "storage.conf");
	return storage_roots_find(&roots, &err);
}

static void test_what_it_says(void)
{
	CHECK_EQ(find("[storage]\ndriver = \"overlay\"\ngraphroot = \"/g\"\n"
		      "rootless_storage_path = \"/u\"\n[storage.options]\n"
		      "additionalimagestores = [\"/a\", \"\", \"/b\"]\n"),
		0);
	CHECK_STR(roots.driver, "overlay");
	CHECK_EQ(roots.count, 3);
	CHECK_STR(roots.list[0], geteuid() == 0 ? "/g" : "/u");
	CHECK_STR(roots.list[1], "/a");
	CHECK_STR(roots.list[2], "/b");
}

static void test_what_it_leaves_out(void)
{
	CHECK_EQ(find("[storage]\n"), 0);
	CHECK(roots.driver == NULL);
	CHECK_EQ(roots.count, 1);
	CHECK(strstr(roots.list[0], "containers/storage") != NULL);
	/* others than the user's own come behind it all the same */
	CHECK_EQ(find("[storage]\n[storage.options]\nadditionalimagestores = "
		      "[\"/a\"]\n"),
		0);
	CHECK_EQ(roots.count, 2);
	CHECK_STR(roots.list[1], "/a");
	CHECK_EQ(find(""), 0);
	CHECK_EQ(roots.count, 1);
}

static void test_what_is_wrong(void)
{
	static const char *const bad[] = {"[storage", "storage = 1\n",
		"[storage]\ndriver = 1\n",
		"[storage]\n[storage.options]\nadditionalimagestores = \"/a\"\n",
		"[storage]\n[storage.options]\nadditionalimagestores = [1]\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(find(bad[i]) < 0);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(strstr(err.text, "storage.conf") != NULL);
		CHECK_EQ(roots.count, 0);
	}
}

static void test_too_many(void)
{
	char text[4096] = "[storage]\n[storage.options]\nadditionalimagestores = [";

	for (int i = 0; i < STORAGE_ROOTS_MAX; i++)
		strcat(text, "\"/a\",");
	strcat(text, "]\n");
	CHECK(find(text) < 0);
	CHECK_EQ(err.cls, ERR_CORRUPT);
}

int main(void)
{
	home_fresh();
	test_what_it_says();
	test_what_it_leaves_out();
	test_what_is_wrong();
	test_too_many();
	storage_roots_finish(&roots);
	home_remove();
	TEST_END;
}
