/* The JSON reader: what it refuses, and what its accessors say. */
#include "unit.h"

#include "base/cleanup.h"
#include "sources/json.h"
#include "sources/json_check.h"

static const struct bad {
	const char *name, *text, *message;
	size_t n; /* 0: the text's own length */
} bad[] = {
	{"empty", "", "cut short at byte 0"},
	{"blank", " \n", "cut short at byte 2"},
	{"cut object", "{\"a\":1", "cut short at byte 6"},
	{"cut after brace", "{", "cut short at byte 1"},
	{"cut name", "{\"a", "cut short"},
	{"cut after name", "{\"a\"", "cut short"},
	{"cut after colon", "{\"a\":", "cut short"},
	{"cut after comma", "{\"a\":1,", "cut short"},
	{"cut array", "[1,2", "cut short"},
	{"cut word", "[tru", "cut short"},
	{"cut escape", "[\"\\", "cut short"},
	{"cut \\u", "[\"\\u00", "cut short"},
	{"cut number", "[-", "cut short"},
	{"cut fraction", "[1.", "cut short"},
	{"cut exponent", "[1e", "cut short"},
	{"cut surrogate", "[\"\\ud800", "cut short"},
	{"cut UTF-8", "[\"\xe2\x82", "not UTF-8"},
	{"trailing value", "{} {}", "something behind the document at byte 3"},
	{"trailing comma", "{},", "something behind"},
	{"trailing NUL", "{}\0", "something behind", 3},
	{"NUL first", "\0{}", "no value where one is due at byte 0", 3},
	{"byte order mark", "\xef\xbb\xbf{}", "no value where one is due at byte 0"},
	{"comment", "{/*x*/}", "no string where one is due"},
	{"single quotes", "{'a':1}", "no string"},
	{"no quotes", "{a:1}", "no string"},
	{"comma at the end", "[1,]", "no value"},
	{"comma at the end of an object", "{\"a\":1,}", "no string"},
	{"comma first", "[,1]", "no value"},
	{"no comma", "[1 2]", "no comma or closing bracket"},
	{"no colon", "{\"a\" 1}", "no colon behind a name"},
	{"wrong bracket", "[1}", "no comma or closing bracket"},
	{"closing only", "]", "no value"},
	{"unknown word", "[nul]", "an unknown word"},
	{"capital word", "[True]", "no value"},
	{"NaN", "[NaN]", "no value"},
	{"infinity", "[-Infinity]", "a bad number"},
	{"plus", "[+1]", "no value"},
	{"leading zero", "[01]", "no comma"},
	{"leading point", "[.5]", "no value"},
	{"point only", "[1.]", "a bad number"},
	{"hex", "[0x10]", "no comma"},
	{"exponent of nothing", "[1e+]", "a bad number"},
	{"minus only", "[-a]", "a bad number"},
	{"long number",
		"[11111111111111111111111111111111111111111111111111111111111111111]",
		"a number of more than 63 characters at byte 1"},
	{"control character", "[\"a\nb\"]", "a control character in a string"},
	{"NUL in a string", "[\"a\0b\"]", "a control character in a string", 7},
	{"escaped NUL", "[\"a\\u0000b\"]", "a NUL in a string"},
	{"unknown escape", "[\"\\x41\"]", "an unknown escape"},
	{"escaped NUL byte", "[\"\\\0\"]", "an unknown escape", 6},
	{"bad hex", "[\"\\u12g4\"]", "a bad \\u escape"},
	{"lone high surrogate", "[\"\\ud800\"]", "half a surrogate pair"},
	{"high surrogate and text", "[\"\\ud800abcdef\"]", "half a surrogate pair"},
	{"high surrogate and another escape", "[\"\\ud800\\n\"]",
		"half a surrogate pair"},
	{"two high surrogates", "[\"\\ud800\\ud800\"]", "half a surrogate pair"},
	{"lone low surrogate", "[\"\\udc00\"]", "half a surrogate pair"},
	{"stray continuation", "[\"\x80\"]", "not UTF-8"},
	{"overlong", "[\"\xc0\xaf\"]", "not UTF-8"},
	{"overlong of three", "[\"\xe0\x80\xaf\"]", "not UTF-8"},
	{"surrogate in UTF-8", "[\"\xed\xa0\x80\"]", "not UTF-8"},
	{"beyond Unicode", "[\"\xf4\x90\x80\x80\"]", "not UTF-8"},
	{"latin 1", "[\"caf\xe9\"]", "not UTF-8"},
	{"duplicate name", "{\"a\":1,\"b\":2,\"a\":3}", "the name \"a\" twice"},
	{"duplicate name by escape", "{\"digest\":1,\"\\u0064igest\":2}",
		"the name \"digest\" twice"},
	{"duplicate name deep inside", "{\"x\":[{\"y\":{\"a\":1,\"a\":1}}]}",
		"the name \"a\" twice"},
	{"duplicate empty name", "{\"\":1,\"\":1}", "the name \"\" twice"},
};

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_JSON struct json_doc *doc = NULL;
		struct o2r_err err = {0};
		size_t n = bad[i].n ? bad[i].n : strlen(bad[i].text);
		int r = json_doc_parse(bad[i].text, n, 64, &doc, &err);

		CHECK(r < 0 && !doc);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK(strstr(err.text, bad[i].message));
		if (r == 0 || !strstr(err.text, bad[i].message))
			fprintf(stderr, "  %s: %s\n", bad[i].name, err.text);
	}
}

