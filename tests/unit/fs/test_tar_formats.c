/* What each dialect of tar can say, and what the reader makes of it. */
#include "tar_parts.h"

#define HUNDRED                                                                          \
	"012345678901234567890123456789012345678901234567890123456789012345678901234567" \
	"8"                                                                              \
	"901234567890123456789"

static const struct tar_case dialects[] = {
	{"nothing at all", {{0}}, ""},
	{"ustar", {{"a/b", .data = "hello", .mode = "0004755", .uid = "0000007"}},
		"f a/b 4755 7:0 10 5@512\n"},
	{"v7: no prefix", {{"b", .fmt = "v7", .prefix = "a", .raw_type = 1, .data = "x"}},
		"f b 644 0:0 10 1@512\n"},
	{"ustar prefix", {{"b", .prefix = "a/c"}}, "f a/c/b 644 0:0 10 0\n"},
	{"name and prefix fill their fields", {{HUNDRED, .prefix = HUNDRED "/" HUNDRED}},
		"f " HUNDRED "/"
		"012345678901234567890123456789012345678901234567890123"
		"/" HUNDRED " 644 0:0 10 0\n"},
	{"star: prefix of 131 bytes, times behind it",
		{{"b", .fmt = "star",
			.prefix = HUNDRED "/0123456789012345678901234567890"}},
		"f " HUNDRED "/012345678901234567890123456789/b 644 0:0 10 0\n"},
	{"GNU: no prefix, times there",
		{{"b", .fmt = "gnu", .prefix = "00000000001\00000000000002"}},
		"f b 644 0:0 10 0\n"},
	{"GNU header with a prefix, as Go before 1.8 wrote it",
		{{"b", .fmt = "gnu", .prefix = "some/where"}},
		"f some/where/b 644 0:0 10 0\n"},
	{"the magic of other writers", {{"b", .prefix = "a", .at_257 = "ustar 00"}},
		"f a/b 644 0:0 10 0\n"},
	{"contiguous file", {{"a", .type = '7', .data = "x"}}, "f a 644 0:0 10 1@512\n"},
	{"old directory", {{"a/", .raw_type = 1, .fmt = "v7"}}, "d a 644 0:0 10\n"},
	{"old directory with a size and no body",
		{{"a/", .raw_type = 1, .size = "00000001000"}, {"b"}},
		"d a 644 0:0 10\nf b 644 0:0 10 0\n"},
	{"file with a slash and nothing in it", {{"a/"}}, "d a 644 0:0 10\n"},
	{"file with a slash and data", {{"a/", .data = "x"}}, "f a 644 0:0 10 1@512\n"},
	{"directory with a size and no body",
		{{"a", .type = '5', .size = "00000001000"}, {"b"}},
		"d a 644 0:0 10\nf b 644 0:0 10 0\n"},
	{"symlink with a size",
		{{"l", .type = '2', .link = "../x//y", .size = "0001"}, {"b"}},
		"l l 644 0:0 10 -> ../x//y\nf b 644 0:0 10 0\n"},
	{"devices and FIFO",
		{{"c", .type = '3', .major = "0007777", .minor = "03777777"},
			{"b", .type = '4', .major = "0000010"}, {"p", .type = '6'}},
		"c c 644 0:0 10 4095,1048575\nb b 644 0:0 10 8,0\np p 644 0:0 10\n"},
	{"device numbers in PAX records",
		{{"x", .type = 'x',
			 .pax = "SCHILY.devmajor=259\nSCHILY.devminor=70000\n"},
			{"c", .type = '3'}},
		"c c 644 0:0 10 259,70000\n"},
	{"signed checksum", {{"\xff\xfe", .flags = SIGNED_SUM}},
		"f \\ff\\fe 644 0:0 10 0\n"},
	{"base-256 numbers",
		{{"a", .fmt = "gnu", .uid = "#80000000fffffffe",
			.gid = "#fffffffffffffffe",
			.mtime = "#fffffffffffffffffffffff0"}},
		"f a 644 4294967294:4294967294 -16 0\n"},
	{"numbers of spaces and NULs",
		{{"a", .mode = "   755 ", .uid = "\0", .gid = "       "}},
		"f a 755 0:0 10 0\n"},
	{"one zero block is passed over",
		{{"a"}, {"", .flags = NO_HEADER, .data = "\0", .data_len = 1}, {"b"}},
		"f a 644 0:0 10 0\nf b 644 0:0 10 0\n"},
	{"no end mark", {{"a", .data = "x", .flags = NO_END}}, "f a 644 0:0 10 1@512\n"},
	{"no end mark, no padding", {{"a", .data = "x", .flags = NO_END | NO_PADDING}},
		"f a 644 0:0 10 1@512\n"},
	{"type X is the x of Solaris", {{"x", .type = 'X', .pax = "path=c\n"}, {"a"}},
		"f c 644 0:0 10 0\n"},
};

static const struct tar_case names[] = {
	{"normalised", {{"./a//b/./c/"}, {"/../x/../../y"}, {"."}, {"..."}, {"a/.."}},
		"the entry at 1024 is for the root but no directory: ignored\n"
		"the entry at 2048 is for the root but no directory: ignored\n"
		"d a/b/c 644 0:0 10\nf y 644 0:0 10 0\n"
		"f ... 644 0:0 10 0\n"},
};

