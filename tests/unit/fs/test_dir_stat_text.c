/* override_stat: what it may say, and what is no such text. */
#include <errno.h>
#include <sys/stat.h>

#include "fs/dir_stat_text.h"
#include "unit.h"

static void good(void)
{
	static const struct {
		const char *text;
		struct stat_text want;
	} cases[] = {
		{"0:0:0", {0}},
		{"0:0:0755", {.mode = 0755}},
		{"1000:5:4755", {.uid = 1000, .gid = 5, .mode = 04755}},
		{"4294967294:4294967294:7777",
			{.uid = 4294967294, .gid = 4294967294, .mode = 07777}},
		{"0:0:100644", {.mode = 0644}},
		{"0:0:644:file", {.mode = 0644, .type = S_IFREG}},
		{"0:0:40755:dir", {.mode = 0755, .type = S_IFDIR}},
		{"0:0:777:symlink", {.mode = 0777, .type = S_IFLNK}},
		{"0:0:600:pipe", {.mode = 0600, .type = S_IFIFO}},
		{"0:0:600:socket", {.mode = 0600, .type = S_IFSOCK}},
		{"0:0:666:char-1-3",
			{.mode = 0666, .type = S_IFCHR, .major = 1, .minor = 3}},
		{"0:6:660:block-4095-1048575", {.gid = 6,
						       .mode = 0660,
						       .type = S_IFBLK,
						       .major = 4095,
						       .minor = 1048575}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct stat_text *want = &cases[i].want;
		struct stat_text got = {0};

		CHECK_EQ(stat_text_parse(cases[i].text, strlen(cases[i].text), &got), 0);
		CHECK_EQ(got.uid, want->uid);
		CHECK_EQ(got.gid, want->gid);
		CHECK_EQ(got.mode, want->mode);
		CHECK_EQ(got.type, want->type);
		CHECK_EQ(got.major, want->major);
		CHECK_EQ(got.minor, want->minor);
	}
}

static void bad(void)
{
	static const char *const cases[] = {"", ":", "0", "0:", "0:0", "0:0:", "a:0:0",
		"0:-1:0", "0:0:8", "0:0:0x1", " 0:0:0", "0:0:0 ", "4294967296:0:0",
		"4294967295:0:0", "0:4294967295:0", "0:0:40000000000",
		"0:0:0:", "0:0:0:files", "0:0:0:FILE", "0:0:0:file:", "0:0:0:char",
		"0:0:0:char-1", "0:0:0:char-1-", "0:0:0:char--1", "0:0:0:char-4096-0",
		"0:0:0:block-0-1048576", "0:0:0:block-1-2-3", "0:0:0:dir-1-2"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stat_text got = {.uid = 7};

		CHECK_EQ(stat_text_parse(cases[i], strlen(cases[i]), &got), -EINVAL);
		CHECK_EQ(got.uid, 7);
	}
}

int main(void)
{
	struct stat_text got;

	good();
	bad();
	/* no text ends before its length */
	CHECK_EQ(stat_text_parse("0:0:0\0", 6, &got), -EINVAL);
	CHECK_EQ(stat_text_parse("0:0:0777", 5, &got), 0);
	CHECK_EQ(got.mode, 0);
	CHECK_EQ(stat_text_parse("0:0:0777", 6, &got), 0);
	CHECK_EQ(got.mode, 7);
	TEST_END;
}
