/* Lines of the mount table, and the mounts that paths are in. */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/mountinfo.h"
#include "unit.h"

static void line(void)
{
	char text[] =
		"36 35 98:7 /root\\040x /mnt\\0112\\134 rw,noatime master:1 shared:2 - "
		"fuse.o2r a\\040b@c ro,user_id=1000,group_id=5\n";
	struct mount_entry e;
	uint64_t uid = 0;

	CHECK(mount_parse(text, &e));
	CHECK_EQ(e.id, 36);
	CHECK_EQ(e.major, 98);
	CHECK_EQ(e.minor, 7);
	CHECK_STR(e.root, "/root x");
	CHECK_STR(e.point, "/mnt\t2\\");
	CHECK_STR(e.type, "fuse.o2r");
	CHECK_STR(e.source, "a b@c");
	CHECK(mount_user(&e, &uid));
	CHECK_EQ(uid, 1000);
}

static void users(void)
{
	static const struct {
		const char *super;
		bool found;
		uint64_t uid;
	} cases[] = {
		{"user_id=0", true, 0},
		{"ro,user_id=12", true, 12},
		{"ro,group_id=3", false, 0},
		{"ro,xuser_id=3", false, 0},
		{"ro,user_id=,group_id=3", false, 0},
		{"ro,user_id=3x", false, 0},
		{"", false, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mount_entry e = {.super = (char *)cases[i].super};
		uint64_t uid = 0;

		CHECK_EQ(mount_user(&e, &uid), cases[i].found);
		if (cases[i].found)
			CHECK_EQ(uid, cases[i].uid);
	}
}

static void no_lines(void)
{
	static const char *const bad[] = {"", "\n", "36 35 98:7 / / rw",
		"36 35 98:7 / / rw - a", "36 35 98:7 / / rw - a b",
		"x 35 98:7 / / rw - a b c", "36 35 98 / / rw - a b c",
		"36 35 98:x / / rw - a b c", "36 35 4294967296:0 / / rw - a b c"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[100];
		struct mount_entry e;

		snprintf(text, sizeof(text), "%s", bad[i]);
		CHECK(!mount_parse(text, &e));
	}
}

static void paths(void)
{
	AUTO_MOUNTED struct mounted proc = {0}, below = {0}, same = {0}, none = {0};
	struct o2r_err err = {0};
	bool at_root = false;

	CHECK_EQ(mounts_find_path("/proc", &proc, &at_root, &err), 0);
	CHECK(at_root);
	CHECK_STR(proc.e.type, "proc");
	CHECK_EQ(mounts_find_path("/proc/self/fd", &below, &at_root, &err), 0);
	CHECK(!at_root);
	CHECK_EQ(below.e.id, proc.e.id);
	CHECK_EQ(mounts_find_device(proc.e.major, proc.e.minor, &same, &err), 1);
	CHECK_STR(same.e.type, "proc");
	CHECK_EQ(mounts_find_device(0, 0xfffff, &none, &err), 0);
	CHECK(mounts_find_path("/proc/none", &none, &at_root, &err) < 0);
	CHECK(strstr(err.text, "/proc/none") != NULL);
}

int main(void)
{
	line();
	users();
	no_lines();
	paths();
	TEST_END;
}
