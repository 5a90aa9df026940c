#include "base/json_write.h"

#include <errno.h>

#include "base/checked.h"
#include "unit.h"

static void writes_a_document(void)
{
	AUTO_BUF struct buf out = {0};
	struct json j;

	json_begin(&j, &out);
	json_open(&j, NULL, '{');
	json_string(&j, "a", "b");
	json_string(&j, "none", NULL);
	json_bool(&j, "yes", true);
	json_bool(&j, "no", false);
	json_uint(&j, "big", UINT64_MAX);
	json_seconds(&j, "s", 1.25);
	json_open(&j, "list", '[');
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_uint(&j, NULL, 1);
	json_uint(&j, NULL, 2);
	json_close(&j, ']');
	json_open(&j, "empty", '[');
	json_close(&j, ']');
	json_close(&j, '}');
	CHECK_EQ(json_end(&j), 0);
	CHECK_STR(out.data, "{\"a\":\"b\",\"none\":null,\"yes\":true,\"no\":false,"
			    "\"big\":18446744073709551615,\"s\":1.250,\"list\":[{},1,2],"
			    "\"empty\":[]}\n");
}

static const struct {
	const char *text, *quoted;
} strings[] = {
	{"", "\"\"\n"},
	{"a\"b\\c", "\"a\\\"b\\\\c\"\n"},
	{"\n\t\x01\x1f\x7f", "\"\\n\\t\\u0001\\u001f\\u007f\"\n"},
	{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7\"\n"},
	/* cut, overlong, surrogate, beyond the last plane, stray continuation */
	{"\xc3", "\"\xef\xbf\xbd\"\n"},
	{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"\n"},
	{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"},
	{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"},
	{"a\x80z", "\"a\xef\xbf\xbdz\"\n"},
	{"\xff/\xfe", "\"\xef\xbf\xbd/\xef\xbf\xbd\"\n"},
};

static void escapes_any_bytes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		AUTO_BUF struct buf out = {0};
		struct json j;

		json_begin(&j, &out);
		json_string(&j, NULL, strings[i].text);
		CHECK_EQ(json_end(&j), 0);
		CHECK_STR(out.data, strings[i].quoted);
	}
}

static void keeps_the_first_failure(void)
{
	AUTO_BUF struct buf out = {.max = 8};
	struct json j;

	json_begin(&j, &out);
	json_open(&j, NULL, '[');
	for (int i = 0; i < 100; i++)
		json_string(&j, NULL, "abcdef");
	json_close(&j, ']');
	CHECK_EQ(json_end(&j), -EFBIG);
	CHECK(out.len <= 8);
}

int main(void)
{
	writes_a_document();
	escapes_any_bytes();
	keeps_the_first_failure();
	TEST_END;
}
