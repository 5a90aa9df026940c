/* Extended attributes and ACLs of tar entries: which are kept, and as what. */
#include "fs/posix_acl.h"
#include "tar_parts.h"

#define X(records)                                                                       \
	{                                                                                \
		"x", .type = 'x', .pax = records                                         \
	}

static const struct tar_case kept[] = {
	{"sorted, distinct, the last one counts",
		{X("SCHILY.xattr.user.b=2\nSCHILY.xattr.user.a=1\nSCHILY.xattr.user.b=3\n"
		   "SCHILY.xattr.user.ab=\n"),
			{"a"}},
		"f a 644 0:0 10 0 user.a=1 user.ab= user.b=3\n"},
	{"LIBARCHIVE, and SCHILY wins",
		{X("SCHILY.xattr.user.b=s\nLIBARCHIVE.xattr.user.b=bGE\n"
		   "LIBARCHIVE.xattr.user.%63%3D=AAEC/w==\n"),
			{"a"}},
		"f a 644 0:0 10 0 user.b=s user.c==\\00\\01\\02\\ff\n"},
	{"dropped without a word",
		{X("SCHILY.xattr.trusted.overlay.opaque=y\nSCHILY.xattr.security.selinux="
		   "x\n"
		   "SCHILY.xattr.user.overlay.redirect=/\nRHT.security.selinux=x\n"
		   "SCHILY.xattr.security.ima=i\n"),
			{"d", .type = '5'}},
		"d d 644 0:0 10 security.ima=i\n"},
	{"names that ext4 has not",
		{X("SCHILY.xattr.com.apple.x=1\nSCHILY.xattr.system.nfs4_acl=1\n"
		   "SCHILY.xattr.user.=1\nSCHILY.xattr.=1\n"),
			{"a"}},
		"a: attribute  left out: ext4 cannot hold its name\n"
		"a: attribute com.apple.x left out: ext4 cannot hold its name\n"
		"a: attribute system.nfs4_acl left out: ext4 cannot hold its name\n"
		"a: attribute user. left out: ext4 cannot hold its name\n"
		"f a 644 0:0 10 0\n"},
	{"user attributes of a symlink",
		{X("SCHILY.xattr.user.a=1\nSCHILY.xattr.security.a=1\n"),
			{"l", .type = '2', .link = "t"}},
		"l: attribute user.a left out: only files and directories can have it\n"
		"l l 644 0:0 10 -> t security.a=1\n"},
	{"of a hard link",
		{X("SCHILY.xattr.user.a=1\n"), {"h", .type = '1', .link = "t"}},
		"h h 644 0:0 10 -> t user.a=1\n"},
};

static const struct tar_case refused[] = {
	{"not base64", {X("LIBARCHIVE.xattr.user.a=a*b\n"), {"a"}},
		"error: entry a at 0: LIBARCHIVE.xattr.user.a: the value is not "
		"base64\n"},
	{"cut base64", {X("LIBARCHIVE.xattr.user.a=abcde\n"), {"a"}},
		"error: entry a at 0: LIBARCHIVE.xattr.user.a: the value is not "
		"base64\n"},
	{"bad escape", {X("LIBARCHIVE.xattr.user.%4=aaaa\n"), {"a"}},
		"error: entry a at 0: LIBARCHIVE.xattr.user.%4: the name is malformed\n"},
	{"escaped NUL", {X("LIBARCHIVE.xattr.user.%00=aaaa\n"), {"a"}},
		"error: entry a at 0: LIBARCHIVE.xattr.user.%00: the name is "
		"malformed\n"},
	{"not an ACL", {X("SCHILY.xattr.system.posix_acl_access=x\n"), {"a"}},
		"error: entry a at 0: system.posix_acl_access: not a valid ACL\n"},
	{"ACL text", {X("SCHILY.acl.access=user::rwz\n"), {"a"}},
		"error: entry a at 0: system.posix_acl_access: not a valid ACL\n"},
	{"default ACL text", {X("SCHILY.acl.default=user::rwx\n"), {"d", .type = '5'}},
		"error: entry d at 0: system.posix_acl_default: not a valid ACL\n"},
};

