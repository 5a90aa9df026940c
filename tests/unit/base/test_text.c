/* Bytes from outside in messages: quoting, cutting, UTF-8, sizes. */
#include "base/text.h"
#include "unit.h"

#define QUOTE(text) text_quote(text, sizeof(text) - 1).s

static void quoting(void)
{
	CHECK_STR(QUOTE(""), "");
	CHECK_STR(QUOTE("usr/bin/x y"), "usr/bin/x y");
	CHECK_STR(QUOTE("a\nb\x7f\\"), "a\\x0ab\\x7f\\x5c");
	CHECK_STR(QUOTE("a\0b"), "a\\x00b");
	CHECK_STR(QUOTE("\x1b[31m"), "\\x1b[31m");
	CHECK_STR(QUOTE("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	CHECK_STR(QUOTE("\xc3"), "\\xc3");
	CHECK_STR(QUOTE("\xe2\x82"), "\\xe2\\x82");
}

static void utf8(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"\xc2\xa0", 2},
		{"\xc2\x9b", 0}, /* CSI of C1 */
		{"\xc1\xbf", 0},
		{"\xc0\x80", 0}, /* overlong */
		{"\xe0\xa0\x80", 3},
		{"\xe0\x9f\xbf", 0}, /* overlong */
		{"\xed\x9f\xbf", 3},
		{"\xed\xa0\x80", 0}, /* surrogate */
		{"\xf0\x90\x80\x80", 4},
		{"\xf0\x8f\xbf\xbf", 0},
		{"\xf4\x8f\xbf\xbf", 4},
		{"\xf4\x90\x80\x80", 0},
		{"\xf5\x80\x80\x80", 0},
		{"\x80", 0},
		{"a", 0},
		{"\xc3"
		 "a",
			0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].bytes);

		CHECK_EQ(text_utf8_len(cases[i].bytes, n), cases[i].len);
		if (n > 1)
			CHECK_EQ(text_utf8_len(cases[i].bytes, n - 1), 0);
	}
}

/* Every length, of bytes that need one, three or four places each. */
static void cutting(void)
{
	static const char *const unit[] = {
		"a", "\n", "\xe2\x82\xac", "a\n", "\xff\xc3\xa4"};
	unsigned char bytes[700];

	for (size_t u = 0; u < sizeof(unit) / sizeof(unit[0]); u++)
		for (size_t n = 0; n < sizeof(bytes); n++) {
			for (size_t i = 0; i < n; i++)
				bytes[i] = (unsigned char)unit[u][i % strlen(unit[u])];
			/* freshly allocated: a sanitizer sees a step too far */
			unsigned char *copy = malloc(n ? n : 1);

			memcpy(copy, bytes, n);

			struct quoted q = text_quote(copy, n);

			free(copy);
			CHECK(memchr(q.s, 0, sizeof(q.s)) != NULL);
			if (n <= 49)
				CHECK(strstr(q.s, "...") == NULL);
			if (n >= 200)
				CHECK(strstr(q.s, "...") != NULL);
		}

	char path[400] = "start/of/the/path/";

	memset(path + 18, 'x', 300);
	snprintf(path + 318, 20, "/the/end");
	CHECK(strncmp(text_quote(path, strlen(path)).s, "start/of/the/path/x", 19) == 0);
	CHECK(strstr(text_quote(path, strlen(path)).s, "/the/end") != NULL);
	/* a tail that would begin inside of a character */
	for (size_t i = 0; i < 132; i++)
		memcpy(path + 3 * i, "\xe2\x82\xac", 3);
	for (size_t n = 390; n < 397; n += 3)
		CHECK(strchr(text_quote(path, n).s, '\\') == NULL);
}

static void sizes(void)
{
	CHECK_STR(text_size(0).s, "0 bytes");
	CHECK_STR(text_size(1023).s, "1023 bytes");
	CHECK_STR(text_size(1024).s, "1.0 KiB");
	CHECK_STR(text_size(1536 << 20).s, "1.5 GiB");
	CHECK_STR(text_size(312 << 20).s, "312 MiB");
	CHECK_STR(text_size(UINT64_MAX).s, "16 EiB");
}

/* A password is shown nowhere, whatever is wrong with the rest. */
static void places(void)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"", ""},
		{"nginx:1.2@sha256:ab", "nginx:1.2@sha256:ab"},
		{"localhost:5000/a/b@sha512:x/y", "localhost:5000/a/b@sha512:x/y"},
		{"localhost:5000/a@b", "localhost:5000/a@b"},
		{"a@b", "a@b"},
		{"https://host/a", "https://host/a"},
		{"u:p@host", "***@host"},
		{"u:p@host:5000/x\n", "***@host:5000/x\\x0a"},
		{"token@host/x", "***@host/x"},
		{"u:a/b@host/x", "***@host/x"},
		{"u:a@b@host/x@sha256:", "***@host/x@sha256:"},
		{"https://u:p@host/x", "https://***@host/x"},
		{"https://u:a/b?c#d@host", "https://***@host"},
		{"https://u@", "https://***@"},
		{"://@", "://***@"},
		{"u:p@sha256:x@host", "***@host"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(text_quote_place(cases[i].text, strlen(cases[i].text)).s,
			cases[i].shown);
}

int main(void)
{
	quoting();
	utf8();
	cutting();
	sizes();
	places();
	TEST_END;
}