static const char *const good[] = {
	"{}",
	" \t\r\n{ } \n",
	"{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
	"{\"a\":1,\"A\":2}",
	"{\"n\":[0,-0,1,-1,1.5,1e3,1E+3,1.5e-3,123456789012345678901234567890]}",
	"{\"w\":[true,false,null,[],{}]}",
	"{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u20AC\\ud83d\\ude00\"}",
	"{\"s\":\"\xc2\x85 \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \x7f\"}",
};

static void accepts(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO_JSON struct json_doc *doc = NULL;
		struct o2r_err err = {0};

		CHECK_EQ(json_doc_parse(good[i], strlen(good[i]), 64, &doc, &err), 0);
		if (!doc)
			fprintf(stderr, "  %s: %s\n", good[i], err.text);
	}
}

static void only_objects_outermost(void)
{
	static const char *const text[] = {"[]", "1", "\"x\"", "null", "true"};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		AUTO_JSON struct json_doc *doc = NULL;
		struct o2r_err err = {0};
		struct json_ref root;

		CHECK_EQ(json_doc_parse(text[i], strlen(text[i]), 64, &doc, &err), 0);
		CHECK_EQ(json_root(doc, &root, &err), -EBADMSG);
		CHECK(strstr(err.text, "the document is "));
		CHECK(strstr(err.text, ", not an object"));
	}
}

/* n brackets, closed. */
static int parse_nested(size_t n, uint64_t max, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	AUTO_FREE char *text = malloc(2 * n);

	memset(text, '[', n);
	memset(text + n, ']', n);
	return json_doc_parse(text, 2 * n, max, &doc, err);
}

static void depth(void)
{
	struct o2r_err err = {0};

	CHECK_EQ(parse_nested(64, 64, &err), 0);
	CHECK_EQ(parse_nested(65, 64, &err), -EBADMSG);
	CHECK(strstr(err.text, "nested deeper than 64 at byte 65"));
	CHECK(strstr(err.text, "--limit json-depth=N"));
	/* whatever is asked for, the parser's own limit is not reached */
	CHECK_EQ(parse_nested(JSON_DEPTH_MAX, UINT64_MAX, &err), 0);
	CHECK_EQ(parse_nested(JSON_DEPTH_MAX + 1, UINT64_MAX, &err), -EBADMSG);
	CHECK(strstr(err.text, "nested deeper than 1000"));
	CHECK_EQ(parse_nested(1000000, UINT64_MAX, &err), -EBADMSG);
	/* depth is not the number of lists */
	AUTO_JSON struct json_doc *doc = NULL;
	static const char flat[] = "[[],[],[],{},{}]";

	CHECK_EQ(json_doc_parse(flat, strlen(flat), 2, &doc, &err), 0);
}

