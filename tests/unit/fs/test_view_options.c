/* The -o options of a view: what is taken, what is refused, what becomes of it. */
#include <sys/mount.h>

#include "fs/view_options.h"
#include "unit.h"

#define FINISHED __attribute__((cleanup(view_options_finish)))

static const char *text(const struct buf *b)
{
	return b->data ? b->data : "";
}

static void test_taken(void)
{
	static const struct {
		const char *options, *words, *data;
		unsigned long flags;
	} cases[] = {
		{NULL, "", "", 0},
		{"", "", "", 0},
		{",,ro,,", "", "", 0},
		{"noexec,noatime", ",noexec,noatime", "", MS_NOEXEC | MS_NOATIME},
		{"noexec,exec", ",noexec,exec", "", 0},
		{"sync,dirsync,async,nodiratime", ",sync,dirsync,async,nodiratime", "",
			MS_DIRSYNC | MS_NODIRATIME},
		{"x-a.b=c,X-y,comment=rw,_netdev,nofail,defaults", "", "", 0},
		{"context=a:b:c\\,d", ",context=a:b:c\\,d", ",context=\"a:b:c,d\"", 0},
		{"context=a\\\\b", ",context=a\\\\b", ",context=\"a\\b\"", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FINISHED struct view_mount_flags f = {0};
		struct o2r_err err = {0};

		CHECK_EQ(view_options_parse(cases[i].options, &f, &err), 0);
		CHECK_STR(text(&f.words), cases[i].words);
		CHECK_STR(text(&f.data), cases[i].data);
		CHECK_EQ(f.flags, cases[i].flags);
	}
}

static void test_ours(void)
{
	FINISHED struct view_mount_flags f = {0};
	struct o2r_err err = {0};

	CHECK_EQ(view_options_parse("rdp=off,xattr=off,max_read=65536,allow_other,suid,"
				    "dev,nodev,auto_unmount,debug",
			 &f, &err),
		0);
	CHECK(f.rdp == VIEW_RDP_OFF && f.no_xattr && f.max_read == 65536);
	CHECK(f.allow_other && !f.allow_root && !f.default_permissions);
	CHECK(f.suid && !f.dev && f.auto_unmount && f.debug);
	CHECK_EQ(view_options_parse("rdp=auto,xattr=on,nosuid", &f, &err), 0);
	CHECK(f.rdp == VIEW_RDP_AUTO && !f.no_xattr && !f.suid);
	CHECK_EQ(view_options_parse("rdp=always", &f, &err), 0);
	CHECK(f.rdp == VIEW_RDP_ALWAYS);
}

static void test_refused(void)
{
	static const struct {
		const char *options, *text;
	} cases[] = {
		{"rw", "mount option rw: a view is read-only"},
		{"ro,fsname=a",
			"mount option fsname: the mount table names the image there"},
		{"user_id=0", "mount option user_id: o2r sets it"},
		{"rdp", "mount option rdp needs a value"},
		{"rdp=", "mount option rdp=: say always, auto or off"},
		{"noexec=1", "mount option noexec takes no value"},
		{"max_read=4095", "mount option max_read=4095: say a number of bytes, at "
				  "least 4096"},
		{"max_read=4294967296",
			"mount option max_read=4294967296: say a number of "
			"bytes, at least 4096"},
		{"context=a\"b", "mount option context=\": say it without quotes"},
		{"=", "unknown mount option : leave it out of -o"},
		{"a\nb", "unknown mount option a\\x0ab: leave it out of -o"},
		{"r\\o\\,", "unknown mount option ro,: leave it out of -o"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FINISHED struct view_mount_flags f = {0};
		struct o2r_err err = {0};

		CHECK(view_options_parse(cases[i].options, &f, &err) < 0);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK_STR(err.text, cases[i].text);
	}
}

static void test_escape(void)
{
	struct buf b AUTO_BUF = {0};

	CHECK_EQ(view_options_escape(&b, "a,b\\c,suid"), 0);
	CHECK_STR(text(&b), "a\\,b\\\\c\\,suid");
}

int main(void)
{
	test_taken();
	test_ours();
	test_refused();
	test_escape();
	TEST_END;
}