static const struct tar_case extensions[] = {
	{"GNU long name and link",
		{{"L", .type = 'L', .fmt = "gnu", .data = "long/name\0rest",
			 .data_len = 14},
			{"K", .type = 'K', .fmt = "gnu", .data = "./tar/get"},
			{"s", .type = '1', .link = "t", .fmt = "gnu"}},
		"h long/name 644 0:0 10 -> tar/get\n"},
	{"PAX records",
		{{"x", .type = 'x',
			 .pax = "path=\xff/"
				"p\nuid=4294967294\ngid=7\nmtime=-1.5\nunknown=1\n"
				"size=3\n"},
			{"a", .data = "abc", .size = "00000000001", .uid = "junk"}},
		"f \\ff/p 644 4294967294:7 -2.500000000 3@1536\n"},
	{"linkpath",
		{{"x", .type = 'x', .pax = "linkpath=a=b\n"},
			{"s", .type = '2', .link = "t"}},
		"l s 644 0:0 10 -> a=b\n"},
	{"the last record wins, an empty value takes it back",
		{{"x", .type = 'x',
			 .pax = "path=b\npath=c\nuid=5\nuid=\nmtime=1\nmtime=\n"},
			{"a"}},
		"f c 644 0:0 10 0\n"},
	{"several x headers add up",
		{{"x", .type = 'x', .pax = "uid=5\ngid=5\n"},
			{"x", .type = 'x', .pax = "gid=6\n"}, {"a"}},
		"f a 644 5:6 10 0\n"},
	{"a long name wins over a record",
		{{"x", .type = 'x', .pax = "path=p\n"}, {"L", .type = 'L', .data = "l"},
			{"a"}},
		"f l 644 0:0 10 0\n"},
	{"extensions end with their entry",
		{{"L", .type = 'L', .data = "l"}, {"a"}, {"b"}},
		"f l 644 0:0 10 0\nf b 644 0:0 10 0\n"},
	{"empty extensions",
		{{"L", .type = 'L'}, {"x", .type = 'x'}, {"g", .type = 'g'}, {"a"}},
		"f a 644 0:0 10 0\n"},
	{"global headers are read and apply to nothing, as in container engines",
		{{"g", .type = 'g',
			 .pax = "uid=5\ngid=5\ncomment=x\nSCHILY.xattr.user.a=1\n"},
			{"a"}, {"x", .type = 'x', .pax = "gid=6\n"}, {"b"}},
		"f a 644 0:0 10 0\nf b 644 0:6 10 0\n"},
};

static const struct tar_case links[] = {
	{"a size without a body",
		{{"h", .type = '1', .link = "/t", .size = "00000003000"}, {"b"}},
		"h h 644 0:0 10 -> t\nf b 644 0:0 10 0\n"},
	{"a size without a body at the end",
		{{"h", .type = '1', .link = "t", .size = "00000003000"}},
		"h h 644 0:0 10 -> t\n"},
	{"a body is skipped", {{"h", .type = '1', .link = "t", .data = "BODY"}, {"b"}},
		"h: the data of a hard link is ignored\n"
		"h h 644 0:0 10 -> t\nf b 644 0:0 10 0\n"},
	{"a longer body is skipped",
		{{"h", .type = '1', .link = "t",
			 .data = HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED},
			{"b"}},
		"h: the data of a hard link is ignored\n"
		"h h 644 0:0 10 -> t\nf b 644 0:0 10 0\n"},
};

static void test_trailing_bytes(void)
{
	AUTO_BUF struct buf tar = {0};

	add_parts(&tar, (struct part[]){{"a"}, {0}});
	add_bytes(&tar, "anything", 8);
	check_tar("bytes behind the end mark", &tar, "f a 644 0:0 10 0\n");
}

static void test_root(void)
{
	AUTO_BUF struct buf tar = {0};

	add_parts(&tar,
		(struct part[]){{"./", .type = '5'}, {"/", .data = "x"}, {"b"}, {0}});
	check_tar("the root", &tar,
		"the entry at 512 is for the root but no directory: ignored\n"
		"d  644 0:0 10\nf b 644 0:0 10 0\n");
}

static void test_many_warnings(void)
{
	AUTO_BUF struct buf tar = {0}, want = {0};
	struct part p = {"h", .type = '1', .link = "t", .data = "BODY"};

	for (int i = 0; i < 7; i++) {
		add_part(&tar, &p);
		if (i < 5)
			add_line(
				&want, LOG_WARN, "h: the data of a hard link is ignored");
	}
	add_line(&want, LOG_WARN, "2 more: hard links whose data is ignored");
	for (int i = 0; i < 7; i++)
		add_line(&want, LOG_WARN, "h h 644 0:0 10 -> t");
	check_tar("many warnings", &tar, want.data);
}

int main(void)
{
	check_cases(dialects, sizeof(dialects) / sizeof(dialects[0]));
	check_cases(names, sizeof(names) / sizeof(names[0]));
	check_cases(extensions, sizeof(extensions) / sizeof(extensions[0]));
	check_cases(links, sizeof(links) / sizeof(links[0]));
	test_trailing_bytes();
	test_root();
	test_many_warnings();
	TEST_END;
}