#define E(tag, perm, id) "\\" tag "\\00\\" perm "\\00" id
#define NO_ID "\\ff\\ff\\ff\\ff"
#define ID5 "\\05\\00\\00\\00"
#define V2 "\\02\\00\\00\\00"

static const struct tar_case acls[] = {
	/* mode 0750: owner 7, mask 5, other 0, whatever the text says */
	{"text, and the mode's bits",
		{X("SCHILY.acl.access=other::rwx,group::r--,user:joe:rw-:5,mask::rwx,"
		   "user::r--\n"),
			{"a", .mode = "0000750"}},
		"f a 750 0:0 10 0 system.posix_acl_access=" V2 E("01", "07", NO_ID)
			E("02", "06", ID5) E("04", "04", NO_ID) E("10", "05", NO_ID)
				E("20", "00", NO_ID) "\n"},
	{"a raw ACL in base64, whose copy needs room beside it",
		{X("LIBARCHIVE.xattr.system.posix_acl_access="
		   "AgAAAAEABgD/////AgAGAAUAAAAEAAQA/////xAABAD/////IAAEAP////8=\n"),
			{"a", .mode = "0000750"}},
		"f a 750 0:0 10 0 system.posix_acl_access=" V2 E("01", "07", NO_ID)
			E("02", "06", ID5) E("04", "04", NO_ID) E("10", "05", NO_ID)
				E("20", "00", NO_ID) "\n"},
	{"default ACL: as it is",
		{X("SCHILY.acl.default=u::rwx,g::r-x,o::---\n"),
			{"d", .type = '5', .mode = "0000777"}},
		"d d 777 0:0 10 system.posix_acl_default=" V2 E("01", "07", NO_ID)
			E("04", "05", NO_ID) E("20", "00", NO_ID) "\n"},
	{"no more than the mode",
		{X("SCHILY.acl.access=user::rwx,group::r-x,other::---\n"), {"a"}},
		"f a 644 0:0 10 0\n"},
	{"but a hard link's is for the merge to judge",
		{X("SCHILY.acl.access=user::rw-,group::r--,other::r--\n"),
			{"h", .type = '1', .link = "t"}},
		"h h 644 0:0 10 -> t system.posix_acl_access=" V2 E("01", "06", NO_ID)
			E("04", "04", NO_ID) E("20", "04", NO_ID) "\n"},
	{"default ACL of a file", {X("SCHILY.acl.default=u::rwx,g::r-x,o::---\n"), {"a"}},
		"a: default ACL of what is no directory left out\nf a 644 0:0 10 0\n"},
	{"ACL of a symlink",
		{X("SCHILY.acl.access=u::rwx,g::r-x,o::---\n"),
			{"l", .type = '2', .link = "t"}},
		"l: ACL of a symbolic link left out\nl l 644 0:0 10 -> t\n"},
	{"a name without a number",
		{X("SCHILY.acl.access=u::rwx,u:joe:rwx,g::r-x,m::rwx,o::---\n"), {"a"}},
		"a: ACL with a user or group name but no number left out\n"
		"f a 644 0:0 10 0\n"},
	{"NFSv4", {X("SCHILY.acl.ace=owner@:rwx:::allow\n"), {"a"}},
		"a: NFSv4 ACL left out\nf a 644 0:0 10 0\n"},
	{"taken back", {X("SCHILY.acl.access=u::rwx\nSCHILY.acl.access=\n"), {"a"}},
		"f a 644 0:0 10 0\n"},
};

