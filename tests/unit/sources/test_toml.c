#include <errno.h>

#include "base/buf.h"
#include "base/checked.h"
#include "sources/toml.h"
#include "unit.h"

static struct toml_doc *parse(const char *text)
{
	struct toml_doc *doc = NULL;
	struct o2r_err err = {0};

	if (toml_parse(text, strlen(text), &doc, &err) < 0)
		fprintf(stderr, "%s\n  in: %s\n", err.text, text);
	CHECK(doc);
	return doc;
}

static void test_valid(void)
{
	static const char *const texts[] = {
		"",
		"\n\r\n \t\n# only comments\r\n#\n   # \t more",
		"\xef\xbb\xbf"
		"a = 1",
		"b = 1 # comment\n\"\" = 2\na.x = 3",
		"a = \"x\"\r\nb = \"y\"\r\n",
		"a.b.c = 1\na.b.d = 2\na.e = 3",
		"a . \"b.c\" . 'd' = 1",
		"3.14 = 1\n-_x = 2\n1234 = 3",
		"[a]\nx = 1\n[a.b]\ny = 1\n[ c . \"d\" ] # comment\n",
		"[a.b.c]\nx = 1\n[a]\ny = 1\n",
		"[a]\nb.c = 1\n[a.b.d]\nx = 1\n",
		"[[a]]\n[[a]]\nx = 1\n[a.b]\n[[a.c]]\n[[a.c]]\n[[a]]\n[a.b]\n",
		"a = []\nb = [ 1, 2, ]\nc = [\n\n1, # one\n 2 # two\n,\n# end\n]\n",
		"a = [[], [[1], ['x', {y = 1}]], 1.5]",
		"a = {}\nb = { x = 1, y.z = 2, y.w = {v = [\n1]} }",
		"a = { b.c = 1 }\nd = { b.c = 1 }",
		/* integers */
		"a = 0\nb = +0\nc = -0\nd = 1_000_000\ne = -17\nf = +99",
		"a = 0xDEAD_beef\nb = 0o755\nc = 0b1101_0110\nd = 0x00",
		"a = 9223372036854775807\nb = -9223372036854775808\nc = "
		"0x7fffffffffffffff",
		/* floats */
		"a = 1.0\nb = -0.01\nc = 5e+22\nd = 1e06\ne = -2E-2\nf = 6.626e-34\ng = "
		"0e0",
		"a = inf\nb = +inf\nc = -inf\nd = nan\ne = +nan\nf = -nan\ng = "
		"224_617.445_991",
		/* dates and times */
		"a = 1979-05-27T07:32:00Z\nb = 1979-05-27t00:32:00.999999-07:00",
		"a = 1979-05-27 07:32:00z\nb = 1979-05-27 07:32:00.5 # comment",
		"a = 1979-05-27\nb = 07:32:00\nc = 00:32:00.999999\nd = 1979-05-27 # c",
		/* strings */
		"a = ''\nb = \"\"\nc = ''''''\nd = \"\"\"\"\"\"\ne = 'C:\\x\\'",
		"a = \"\xc3\xa4 \xf0\x9f\x98\x80 \xc2\x85\"\n# \xe2\x82\xac\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_TOML struct toml_doc *doc = parse(texts[i]);

		CHECK(doc && toml_kind(toml_root(doc)) == TOML_TABLE);
	}
}

static void test_strings(void)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{"a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "\b\t\n\f\r\"\\"},
		{"a = \"\\u00e4\\u20AC\\U0001f600\\u007F\"",
			"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f"},
		{"a = \"\\uD7FF\\uE000\\U0010FFFF\"",
			"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
		{"a = \"tab\tand # no comment\"", "tab\tand # no comment"},
		{"a = 'no \\escape \"here\"'", "no \\escape \"here\""},
		{"a = \"\"\"\nfirst\n  second\"\"\"", "first\n  second"},
		{"a = \"\"\"\r\nfirst\r\n\"\"\"", "first\r\n"},
		{"a = \"\"\"x \\\n   \n\t  y\"\"\"", "x y"},
		{"a = \"\"\"x\\  \r\n y\"\"\"", "xy"},
		{"a = \"\"\"\\\n  \"\"\"", ""},
		{"a = \"\"\"\"x\"\"\"", "\"x"},
		{"a = \"\"\"x\"\"\"\"", "x\""},
		{"a = \"\"\"x\"\"\"\"\"", "x\"\""},
		{"a = \"\"\"x\"\"y\\\"\"\"\"", "x\"\"y\""},
		{"a = '''\nx\\\n'y''z'''", "x\\\n'y''z"},
		{"a = '''x''''", "x'"},
		{"a = '''''x'''''", "''x''"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_TOML struct toml_doc *doc = parse(cases[i].text);
		const char *value = NULL;

		CHECK(doc && toml_get_string(toml_root(doc), "a", &value, NULL) == 1);
		CHECK_STR(value, cases[i].value);
	}
}