static void many_values(void)
{
	struct o2r_err err = {0};

	for (int over = 0; over < 2; over++) {
		AUTO_JSON struct json_doc *doc = NULL;
		size_t n = JSON_VALUES_MAX - 1 + over;
		AUTO_FREE char *text = malloc(2 * n + 1);

		for (size_t i = 0; i < n; i++)
			memcpy(text + 2 * i, i ? ",1" : "[1", 2);
		text[2 * n] = ']';
		CHECK_EQ(json_doc_parse(text, 2 * n + 1, 64, &doc, &err),
			over ? -EBADMSG : 0);
	}
	CHECK(strstr(err.text, "more than 500000 values"));
}

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t value;
		bool ok;
	} c[] = {
		{"0", 0, true},
		{"4096", 4096, true},
		{"9007199254740991", 9007199254740991, true},
		{"9007199254740992", 0, false},
		{"9007199254740993", 0, false},
		{"18446744073709551616", 0, false},
		{"99999999999999999999999999999999999999", 0, false},
		{"-1", 0, false},
		{"-0", 0, false},
		{"1.0", 0, false},
		{"1.5", 0, false},
		{"1e3", 0, false},
		{"0.99999999999999999999999", 0, false},
		{"1e999", 0, false},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		AUTO_JSON struct json_doc *doc = NULL;
		struct o2r_err err = {0};
		struct json_ref root;
		char text[100];
		uint64_t v = 7;

		/* another number in front, so that they are not mixed up */
		snprintf(text, sizeof(text),
			"{\"a\":[3,{\"b\":5.5}],\"size\":%s,\"c\":9}", c[i].text);
		CHECK_EQ(json_doc_parse(text, strlen(text), 64, &doc, &err), 0);
		CHECK_EQ(json_root(doc, &root, &err), 0);
		CHECK_EQ(json_get_size(&root, "size", &v, &err), c[i].ok ? 1 : -EBADMSG);
		CHECK_EQ(v, c[i].ok ? c[i].value : 7);
		if (!c[i].ok)
			CHECK_STR(err.text, "size is not an integer from 0 to 2^53 - 1");
	}
}

static const char sample[] =
	"{\"manifests\":[{\"size\":1},{\"size\":\"2\"},3],\"s\":\"text\",\"n\":null,"
	"\"o\":{\"p\":{\"q\":true}},\"esc\":\"\\u20ac\\ud83d\\ude00\"}";

