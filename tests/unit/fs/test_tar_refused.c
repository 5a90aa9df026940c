/* Archives that must not be believed: each with the message it gets. */
#include "tar_parts.h"

static const struct tar_case headers[] = {
	{"checksum", {{"a"}, {"b", .flags = BAD_SUM}},
		"error: tar header at 512: the checksum does not match\n"},
	{"rubbish", {{"", .flags = NO_HEADER, .data = "rubbish"}},
		"error: tar header at 0: the checksum does not match\n"},
	{"size that is no number", {{"a", .size = "12x45"}},
		"error: entry a at 0: the size is not a number\n"},
	{"negative size", {{"a", .size = "#ffffffffffffffffffffffff"}},
		"error: entry a at 0: the size is negative (-1)\n"},
	{"size over 63 bits", {{"a", .size = "#80ffffffffffffffffffffff"}},
		"error: entry a at 0: the size is not a number\n"},
	{"absurd size", {{"a", .size = "#800000007fffffffffffffff"}},
		"error: entry a at 0: 9223372036854775807 bytes of data, but a layer has "
		"at most "
		"1099511627776 (raise it with --limit layer-bytes=N)\n"},
	{"mode", {{"a", .mode = "12x4567"}},
		"error: entry a at 0: the mode is not a number: '12x4567\\x00'\n"},
	{"uid", {{"a", .uid = "12x4567"}},
		"error: entry a at 0: the user id is not a number: '12x4567\\x00'\n"},
	{"mtime", {{"a", .mtime = "9"}},
		"error: entry a at 0: the mtime is not a number: "
		"'9\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'\n"},
	{"uid that is no id", {{"a", .uid = "#80000000ffffffff"}},
		"error: entry a at 0: the user id 4294967295 is out of range\n"},
	{"gid -1", {{"a", .gid = "#ffffffffffffffff"}},
		"error: entry a at 0: the group id -1 is out of range\n"},
	{"uid over 32 bits", {{"x", .type = 'x', .pax = "uid=4294967296\n"}, {"a"}},
		"error: entry a at 0: the user id 4294967296 is out of range\n"},
	{"major number",
		{{"x", .type = 'x', .pax = "SCHILY.devmajor=4096\n"}, {"a", .type = '3'}},
		"error: entry a at 0: the major device number 4096 is not in 0 .. "
		"4095\n"},
	{"minor number", {{"a", .type = '4', .minor = "04000000"}},
		"error: entry a at 0: the minor device number 1048576 is not in 0 .. "
		"1048575\n"},
	{"device in a v7 header", {{"a", .type = '3', .fmt = "v7"}},
		"error: entry a at 0: a device in a v7 header, which has no numbers for "
		"it\n"},
	{"volume label", {{"a", .type = 'V'}},
		"error: entry a at 0: entries of type 'V' (GNU volume label) are not "
		"supported\n"},
	{"unknown type", {{"a"}, {"d/b", .type = 'Z'}},
		"error: entry d/b at 512: unknown entry type 'Z'\n"},
	{"symlink to nothing", {{"l", .type = '2'}},
		"error: entry l at 0: a symbolic link without a target\n"},
};

static const struct tar_case records[] = {
	{"no length", {{"x", .type = 'x', .data = "path=a\n"}, {"a"}},
		"error: entry a at 0: malformed PAX record 'path=a\\x0a'\n"},
	{"length past the end", {{"x", .type = 'x', .data = "99 path=a\n"}, {"a"}},
		"error: entry a at 0: malformed PAX record '99 path=a\\x0a'\n"},
	{"length of nothing", {{"x", .type = 'x', .data = "2 path=a\n"}, {"a"}},
		"error: entry a at 0: malformed PAX record '2 path=a\\x0a'\n"},
	{"no newline", {{"x", .type = 'x', .data = "8 uid=55"}, {"a"}},
		"error: entry a at 0: malformed PAX record '8 uid=55'\n"},
	{"no key", {{"x", .type = 'x', .data = "6 =aa\n"}, {"a"}},
		"error: entry a at 0: PAX record without a key '6 =aa\\x0a'\n"},
	{"no equals sign", {{"x", .type = 'x', .data = "6 aaa\n"}, {"a"}},
		"error: entry a at 0: PAX record without a key '6 aaa\\x0a'\n"},
	{"NUL in a key", {{"x", .type = 'x', .data = "8 k\0a=1\n", .data_len = 8}, {"a"}},
		"error: entry a at 0: NUL in the PAX key 'k\\x00a'\n"},
	{"NUL in a path",
		{{"x", .type = 'x', .data = "12 path=a\0b\n", .data_len = 12}, {"a"}},
		"error: entry a at 0: PAX record path: NUL in the name 'a\\x00b'\n"},
	{"NUL in a link target",
		{{"x", .type = 'x', .data = "16 linkpath=a\0b\n", .data_len = 16},
			{"a", .type = '2'}},
		"error: entry a at 0: PAX record linkpath: NUL in the name 'a\\x00b'\n"},
	{"number", {{"x", .type = 'x', .pax = "uid=7x\n"}, {"a"}},
		"error: entry a at 0: PAX record uid: not a number: '7x'\n"},
	{"time", {{"x", .type = 'x', .pax = "mtime=soon\n"}, {"a"}},
		"error: entry a at 0: PAX record mtime: not a time: 'soon'\n"},
	{"negative size", {{"x", .type = 'x', .pax = "size=-1\n"}, {"a"}},
		"error: entry a at 0: the size is negative (-1)\n"},
	{"a global header without records",
		{{"g", .type = 'g', .data = "junk", .data_len = 4}, {"a"}},
		"error: global PAX header at 0: malformed PAX record 'junk'\n"},
	{"header too large", {{"x", .type = 'x', .size = "00004000001"}, {"a"}},
		"error: entry x at 0: extension headers of 1048577 bytes, more than "
		"1048576 "
		"(raise it with --limit pax-header=N)\n"},
};

