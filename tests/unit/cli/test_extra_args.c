/* --add SRC:DEST[:MODE[:UID[:GID]]], taken apart. */
#include "base/checked.h"
#include "cli/extra_args.h"
#include "unit.h"

static const struct {
	const char *value, *src, *dest;
	long mode;
	unsigned uid, gid;
} good[] = {
	{"a:/b", "a", "/b", -1, 0, 0},
	{"./a b:/b c", "./a b", "/b c", -1, 0, 0},
	{"a:b:/c", "a:b", "/c", -1, 0, 0},
	{"a:/b:755", "a", "/b", 0755, 0, 0},
	{"a:/b:0", "a", "/b", 0, 0, 0},
	{"a:/b:07777", "a", "/b", 07777, 0, 0},
	{"a:/b:644:5", "a", "/b", 0644, 5, 5},
	{"a:/b:644:5:6", "a", "/b", 0644, 5, 6},
	{"a:/b:644:4294967294:0", "a", "/b", 0644, 4294967294, 0},
	{"/a:/b:/c", "/a", "/b", -2, 0, 0},
};

static const struct {
	const char *value, *says;
} bad[] = {
	{"", "is not SRC:DEST"},
	{"a", "is not SRC:DEST"},
	{"a:b", "is not SRC:DEST"},
	{":/b", "is not SRC:DEST"},
	{"a:/b:", "is not a mode"},
	{"a:/b:8", "is not a mode"},
	{"a:/b:7x", "is not a mode"},
	{"a:/b:-1", "is not a mode"},
	{"a:/b:777777", "is not a mode"},
	{"a:/b:10000", "is more than 7777"},
	{"a:/b:1:", ""},
	{"a:/b:1:x", ""},
	{"a:/b:1:4294967295", ""},
	{"a:/b:1:-1", ""},
	{"a:/b:1:1:x", ""},
	{"a:/b:1:1:1:1", "is not SRC:DEST"},
	{"a:/b:\n", "is not a mode"},
};

static void parses(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct extra_file f = {0};
		struct o2r_err err = {0};
		int r = extra_file_parse(good[i].value, &f, &err);

		/* the part behind the destination is always a mode */
		if (good[i].mode == -2) {
			CHECK(r < 0);
			continue;
		}
		CHECK_EQ(r, 0);
		CHECK_STR(f.src, good[i].src);
		CHECK_STR(f.dest, good[i].dest);
		CHECK_EQ(f.mode, good[i].mode);
		CHECK_EQ(f.uid, good[i].uid);
		CHECK_EQ(f.gid, good[i].gid);
		extra_file_finish(&f);
		extra_file_finish(&f);
	}
}

static void refuses(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct extra_file f = {0};
		struct o2r_err err = {0};

		CHECK(extra_file_parse(bad[i].value, &f, &err) < 0);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK(!strchr(err.text, '\n'));
		if (!strstr(err.text, bad[i].says))
			CHECK_STR(err.text, bad[i].says);
		CHECK(!f.src && !f.dest);
	}
}

int main(void)
{
	parses();
	refuses();
	TEST_END;
}