static void access_errors(void)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root, list, item = {0}, o, p;
	struct o2r_err err = {0};
	const char *s = NULL;
	uint64_t v;

	CHECK_EQ(json_doc_parse(sample, strlen(sample), 64, &doc, &err), 0);
	CHECK_EQ(json_root(doc, &root, &err), 0);
	CHECK_EQ(json_get_array(&root, "manifests", &list, &err), 1);
	CHECK_EQ(json_count(&list), 3);
	CHECK(json_next(&list, &item));
	CHECK_EQ(json_item_object(&item, &err), 0);
	CHECK_EQ(json_get_size(&item, "size", &v, &err), 1);
	CHECK_EQ(v, 1);
	CHECK_EQ(json_need(json_get_string(&item, "digest", &s, &err), &item, "digest",
			 &err),
		-EBADMSG);
	CHECK_STR(err.text, "manifests[0].digest is missing");
	CHECK(json_next(&list, &item));
	CHECK_EQ(json_get_size(&item, "size", &v, &err), -EBADMSG);
	CHECK_STR(err.text, "manifests[1].size is a string, not a number");
	CHECK(json_next(&list, &item));
	CHECK_EQ(json_item_object(&item, &err), -EBADMSG);
	CHECK_STR(err.text, "manifests[2] is a number, not an object");
	CHECK_EQ(json_item_string(&item, &s, &err), -EBADMSG);
	CHECK_STR(err.text, "manifests[2] is a number, not a string");
	CHECK(!json_next(&list, &item));

	CHECK_EQ(json_get_object(&root, "o", &o, &err), 1);
	CHECK_EQ(json_get_object(&o, "p", &p, &err), 1);
	CHECK_EQ(json_get_string(&p, "q", &s, &err), -EBADMSG);
	CHECK_STR(err.text, "o.p.q is a truth value, not a string");
	CHECK_EQ(json_get_object(&root, "manifests", &o, &err), -EBADMSG);
	CHECK_STR(err.text, "manifests is a list, not an object");
	CHECK_EQ(json_get_array(&root, "o", &o, &err), -EBADMSG);
	CHECK_STR(err.text, "o is an object, not a list");
}

static void access_values(void)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct o2r_err err = {0};
	struct json_ref root;
	const char *s = NULL;

	CHECK_EQ(json_doc_parse(sample, strlen(sample), 64, &doc, &err), 0);
	CHECK_EQ(json_root(doc, &root, &err), 0);
	CHECK_EQ(json_get_string(&root, "s", &s, &err), 1);
	CHECK_STR(s, "text");
	CHECK_EQ(json_get_string(&root, "esc", &s, &err), 1);
	CHECK_STR(s, "\xe2\x82\xac\xf0\x9f\x98\x80");
	/* null is as good as not there; names are told apart by case */
	CHECK_EQ(json_get_string(&root, "n", &s, &err), 0);
	CHECK_EQ(json_get_string(&root, "S", &s, &err), 0);
	CHECK(json_has(&root, "s"));
	CHECK(!json_has(&root, "n"));
	CHECK(!json_has(&root, "none"));
	json_doc_destroy(NULL);
}

/* Names that nobody knows beforehand. */
static void members(void)
{
	static const char text[] = "{\"o\":{\"b\":1,\"n\":null,\"a\\n\":\"x\",\"\":{}}}";
	AUTO_SECRET_JSON struct json_doc *doc = NULL;
	struct json_ref root, o, inner, item = {0};
	struct o2r_err err = {0};
	const char *s = NULL;

	CHECK_EQ(json_doc_parse(text, strlen(text), 64, &doc, &err), 0);
	CHECK_EQ(json_root(doc, &root, &err), 0);
	CHECK_EQ(json_get_object(&root, "o", &o, &err), 1);
	CHECK(json_next_member(&o, &item));
	CHECK_STR(item.key, "b");
	CHECK_EQ(json_item_string(&item, &s, &err), -EBADMSG);
	CHECK_STR(err.text, "o.b is a number, not a string");
	CHECK(json_next_member(&o, &item));
	CHECK_STR(item.key, "a\n");
	CHECK_EQ(json_item_string(&item, &s, &err), 0);
	CHECK_STR(s, "x");
	CHECK_EQ(json_item_object(&item, &err), -EBADMSG);
	CHECK_STR(err.text, "o.a\\x0a is a string, not an object");
	CHECK(json_next_member(&o, &item));
	CHECK_STR(item.key, "");
	CHECK_EQ(json_item_object(&item, &err), 0);
	CHECK(!json_next_member(&o, &item));
	item = (struct json_ref){0};
	CHECK_EQ(json_get_object(&o, "", &inner, &err), 1);
	CHECK(!json_next_member(&inner, &item));
}

int main(void)
{
	refuses();
	accepts();
	only_objects_outermost();
	depth();
	many_values();
	sizes();
	access_errors();
	access_values();
	members();
	TEST_END;
}
