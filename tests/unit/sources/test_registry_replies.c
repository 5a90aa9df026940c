/* What servers say besides their answers: Retry-After, Warning, error documents. */
#include "unit.h"

#include "base/buf.h"
#include "sources/registry/error_document.h"
#include "sources/registry/retry_after.h"
#include "sources/registry/warning.h"

enum {
	NOW = 784111000, /* 23 seconds and more before the date below */
	THEN = 784111777,
};

static void waits(void)
{
	static const struct {
		const char *text;
		bool ok;
		uint32_t seconds;
	} c[] = {
		{"0", true, 0},
		{"7", true, 7},
		{" 7 ", true, 7},
		{"120", true, 120},
		{"4294967295", true, UINT32_MAX},
		{"99999999999999999999999999", true, UINT32_MAX},
		{"Sun, 06 Nov 1994 08:49:37 GMT", true, THEN - NOW},
		{"Sunday, 06-Nov-94 08:49:37 GMT", true, THEN - NOW},
		{"Sun Nov  6 08:49:37 1994", true, THEN - NOW},
		{"sun, 06 nov 1994 08:49:37 GMT", true, THEN - NOW},
		{"Sat, 05 Nov 1994 08:49:37 GMT", true, 0},
		{"Sun, 06 Nov 9994 08:49:37 GMT", true, UINT32_MAX},
		{"", false, 0},
		{" ", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{"1.5", false, 0},
		{"7 seconds", false, 0},
		{"0x10", false, 0},
		{"soon", false, 0},
		{"Sun, 06 Nov 1994 08:49:37", false, 0},
		{"Sun, 06 Nov 1994 08:49:37 CET", false, 0},
		{"Sun, 06 Nov 1994 08:49:37 GMT x", false, 0},
		{"Sun, 32 Nov 1994 08:49:37 GMT", false, 0},
		{"Sun, 00 Nov 1994 08:49:37 GMT", false, 0},
		{"Sun, 06 Nox 1994 08:49:37 GMT", false, 0},
		{"Sun, 06 Nov 1994 24:49:37 GMT", false, 0},
		{"Sun, 06 Nov 1994 08:60:37 GMT", false, 0},
		{"Sun, 06 Nov 1994 08:49:61 GMT", false, 0},
		{"Sun, 06 Nov 1994 08:-9:37 GMT", false, 0},
		{"Sun, 06 Nov 1894 08:49:37 GMT", false, 0},
		{"Sunday, 06-Nov--4 08:49:37 GMT", false, 0},
		{"06 Nov 1994 08:49:37 GMT", false, 0},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		uint32_t seconds = 0;
		bool ok = retry_after_parse(c[i].text, NOW, &seconds);

		CHECK_EQ(ok, c[i].ok);
		CHECK_EQ(seconds, c[i].seconds);
		if (ok != c[i].ok || seconds != c[i].seconds)
			fprintf(stderr, "  \"%s\"\n", c[i].text);
	}
}

static void two_digit_years(void)
{
	int64_t sec = 0, now = 0;

	CHECK(http_date_parse("Thu, 01 Jan 2026 00:00:00 GMT", 0, &now));
	CHECK_EQ(now, 1767225600);
	CHECK(http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", now, &sec));
	CHECK_EQ(sec, THEN);
	CHECK(http_date_parse("Thursday, 01-Jan-26 00:00:00 GMT", now, &sec));
	CHECK_EQ(sec, now);
	CHECK(http_date_parse("Wednesday, 01-Jan-76 00:00:00 GMT", now, &sec));
	CHECK_EQ(sec, 3345062400); /* in 50 years */
	CHECK(http_date_parse("Saturday, 01-Jan-77 00:00:00 GMT", now, &sec));
	CHECK_EQ(sec, 220924800); /* 49 years ago */
}

static void warnings(void)
{
	static const struct {
		const char *line;
		size_t count;
		const char *first, *last;
	} c[] = {
		{"299 - \"a\"", 1, "a", "a"},
		{"299 registry.example \"two words\"", 1, "two words", "two words"},
		{"299 - \"a\" \"Sun, 06 Nov 1994 08:49:37 GMT\"", 1, "a", "a"},
		{"299 - \"a\", 299 - \"b\"", 2, "a", "b"},
		{"299 - \"a, 299 - b\",299 - \"c\"", 2, "a, 299 - b", "c"},
		{"199 - \"a\", 299 - \"b\"", 1, "b", "b"},
		{"299 - \"say \\\"hi\\\" \\\\\"", 1, "say \"hi\" \\", "say \"hi\" \\"},
		{" \t299 - \"a\"", 1, "a", "a"},
		{"299 \"a\"", 1, "a", "a"},
		{"", 0, NULL, NULL},
		{"299", 0, NULL, NULL},
		{"299 -", 0, NULL, NULL},
		{"299 - a", 0, NULL, NULL},
		{"299 - \"\"", 0, NULL, NULL},
		{"299 - \"a", 0, NULL, NULL},
		{"299 - \"a\\", 0, NULL, NULL},
		{"299 - \"a\" x", 0, NULL, NULL},
		{"299 - \"a\" \"x", 0, NULL, NULL},
		{"2990 - \"a\"", 0, NULL, NULL},
		{"x", 0, NULL, NULL},
		{"299 - \"a\", x", 1, "a", "a"},
		{"110 - \"stale\"", 0, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		CLEANUP(strings_finish) struct strings s = {0};

		CHECK_EQ(warning_texts(c[i].line, &s), 0);
		CHECK_EQ(s.count, c[i].count);
		if (s.count != c[i].count || !s.count) {
			if (s.count != c[i].count)
				fprintf(stderr, "  %s\n", c[i].line);
			continue;
		}
		CHECK_STR(s.s[0], c[i].first);
		CHECK_STR(s.s[s.count - 1], c[i].last);
	}
}

/* However much a server has to say, it is bounded. */
static void many_warnings(void)
{
	AUTO_BUF struct buf line = {0};
	CLEANUP(strings_finish) struct strings s = {0}, t = {0};

	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(buf_printf(&line, "299 - \"%u\",", i), 0);
	CHECK_EQ(warning_texts(line.data, &s), 0);
	CHECK_EQ(s.count, WARNING_TEXTS_MAX);
	line.len = 0;
	CHECK_EQ(buf_printf(&line, "299 - \"%05000d\"", 0), 0);
	CHECK_EQ(warning_texts(line.data, &t), 0);
	CHECK_EQ(t.count, 0);
}

static void error_documents(void)
{
	static const struct {
		const char *type, *body, *code, *text;
	} c[] = {
		{"application/json",
			"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}",
			"DENIED", "DENIED: no"},
		{NULL,
			"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"m\","
			"\"detail\":\"unknown tag=x\"}]}",
			"MANIFEST_UNKNOWN", "MANIFEST_UNKNOWN: m, unknown tag=x"},
		{NULL,
			"{\"errors\":[{\"code\":\"A\",\"message\":\"m\",\"detail\":{"
			"\"Tag\":"
			"1}}]}",
			"A", "A: m"},
		{NULL,
			"{\"errors\":[{\"code\":\"A\",\"message\":\"m\",\"detail\":\"m\"}"
			"]}",
			"A", "A: m"},
		{NULL,
			"{\"errors\":[{\"code\":\"A\"},{\"code\":\"B\",\"message\":\"b\"}"
			"]}",
			"A", "A; B: b"},
		{NULL, "{\"errors\":[{\"message\":\"only\"}]}", "", "only"},
		{NULL,
			"{\"errors\":[{\"code\":\"1\"},{\"code\":\"2\"},{\"code\":\"3\"},"
			"{"
			"\"code\":\"4\"}]}",
			"1", "1; 2; 3"},
		{NULL, "{\"errors\":[{\"code\":\"A\",\"message\":\"x\\ny\\u001b[31m\"}]}",
			"A", "A: x\\x0ay\\x1b[31m"},
		{NULL, "{\"errors\":[7,{\"code\":\"A\"}]}", "A", "A"},
		{NULL, "{\"errors\":[{\"code\":7,\"message\":{}}]}", "", ""},
		{NULL, "{\"errors\":[]}", "", ""},
		{NULL, "{\"errors\":{}}", "", ""},
		{NULL, "{}", "", ""},
		{NULL, "[]", "", ""},
		{NULL, "{", "", ""},
		{NULL, "", "", ""},
		{"text/plain", "404 page not found\n", "", "404 page not found"},
		{"text/plain", "two\nlines\n", "", ""},
		{"text/plain", "\n", "", ""},
		{"text/html", "<html>", "", ""},
		{NULL, "404 page not found\n", "", ""},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct error_document e =
			error_document_read(c[i].body, strlen(c[i].body), c[i].type);

		CHECK_STR(e.code, c[i].code);
		CHECK_STR(e.text, c[i].text);
	}
}

static void long_error_documents(void)
{
	AUTO_BUF struct buf b = {0};
	struct error_document e;

	CHECK_EQ(buf_printf(&b,
			 "{\"errors\":[{\"code\":\"%0500d\",\"message\":\"%0500d\"},{"
			 "\"code\":\"%0500d\"}]}",
			 0, 0, 0),
		0);
	e = error_document_read(b.data, b.len, NULL);
	CHECK_EQ(strlen(e.code), sizeof(e.code) - 1);
	CHECK(strlen(e.text) < sizeof(e.text));
	CHECK(strstr(e.text, "..."));
}

int main(void)
{
	waits();
	two_digit_years();
	warnings();
	many_warnings();
	error_documents();
	long_error_documents();
	TEST_END;
}