static const struct tar_case endings[] = {
	{"in data",
		{{"a", .size = "00000003000", .data = "x", .flags = NO_END | NO_PADDING}},
		"error: entry a at 0: the archive is cut off at 513, 1535 bytes before "
		"the end of "
		"the entry's data\n"},
	{"in a header",
		{{"", .flags = NO_HEADER | NO_END | NO_PADDING, .data = "rubbish"}},
		"error: the archive is cut off at 7, in a header\n"},
	{"in an extension header",
		{{"g", .type = 'g', .size = "00000003000", .data = "x",
			.flags = NO_END | NO_PADDING}},
		"error: the archive is cut off at 513, in an extension header\n"},
	{"behind an extension header",
		{{"x", .type = 'x', .pax = "uid=1\n", .flags = NO_END}},
		"error: the archive is cut off at 1024, behind the extension header at "
		"0\n"},
	{"end mark behind an extension header", {{"x", .type = 'x', .pax = "uid=1\n"}},
		"error: the archive ends behind the extension header at 0\n"},
	{"in the body of a hard link",
		{{"h", .type = '1', .link = "t", .size = "00000003000"},
			{"", .flags = NO_HEADER | NO_END, .data = "BODY"}},
		"h: the data of a hard link is ignored\n"
		"error: entry h at 0: the archive is cut off at 1024, 1024 bytes before "
		"the end "
		"of the entry's data\n"},
};

static void long_name(struct buf *b, size_t parts, size_t part_len)
{
	while (parts--) {
		for (size_t i = 0; i < part_len; i++)
			add_bytes(b, "n", 1);
		add_bytes(b, "/", 1);
	}
}

static void check_long(const char *what, char type, size_t parts, size_t len, char member,
	const char *want)
{
	AUTO_BUF struct buf tar = {0}, name = {0};

	long_name(&name, parts, len);
	add_parts(&tar, (struct part[]){{"L", .type = type, .data = name.data,
						.data_len = name.len},
				{"a", .type = member, .link = "t"}, {0}});
	check_tar(what, &tar, want);
}

#define LONG_PART                                                                        \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
	"nnn"                                                                            \
	"nnnnnnnnnnnnnn...nnnnnnnnnnnnnnnnnnnnnnnn"

/* the whole name has a slash behind the part */
#define LONG_NAME                                                                        \
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
	"nnn"                                                                            \
	"nnnnnnnnnnnnnn...nnnnnnnnnnnnnnnnnnnnnnn/"

static void test_long_names(void)
{
	AUTO_BUF struct buf tar = {0}, name = {0}, out = {0};

	/* 255 bytes are a name, 256 are none */
	long_name(&name, 1, 255);
	add_parts(&tar, (struct part[]){{"L", .type = 'L', .data = name.data,
						.data_len = name.len},
				{"a", .type = '5'}, {0}});
	read_tar(&out, &tar, 4096);
	CHECK(out.data && strncmp(out.data, "d nnn", 5) == 0);

	check_long("part of 256 bytes", 'L', 1, 256, '5',
		"error: entry " LONG_NAME " at 0: the name '" LONG_PART
		"' has 256 bytes, more than 255\n");
	check_long("target part of 256 bytes", 'K', 1, 256, '1',
		"error: entry a at 0: the name '" LONG_PART
		"' has 256 bytes, more than 255\n");
	check_long("long symlink", 'K', 1024, 64, '2',
		"error: entry a at 0: the link target has 66560 bytes, more than 65536 "
		"(raise "
		"it with --limit path=N)\n");
	check_long("long path", 'K', 1024, 64, '1',
		"error: entry a at 0: the link target has 66560 bytes, more than 65536 "
		"(raise "
		"it with --limit path=N)\n");
}

static void test_entry_limit(void)
{
	AUTO_BUF struct buf tar = {0};
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct layer layer = {0};
	struct o2r_err err = {0};
	struct tar_index *t = NULL;

	ctx.limits.entries = 2;
	add_parts(&tar, (struct part[]){{"a"}, {"b"}, {"c"}, {0}});
	CHECK_EQ(tar_index_create(&layer, "layer", &ctx, &t, &err), 0);
	CHECK(tar_index_data(t, tar.data, tar.len, &err) < 0);
	CHECK_STR(err.text,
		"entry c at 1024: more than 2 entries (raise it with --limit entries=N)");
	tar_index_destroy(t);
	layer_finish(&layer);
}

int main(void)
{
	check_cases(headers, sizeof(headers) / sizeof(headers[0]));
	check_cases(records, sizeof(records) / sizeof(records[0]));
	check_cases(endings, sizeof(endings) / sizeof(endings[0]));
	test_long_names();
	test_entry_limit();
	TEST_END;
}