/* A raw ACL has NULs, so its record is written by hand; the text beside it is ignored. */
static void test_raw(void)
{
	static const char acl[] =
		"\2\0\0\0\1\0\7\0\xff\xff\xff\xff\4\0\7\0\xff\xff\xff\xff"
		"\x10\0\7\0\xff\xff\xff\xff\x20\0\7\0\xff\xff\xff\xff";
	AUTO_BUF struct buf tar = {0}, pax = {0};

	add_bytes(&pax, "77 SCHILY.xattr.system.posix_acl_access=", 40);
	add_bytes(&pax, acl, sizeof(acl) - 1);
	add_bytes(&pax, "\n", 1);
	CHECK_EQ(pax.len, 77);
	add_bytes(&pax, "33 SCHILY.acl.access=user::bogus\n", 33);
	add_parts(&tar,
		(struct part[]){{"x", .type = 'x', .data = pax.data, .data_len = pax.len},
			{"a", .mode = "0000640"}, {0}});
	check_tar("raw ACL", &tar,
		"f a 640 0:0 10 0 system.posix_acl_access=" V2 E("01", "06", NO_ID)
			E("04", "07", NO_ID) E("10", "04", NO_ID)
				E("20", "00", NO_ID) "\n");
}

static void test_large(void)
{
	AUTO_BUF struct buf tar = {0}, pax = {0};

	for (size_t size = 65536; size <= 65537; size++) {
		tar.len = pax.len = 0;
		if (buf_printf(&pax, "%zu SCHILY.xattr.user.big=", size + 29) < 0)
			abort();
		while (pax.len < size + 28)
			add_bytes(&pax, "v", 1);
		add_bytes(&pax, "\n", 1);
		add_parts(&tar, (struct part[]){{"x", .type = 'x', .data = pax.data,
							.data_len = pax.len},
					{"a"}, {0}});

		AUTO_BUF struct buf out = {0};

		read_tar(&out, &tar, 4096);
		if (size == 65536)
			CHECK(strncmp(out.data, "f a 644 0:0 10 0 user.big=v", 27) == 0);
		else
			CHECK_STR(out.data, "error: entry a at 0: the attribute user.big "
					    "has 65537 bytes, "
					    "more than 65536 (raise it with --limit "
					    "xattr-value=N)\n");
	}
}

static void test_long_attribute_name(void)
{
	AUTO_BUF struct buf tar = {0}, pax = {0}, out = {0};

	add_bytes(&pax, "SCHILY.xattr.user.", 18);
	while (pax.len < 13 + 256)
		add_bytes(&pax, "n", 1);
	add_bytes(&pax, "=1\n", 3);
	add_parts(&tar, (struct part[]){{"x", .type = 'x', .pax = pax.data}, {"a"}, {0}});
	read_tar(&out, &tar, 4096);
	CHECK(strstr(out.data, " has 256 bytes, more than 255\n"));
}

static const struct {
	const char *acl;
	size_t n;
	bool ok, is_mode;
} raw_acls[] = {
#define RAW(s, ok, mode)                                                                 \
	{                                                                                \
		s, sizeof(s) - 1, ok, mode                                               \
	}
#define U "\1\0\7\0\xff\xff\xff\xff"
#define G "\4\0\5\0\xff\xff\xff\xff"
#define O "\x20\0\0\0\xff\xff\xff\xff"
#define M "\x10\0\7\0\xff\xff\xff\xff"
#define U5 "\2\0\7\0\5\0\0\0"
#define G5 "\x8\0\7\0\5\0\0\0"
#define H "\2\0\0\0"
	RAW("", true, true), RAW(H, true, true), RAW(H U G O, true, true),
	RAW(H U G M O, true, false), RAW(H U U5 G G5 G5 M O, true, false),
	RAW("\1\0\0\0" U G O, false, false),                     /* version */
	RAW("\2\0\0", false, false),                             /* short */
	RAW(H U G O "\0", false, false),                         /* part of an entry */
	RAW(H U G, false, false),                                /* no other */
	RAW(H G O, false, false),                                /* no owner */
	RAW(H U O, false, false),                                /* no group */
	RAW(H U G O O, false, false),                            /* twice */
	RAW(H U G U5 M O, false, false),                         /* order */
	RAW(H U U5 G O, false, false),                           /* no mask */
	RAW(H U "\2\0\7\0\xff\xff\xff\xff" G M O, false, false), /* no id */
	RAW(H U "\4\0\x8\0\xff\xff\xff\xff" O, false, false),    /* permission */
	RAW(H U "\3\0\7\0\5\0\0\0" G M O, false, false),         /* two tags in one */
	RAW(H U "\0\0\7\0\5\0\0\0" G M O, false, false),         /* no tag */
};