static void test_integers(void)
{
	static const struct {
		const char *text;
		int64_t value;
	} cases[] = {
		{"a = 0", 0},
		{"a = -0", 0},
		{"a = +12", 12},
		{"a = 1_2_3", 123},
		{"a = 0xfF", 255},
		{"a = 0o17", 15},
		{"a = 0b101", 5},
		{"a = -9223372036854775808", INT64_MIN},
		{"a = 9223372036854775807", INT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_TOML struct toml_doc *doc = parse(cases[i].text);
		const struct toml *a = doc ? toml_find(toml_root(doc), "a") : NULL;

		CHECK(a && toml_kind(a) == TOML_INTEGER);
		CHECK_EQ(a ? toml_integer(a) : 0, cases[i].value);
	}
}

struct bad_case {
	const char *text, *says;
};

static const struct bad_case bad_structure[] = {
	/* lines */
	{"a", "line 1: no = behind the key a"},
	{"a =", "line 1: no value"},
	{"a = \nb = 1", "line 1: no value"},
	{"\n\na = 1 b = 2", "line 3: something follows a value"},
	{"[a] b = 1", "line 1: something follows a header"},
	{"= 1", "line 1: no key"},
	{"a = 1\r", "line 1: something follows"},
	{"\ra = 1", "line 1: a carriage return"},
	{"# \x01", "line 1: a control character in a comment"},
	{"# \r ", "line 1: a control character in a comment"},
	{"a = 1 # \x7f", "line 1: a control character in a comment"},
	{"a = 1\n\n# \xff", "line 3: a byte that is not UTF-8"},
	{"a = \"\xc0\x80\"", "line 1: a byte that is not UTF-8"},
	{"a = '\xed\xa0\x80'", "line 1: a byte that is not UTF-8"},
	/* keys */
	{"a.b", "no = behind the key b"},
	{"a. = 1", "no key"},
	{".a = 1", "no key"},
	{"a..b = 1", "no key"},
	{"a b = 1", "no = behind the key a"},
	{"a+b = 1", "no = behind the key a"},
	{"\xc3\xa4 = 1", "no key"},
	{"\"\"\"a\"\"\" = 1", "a key of several lines"},
	{"'''a''' = 1", "a key of several lines"},
	{"\"a\n\" = 1", "line 1: a string that does not end on its line"},
	{"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1", "more than 16 parts"},
	{"a = 1\na = 2", "line 2: a is there already, on line 1"},
	{"a = 1\n\"a\" = 2", "line 2: a is there already"},
	{"a = 1\na.b = 2", "line 2: a is there already"},
	{"a.b = 1\na = 2", "line 2: a is there already"},
	{"a.b = 1\na.b.c = 2", "line 2: b is there already"},
	/* tables */
	{"[a]\n[a]", "line 2: a is there already, on line 1"},
	{"[a]\nb = 1\n[a.b]", "line 3: b is there already"},
	{"[a]\nb = 1\n[a.b.c]", "line 3: b is there already"},
	{"a.b = 1\n[a]", "line 2: a is there already"},
	{"[a]\nb.c = 1\n[a.b]", "line 3: b is there already"},
	{"[a.b]\n[a]\nb.c = 1", "line 3: b is there already"},
	{"[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "line 4: b is there already"},
	{"[[a.b]]\n[a]\nb.y = 2", "line 3: b is there already"},
	{"[[a]]\n[a]", "line 2: a is there already"},
	{"[a]\n[[a]]", "line 2: a is there already"},
	{"[a.b]\n[[a]]", "line 2: a is there already"},
	{"a = []\n[[a]]", "line 2: a is there already"},
	{"a = [{}]\n[a.b]", "line 2: a is there already"},
	{"a = {}\n[a.b]", "line 2: a is there already"},
	{"a = {}\na.b = 1", "line 2: a is there already"},
	{"a = {b.c = 1}\n[a.b.d]", "line 2: a is there already"},
	{"a = {b = {}}\n[a.b]", "line 2: a is there already"},
	{"[]", "no key"},
	{"[a", "does not end with ]"},
	{"[[a]", "does not end with ]]"},
	{"[[a] ]", "does not end with ]]"},
	{"[ [a]]", "no key"},
	{"[a.]", "no key"},
	{"[a\n]", "does not end with ]"},
};

static const struct bad_case bad_values[] = {
	/* arrays and inline tables */
	{"a = [", "no value"},
	{"a = [1", "no comma or ]"},
	{"a = [1 2]", "no comma or ]"},
	{"a = [,]", "no value"},
	{"a = [1,,2]", "no value"},
	{"a = ]", "no value"},
	{"a = {", "no key"},
	{"a = {b = 1", "no comma or }"},
	{"a = {b = 1,}", "no key"},
	{"a = {b = 1\n}", "no comma or }"},
	{"a = {\nb = 1}", "no key"},
	{"a = {b = 1, b = 2}", "b is there already"},
	{"a = {b = 1, b.c = 2}", "b is there already"},
	{"a = {b.c = 1, b = 2}", "b is there already"},
	{"a = {b = {c = 1}, b.d = 2}", "b is there already"},
	/* strings */
	{"a = \"x", "does not end"},
	{"a = 'x", "does not end"},
	{"a = \"x\n\"", "line 1: a string that does not end on its line"},
	{"a = 'x\r\n'", "line 1: a string that does not end on its line"},
	{"\na = \"\"\"x\n\n\n", "line 2: a string that does not end"},
	{"a = '''x\n''", "line 1: a string that does not end"},
	{"a = '''x''''''", "something follows"},
	{"a = \"\x01\"", "a control character in a string"},
	{"a = 'x\x7f'", "a control character in a string"},
	{"a = \"\"\"x\ry\"\"\"", "a control character in a string"},
	{"a = \"\\x41\"", "an unknown escape"},
	{"a = \"\\ \n\"", "an unknown escape"},
	{"a = \"\"\"\\ x\"\"\"", "an unknown escape"},
	{"a = \"\\", "an unknown escape"},
	{"a = \"\\u12\"", "needs 4 hexadecimal digits"},
	{"a = \"\\u12g4\"", "needs 4 hexadecimal digits"},
	{"a = \"\\U0001f60\"", "needs 8 hexadecimal digits"},
	{"a = \"\\u0000\"", "a NUL in a string"},
	{"a = \"\\ud800\"", "no Unicode character"},
	{"a = \"\\U00110000\"", "no Unicode character"},
	/* words */
	{"a = True", "True is no value"},
	{"a = truee", "truee is no value"},
	{"a = yes", "yes is no value (text needs quotation marks)"},
	{"a = docker.io", "docker.io is no value"},
	{"a = 01", "01 is no value"},
	{"a = +0x1", "no value"},
	{"a = 0X1", "no value"},
	{"a = 0x", "no value"},
	{"a = 0o8", "no value"},
	{"a = 1__0", "no value"},
	{"a = _1", "no value"},
	{"a = 1_", "no value"},
	{"a = 0x_1", "no value"},
	{"a = 9223372036854775808", "no value"},
	{"a = -9223372036854775809", "no value"},
	{"a = 0xffffffffffffffff", "no value"},
	{"a = 1.", "no value"},
	{"a = .5", "no value"},
	{"a = 1.e3", "no value"},
	{"a = 1e", "no value"},
	{"a = 01.5", "no value"},
	{"a = 1_.5", "no value"},
	{"a = Inf", "no value"},
	{"a = 1979-13-01", "no value"},
	{"a = 1979-05-32", "no value"},
	{"a = 1979-5-27", "no value"},
	{"a = 24:00:00", "no value"},
	{"a = 07:32", "no value"},
	{"a = 07:32:00.", "no value"},
	{"a = 1979-05-27T07:32:00+1:00", "no value"},
	{"a = 1979-05-27 7", "no value"},
	{"a = 1979-05-27  07:32:00", "something follows"},
};

/* The line is said, and something of what is wrong. */
static void test_invalid(const struct bad_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct toml_doc *doc = NULL;
		struct o2r_err err = {0};
		int r = toml_parse(cases[i].text, strlen(cases[i].text), &doc, &err);

		CHECK_EQ(r, -EBADMSG);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(!doc && !strchr(err.text, '\n'));
		CHECK(strstr(err.text, cases[i].says) && strstr(err.text, "line "));
		if (!strstr(err.text, cases[i].says))
			fprintf(stderr, "%s\n  said of: %s\n", err.text, cases[i].text);
	}
}

static int parse_repeated(const char *before, const char *part, size_t n,
	const char *after, struct o2r_err *err)
{
	AUTO_TOML struct toml_doc *doc = NULL;
	AUTO_BUF struct buf text = {.max = 4 << 20};

	CHECK_EQ(buf_append(&text, before, strlen(before)), 0);
	for (size_t i = 0; i < n; i++)
		if (buf_append(&text, part, strlen(part)) < 0)
			return -ENOMEM;
	CHECK_EQ(buf_append(&text, after, strlen(after)), 0);
	return toml_parse(text.data, text.len, &doc, err);
}

static void test_limits(void)
{
	struct o2r_err err = {0};

	CHECK_EQ(parse_repeated("a = ", "[", TOML_DEPTH_MAX, "", &err), -EBADMSG);
	CHECK(strstr(err.text, "no value"));
	CHECK_EQ(parse_repeated("a = ", "[", TOML_DEPTH_MAX + 1, "", &err), -EBADMSG);
	CHECK(strstr(err.text, "nested deeper than 32"));
	CHECK_EQ(parse_repeated("a = ", "{a=", TOML_DEPTH_MAX + 1, "", &err), -EBADMSG);
	CHECK(strstr(err.text, "nested deeper than 32"));
	CHECK_EQ(parse_repeated("a = [", "1,\n", TOML_VALUES_MAX - 1, "]", &err), 0);
	CHECK_EQ(parse_repeated("a = [", "1,\n", TOML_VALUES_MAX, "]", &err), -EBADMSG);
	CHECK(strstr(err.text, "more than 10000 values"));
	CHECK_EQ(parse_repeated("a = '", "x", TOML_BYTES_MAX - 6, "'", &err), 0);
	CHECK_EQ(parse_repeated("a = '", "x", TOML_BYTES_MAX - 5, "'", &err), -EBADMSG);
	CHECK(strstr(err.text, "more than 1048576 bytes"));
}

static void test_access(void)
{
	static const char text[] = "yes = true\nno = false\nname = 'x'\nlist = ['a', 1]\n"
				   "[table]\nx = 1\n[[tables]]\nn = 'one'\n[[tables]]\n";
	AUTO_TOML struct toml_doc *doc = parse(text);
	const struct toml *root, *v = NULL, *item = NULL;
	struct o2r_err err = {0};
	const char *s = NULL;
	bool b = false;

	if (!doc)
		return;
	root = toml_root(doc);
	CHECK_EQ(toml_get_bool(root, "yes", &b, &err), 1);
	CHECK(b);
	CHECK_EQ(toml_get_bool(root, "no", &b, &err), 1);
	CHECK(!b);
	CHECK_EQ(toml_get_bool(root, "other", &b, &err), 0);
	CHECK_EQ(toml_get_bool(root, "name", &b, &err), -EBADMSG);
	CHECK_STR(err.text, "line 3: name is a string, not a truth value");
	CHECK_EQ(toml_get_string(root, "table", &s, &err), -EBADMSG);
	CHECK_STR(err.text, "line 5: table is a table, not a string");
	CHECK_EQ(toml_get_table(root, "list", &v, &err), -EBADMSG);
	CHECK_STR(err.text, "line 4: list is an array, not a table");
	CHECK_EQ(toml_get_array(root, "list", &v, &err), 1);
	CHECK(toml_next(v, &item));
	CHECK_EQ(toml_item_string(item, &s, &err), 0);
	CHECK_STR(s, "a");
	CHECK(toml_next(v, &item) && !toml_key(item));
	CHECK_EQ(toml_item_string(item, &s, &err), -EBADMSG);
	CHECK_STR(err.text, "line 4: an element is an integer, not a string");
	CHECK(!toml_next(v, &item));
	CHECK_EQ(toml_get_array(root, "tables", &v, &err), 1);
	item = NULL;
	CHECK(toml_next(v, &item) && toml_line(item) == 7);
	CHECK_EQ(toml_item_table(item, &err), 0);
	CHECK_EQ(toml_get_string(item, "n", &s, &err), 1);
	CHECK_STR(s, "one");
	CHECK(toml_next(v, &item) && toml_line(item) == 9 && !toml_find(item, "n"));
}

int main(void)
{
	test_valid();
	test_strings();
	test_integers();
	test_invalid(bad_structure, ARRAY_LEN(bad_structure));
	test_invalid(bad_values, ARRAY_LEN(bad_values));
	test_limits();
	test_access();
	TEST_END;
}
