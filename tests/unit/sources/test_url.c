/* URLs, hosts that are not for the public, lists of strings. */
#include <errno.h>

#include "sources/registry/strings.h"
#include "sources/registry/url.h"
#include "unit.h"

static void test_parse(void)
{
	static const struct {
		const char *text, *host;
		bool https;
		unsigned port;
	} good[] = {
		{"https://example.com", "example.com", true, 443},
		{"http://example.com/", "example.com", false, 80},
		{"HTTPS://Example.COM/v2/A?b=c#d", "example.com", true, 443},
		{"https://example.com:5000/v2/", "example.com", true, 5000},
		{"https://example.com:?x", "example.com", true, 443},
		{"https://example.com#x", "example.com", true, 443},
		{"http://127.0.0.1:65535", "127.0.0.1", false, 65535},
		{"http://[::1]:5000/x", "::1", false, 5000},
		{"http://[FE80::A]", "fe80::a", false, 80},
		{"http://a_b.c-d:1/@:", "a_b.c-d", false, 1},
		{"http://host./", "host.", false, 80},
		{"http://h?user@other/", "h", false, 80},
	};
	static const char *const bad[] = {
		"",
		"example.com",
		"//example.com/",
		"ftp://example.com/",
		"file:///etc/passwd",
		"http:/example.com",
		"http://",
		"http:///x",
		"https://:443/",
		"https://?x",
		"https://user@example.com/",
		"https://user:word@example.com/",
		"https://example.com:0/",
		"https://example.com:65536/",
		"https://example.com:4294967739/",
		"https://example.com:80x/",
		"https://example.com:-1/",
		"https://ex ample.com/",
		"https://example.com/a b",
		"https://example.com/a\r\nHost: x",
		"https://example.com/\x7f",
		"https://ex\xc3\xa4mple.com/",
		"https://example.com/\xc3\xa4",
		"https://example.com\\@other/",
		"https://example%2ecom/",
		"https://.example.com/",
		"https://example..com/",
		"https://[::1/",
		"https://[::1]x/",
		"https://[]/",
		"https://[::1%25eth0]/",
		"https://[127.0.0.1]/",
		"https://[example.com]/",
		"https://::1/",
	};
	char longest[400] = "https://";

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct url u = {0};

		CHECK_EQ(url_parse(good[i].text, &u), 0);
		CHECK_STR(u.host, good[i].host);
		CHECK_EQ(u.https, good[i].https);
		CHECK_EQ(u.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct url u = {.port = 7};

		if (url_parse(bad[i], &u) != -EINVAL)
			fprintf(stderr, "%s\n", bad[i]);
		CHECK_EQ(url_parse(bad[i], &u), -EINVAL);
		CHECK_EQ(u.port, 7);
	}
	for (size_t n = 1; n < 300; n++) {
		struct url u = {0};

		strcat(longest, "x");
		CHECK_EQ(url_parse(longest, &u), n <= 254 ? 0 : -EINVAL);
	}
}

static void test_origin(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} pair[] = {
		{"https://x/a", "https://X:443/b", true},
		{"http://x/", "http://x:80", true},
		{"http://x/", "https://x/", false},
		{"http://x:443/", "https://x/", false},
		{"https://x/", "https://x:444/", false},
		{"https://x/", "https://y/", false},
		{"https://x/", "https://sub.x/", false},
		{"https://x/", "https://x./", false},
	};

	for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		struct url a = {0}, b = {0};

		CHECK_EQ(url_parse(pair[i].a, &a), 0);
		CHECK_EQ(url_parse(pair[i].b, &b), 0);
		CHECK_EQ(url_same_origin(&a, &b), pair[i].same);
	}
}

