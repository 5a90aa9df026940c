/* Error records: texts, classes, contexts in front, what happens when all is too long. */
#include <errno.h>

#include "base/err.h"
#include "unit.h"

static void classes(void)
{
	static const struct {
		int errnum;
		enum err_class cls;
	} cases[] = {
		{ENOENT, ERR_NOT_FOUND},
		{ENOTDIR, ERR_NOT_FOUND},
		{EACCES, ERR_ACCESS},
		{EPERM, ERR_ACCESS},
		{EROFS, ERR_ACCESS},
		{ENOSPC, ERR_SPACE},
		{EDQUOT, ERR_SPACE},
		{EFBIG, ERR_SPACE},
		{EIO, ERR_FAIL},
		{EMFILE, ERR_FAIL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct o2r_err err = {0};

		CHECK_EQ(err_errno(&err, cases[i].errnum, "x"), -cases[i].errnum);
		CHECK_EQ(err.code, -cases[i].errnum);
		CHECK_EQ(err.cls, cases[i].cls);
	}
}

static void texts(void)
{
	struct o2r_err err = {0};

	CHECK_EQ(err_set(&err, ERR_USAGE, EINVAL, "%s %d", "no", 7), -EINVAL);
	CHECK_STR(err.text, "no 7");
	CHECK_EQ(err_corrupt(&err, "bad"), -EBADMSG);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK_EQ(err_errno(&err, ENOENT, "cannot open %s", "f"), -ENOENT);
	CHECK_STR(err.text, "cannot open f: No such file or directory");
	CHECK_EQ(err_nomem(&err), -ENOMEM);
	CHECK_STR(err.text, "out of memory");
	/* a code of 0 would be success */
	CHECK_EQ(err_set(&err, ERR_FAIL, 0, "x"), -EIO);
	CHECK_EQ(err_set(NULL, ERR_FAIL, ENOMEM, "x"), -ENOMEM);
	CHECK_EQ(err_errno(NULL, EPERM, "x"), -EPERM);
	CHECK_EQ(err_wrap(NULL, "x"), -EIO);
}

static void contexts(void)
{
	struct o2r_err err = {0};

	err_corrupt(&err, "bad number");
	CHECK_EQ(err_wrap(&err, "entry %s", "a"), -EBADMSG);
	CHECK_EQ(err_wrap(&err, "layer %d", 3), -EBADMSG);
	CHECK_STR(err.text, "layer 3: entry a: bad number");
	CHECK_EQ(err.cls, ERR_CORRUPT);

	/* somebody returned an error and filled nothing in: must not become success */
	err = (struct o2r_err){0};
	CHECK_EQ(err_wrap(&err, "layer"), -EIO);
	CHECK_EQ(err.code, -EIO);
	CHECK_EQ(err.cls, ERR_FAIL);
}

static void long_texts(void)
{
	char path[2000];
	struct o2r_err err = {0};

	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CHECK_EQ(err_errno(&err, EACCES, "cannot open %s", path), -EACCES);
	CHECK(strncmp(err.text, "cannot open ppp", 15) == 0);
	CHECK(strstr(err.text, "ppp: Permission denied") != NULL);

	err_corrupt(&err, "bad number");
	for (unsigned i = 0; i < 10; i++) {
		path[990] = '\0';
		err_wrap(&err, "layer %u of %s", i, path);
		CHECK(strlen(err.text) < sizeof(err.text));
	}
	CHECK(strncmp(err.text, "layer 9 of ppp", 14) == 0);
	CHECK(strcmp(err.text + strlen(err.text) - 13, "p: bad number") == 0);
}

/* Cut in the middle, each character of UTF-8 is there whole or not at all. */
static void whole_characters(void)
{
	for (unsigned shift = 0; shift < 4; shift++) {
		struct o2r_err err = {0};
		char text[900];
		unsigned n = shift;

		memset(text, 'x', sizeof(text));
		for (; n + 4 < sizeof(text); n += 3)
			memcpy(text + n, "\xe2\x82\xac", 3);
		text[n] = '\0';
		err_corrupt(&err, "%s", text);
		err_wrap(&err, "%s", text);
		CHECK(strstr(err.text, "...") != NULL);
		for (const char *p = err.text; *p;) {
			if (*p != '\xe2') {
				CHECK(*p == 'x' || *p == '.' || *p == ':' || *p == ' ');
				p++;
				continue;
			}
			CHECK(strncmp(p, "\xe2\x82\xac", 3) == 0);
			p += 3;
		}
	}
}

int main(void)
{
	classes();
	texts();
	contexts();
	long_texts();
	whole_characters();
	TEST_END;
}