static void test_check(void)
{
	for (size_t i = 0; i < sizeof(raw_acls) / sizeof(raw_acls[0]); i++) {
		const unsigned char *p = (const unsigned char *)raw_acls[i].acl;
		int r = posix_acl_check(p, raw_acls[i].n);

		CHECK_EQ(r == 0, raw_acls[i].ok);
		if (r == 0)
			CHECK_EQ(
				posix_acl_is_mode(p, raw_acls[i].n), raw_acls[i].is_mode);
	}
}

static const struct {
	const char *text;
	const char *acl; /* NULL: refused */
	size_t n;
	int want;
} texts[] = {
#define TEXT(t, a)                                                                       \
	{                                                                                \
		t, a, sizeof(a) - 1, 0                                                   \
	}
#define BAD_TEXT(t)                                                                      \
	{                                                                                \
		t, NULL, 0, -EINVAL                                                      \
	}
#define UW "\2\0\6\0\5\0\0\0"
	TEXT("user::rwx,group::r-x,other::---", H U G O),
	TEXT("u::rwx\ng::r-x\no::---\n", H U G O),
	TEXT("# file: a,b\n user::rwx\t#effective:r--\ngroup::r-x #a,b\n\n,other:---\n",
		H U G O),
	TEXT("u::rwx,g::rx,o:-,m:rwx", H U G M O),
	TEXT("u:5:wr,g::rx,o:-,m:rwx,u::rwx", H U UW G M O),
	TEXT("u:joe:rw:5,g::rx,o:-,m:rwx,u::rwx", H U UW G M O),
	/* the mask that setfacl would make: 6 | 5 */
	TEXT("u:5:rw,g::rx,o::-,u::rwx", H U UW G M O),
	TEXT("u::rwx,g:5:rwx,g::r-x,o::-", H U G G5 M O),
	{"u::rwx,g::rx,u:joe:rwx,m::rwx,o::-", NULL, 0, -ENOENT},
	BAD_TEXT("u::rwx"),
	BAD_TEXT("nonsense"),
	BAD_TEXT("x::rwx,g::rx,o::-"),
	BAD_TEXT("u::rwX,g::rx,o::-"),
	BAD_TEXT("u::,g::rx,o::-"),
	BAD_TEXT("u::rwx,u::rwx,g::rx,o::-"),
	BAD_TEXT("u::rwx,m:5:rwx,g::rx,o::-"),
	BAD_TEXT("u::rwx,g::rx,o:5:-"),
	BAD_TEXT("u::rwx,u:4294967295:rwx,g::rx,m::rwx,o::-"),
	BAD_TEXT("u::rwx,u:joe:rwx:-1,g::rx,m::rwx,o::-"),
	BAD_TEXT("u::rwx,u:5:rwx:5:6,g::rx,m::rwx,o::-"),
	BAD_TEXT("default:user::rwx,g::rx,o::-"),
};

static void test_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t n = strlen(texts[i].text), len = 0;
		AUTO_FREE unsigned char *acl = malloc(POSIX_ACL_ROOM(n));
		int r = posix_acl_from_text(texts[i].text, n, acl, &len);

		CHECK_EQ(r, texts[i].want);
		if (r || !texts[i].acl)
			continue;
		CHECK_EQ(len, texts[i].n);
		if (len == texts[i].n)
			CHECK_MEM(acl, texts[i].acl, len);
	}
}

int main(void)
{
	check_cases(kept, sizeof(kept) / sizeof(kept[0]));
	check_cases(refused, sizeof(refused) / sizeof(refused[0]));
	check_cases(acls, sizeof(acls) / sizeof(acls[0]));
	test_raw();
	test_large();
	test_long_attribute_name();
	test_check();
	test_texts();
	TEST_END;
}