static void test_hosts(void)
{
	enum {
		PUBLIC,
		PRIVATE,
		LOOPBACK,
	};
	static const struct {
		const char *host;
		int is;
	} host[] = {
		{"example.com", PUBLIC},
		{"localhost", LOOPBACK},
		{"LocalHost", LOOPBACK},
		{"a.localhost", LOOPBACK},
		{"localhost.", PRIVATE},
		{"a.localhost.", PRIVATE},
		{".localhost", PUBLIC},
		{"notlocalhost", PUBLIC},
		{"localhost.example.com", PUBLIC},
		{"127.0.0.1.example.com", PUBLIC},
		{"", PUBLIC},
		{".", PUBLIC},
		{"127.0.0.1", LOOPBACK},
		{"127.0.0.1.", LOOPBACK},
		{"127.255.255.255", LOOPBACK},
		{"127.1", LOOPBACK},
		{"127.0.1", LOOPBACK},
		{"2130706433", LOOPBACK},
		{"0x7f000001", LOOPBACK},
		{"0X7F.1", LOOPBACK},
		{"017700000001", LOOPBACK},
		{"0177.0.0.01", LOOPBACK},
		{"128.0.0.1", PUBLIC},
		{"8.8.8.8", PUBLIC},
		{"134744072", PUBLIC},
		{"0.0.0.0", PRIVATE},
		{"0", PRIVATE},
		{"10.0.0.1", PRIVATE},
		{"012.1.2.3", PRIVATE},
		{"0xa000001", PRIVATE},
		{"11.0.0.1", PUBLIC},
		{"100.63.255.255", PUBLIC},
		{"100.64.0.1", PRIVATE},
		{"100.127.255.255", PRIVATE},
		{"100.128.0.0", PUBLIC},
		{"169.254.169.254", PRIVATE},
		{"172.15.0.1", PUBLIC},
		{"172.16.0.1", PRIVATE},
		{"172.31.255.255", PRIVATE},
		{"172.32.0.0", PUBLIC},
		{"192.168.1.1", PRIVATE},
		{"192.167.1.1", PUBLIC},
		{"192.0.0.1", PRIVATE},
		{"198.18.0.1", PRIVATE},
		{"198.20.0.1", PUBLIC},
		{"224.0.0.1", PRIVATE},
		{"255.255.255.255", PRIVATE},
		{"300.1.1.1", PUBLIC},
		{"1.2.3.4.5", PUBLIC},
		{"::1", LOOPBACK},
		{"[::1]", LOOPBACK},
		{"0:0:0:0:0:0:0:1", LOOPBACK},
		{"::ffff:127.0.0.1", LOOPBACK},
		{"[::ffff:7f00:1]", LOOPBACK},
		{"::", PRIVATE},
		{"::127.0.0.1", PRIVATE},
		{"::ffff:10.0.0.1", PRIVATE},
		{"::ffff:8.8.8.8", PUBLIC},
		{"::ffff:0:10.0.0.1", PRIVATE},
		{"64:ff9b::127.0.0.1", PRIVATE},
		{"64:ff9b::a00:1", PRIVATE},
		{"64:ff9b::808:808", PUBLIC},
		{"64:ff9b:1::808:808", PRIVATE},
		{"2002:a00:1::1", PRIVATE},
		{"2002:808:808::1", PUBLIC},
		{"2001:0:1:2:3:4:f5ff:fffe", PRIVATE}, /* 10.0.0.1 inverted */
		{"2001:0:1:2:3:4:f7f7:f7f7", PUBLIC},
		{"fe80::1", PRIVATE},
		{"fe80::1%eth0", PRIVATE},
		{"febf::1", PRIVATE},
		{"fec0::1", PRIVATE},
		{"fc00::1", PRIVATE},
		{"FD12:3456::1", PRIVATE},
		{"fbff::1", PUBLIC},
		{"ff02::1", PRIVATE},
		{"2606:4700::1111", PUBLIC},
		{"[10.0.0.1]", PRIVATE},
	};

	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
		int before = unit_failures;

		CHECK_EQ(host_is_private(host[i].host), host[i].is != PUBLIC);
		CHECK_EQ(host_is_loopback(host[i].host), host[i].is == LOOPBACK);
		if (unit_failures != before)
			fprintf(stderr, "host \"%s\"\n", host[i].host);
	}
}

static void test_encode(void)
{
	AUTO_BUF struct buf b = {0};
	AUTO_BUF struct buf small = {.max = 4};

	CHECK_EQ(url_encode(&b, "aZ09-._~ /:&=+%\xc3\xa4\n"), 0);
	CHECK_STR(b.data, "aZ09-._~%20%2F%3A%26%3D%2B%25%C3%A4%0A");
	CHECK_EQ(url_encode(&b, ""), 0);
	CHECK_EQ(url_encode(&small, "ab/cd"), -EFBIG);
}

static void test_strings(void)
{
	struct strings l = {0};

	for (int i = 0; i < 100; i++)
		CHECK_EQ(strings_add(&l, "abcdef", (size_t)i % 7), 0);
	CHECK_EQ(l.count, 100);
	CHECK_STR(l.s[0], "");
	CHECK_STR(l.s[3], "abc");
	CHECK_STR(l.s[99], "a");
	strings_finish(&l);
	CHECK_EQ(l.count, 0);
	CHECK_EQ(strings_add(&l, "x", 1), 0);
	CHECK_STR(l.s[0], "x");
	strings_finish(&l);
}

int main(void)
{
	test_parse();
	test_origin();
	test_hosts();
	test_encode();
	test_strings();
	TEST_END;
}
