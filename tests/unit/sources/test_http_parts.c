/* What is told by text alone: header lines, redirects, proxies, texts of errors. */
#include <errno.h>

#include "base/cleanup.h"
#include "sources/registry/http_impl.h"
#include "unit.h"

static void test_content_range(void)
{
	static const struct {
		const char *text;
		uint64_t first, last, total;
	} good[] = {
		{"bytes 0-0/1", 0, 0, 1},
		{"bytes 5-9/10", 5, 9, 10},
		{"Bytes  5-9/*", 5, 9, UINT64_MAX},
		{"bytes 0-18446744073709551613/18446744073709551614", 0, UINT64_MAX - 2,
			UINT64_MAX - 1},
	};
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes ",
		"bytes=0-9/10",
		"bytes0-9/10",
		"items 0-9/10",
		"bytes */10",
		"bytes 0-9",
		"bytes 0-9/",
		"bytes 9-0/10",
		"bytes 0-9/9",
		"bytes 0-9/10x",
		"bytes 0-9/*x",
		"bytes -9/10",
		"bytes 0--9/10",
		"bytes +0-9/10",
		"bytes 0x0-9/10",
		"bytes 0 -9/10",
		"bytes 0-18446744073709551616/*",
		"bytes 0-1/18446744073709551615",
		"bytes 0-99999999999999999999999999/*",
		"bytes 0-1/2, bytes 3-4/5",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t first = 1, last = 1, total = 1;

		CHECK(http_content_range(good[i].text, &first, &last, &total));
		CHECK_EQ(first, good[i].first);
		CHECK_EQ(last, good[i].last);
		CHECK_EQ(total, good[i].total);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t first, last, total;

		if (http_content_range(bad[i], &first, &last, &total))
			fprintf(stderr, "%s\n", bad[i]);
		CHECK(!http_content_range(bad[i], &first, &last, &total));
	}
}

/* Lines with "\n" between them; the last result. */
static int feed(struct http_headers *h, const char *lines)
{
	int r = 0;

	while (*lines) {
		size_t n = strcspn(lines, "\n") + 1;

		r = http_headers_line(h, lines, n);
		lines += n;
	}
	return r;
}

static void test_headers(void)
{
	struct http_reply reply = {.url = strdup("http://x/")};
	struct http_headers h = {.reply = &reply};

	CHECK_EQ(feed(&h, "HTTP/1.1 100 Continue\r\nContent-Type: a/b\r\n\r\n"), 0);
	CHECK(!h.done);
	CHECK_EQ(feed(&h, "HTTP/1.1 206 Partial Content\r\n"
			  "Content-Type:  Text/JSON ; charset=utf-8\r\n"
			  "CONTENT-LENGTH: 7\r\n"
			  "content-length: 7\r\n"
			  "Content-Range: bytes 3-9/100\r\n"
			  "Docker-Content-Digest:sha256:ab\t\r\n"
			  "Retry-After: 120\r\n"
			  "RateLimit-Limit: 100;w=21600\r\n"
			  "ratelimit-remaining: 76;w=21600\r\n"
			  "WWW-Authenticate: Bearer realm=\"x\"\r\n"
			  "www-authenticate: Basic realm=\"y\"\r\n"
			  "Warning: 299 - \"one\"\r\n"
			  "Warning: 299 - \"two\"\r\n"
			  " folded: 1\r\n"
			  "no colon\r\n"
			  ": no name\r\n"
			  "\r\n"),
		1);
	CHECK(h.done);
	CHECK_EQ(reply.status, 206);
	CHECK_STR(reply.content_type, "text/json");
	CHECK(reply.has_length);
	CHECK_EQ(reply.length, 7);
	CHECK(reply.has_range);
	CHECK_EQ(reply.range_first, 3);
	CHECK_EQ(reply.range_last, 9);
	CHECK_EQ(reply.range_total, 100);
	CHECK_STR(reply.digest, "sha256:ab");
	CHECK_STR(reply.retry_after, "120");
	CHECK_STR(reply.rate_limit, "100;w=21600");
	CHECK_STR(reply.rate_remaining, "76;w=21600");
	CHECK_EQ(reply.challenges.count, 2);
	CHECK_STR(reply.challenges.s[0], "Bearer realm=\"x\"");
	CHECK_EQ(reply.warnings.count, 2);
	CHECK_STR(reply.warnings.s[1], "299 - \"two\"");
	CHECK_STR(reply.url, "http://x/");

	/* trailers say nothing */
	CHECK_EQ(feed(&h, "Content-Type: late\r\nHTTP/1.1 500 No\r\n\r\n"), 0);
	CHECK_EQ(reply.status, 206);
	CHECK_STR(reply.content_type, "text/json");
	http_headers_finish(&h);
	http_reply_finish(&reply);
}

/* Fields that contradict themselves, or say nothing, are not there. */
static void test_doubtful_headers(void)
{
	static const struct {
		const char *lines;
		bool length, range;
	} row[] = {
		{"Content-Length: 1\n\n", true, false},
		{"Content-Length: 1\nContent-Length: 2\n\n", false, false},
		{"Content-Length: 2\nContent-Length: x\nContent-Length: 2\n\n", false,
			false},
		{"Content-Length: +1\n\n", false, false},
		{"Content-Length: 1, 1\n\n", false, false},
		{"Content-Length:\n\n", false, false},
		{"Content-Length: 18446744073709551616\n\n", false, false},
		{"Content-Length: 1\nTransfer-Encoding: chunked\n\n", false, false},
		{"Transfer-Encoding: identity\nContent-Length: 1\n\n", true, false},
		{"Content-Range: bytes 0-1/2\n\n", false, true},
		{"Content-Range: bytes 0-1/2\nContent-Range: bytes 0-1/2\n\n", false,
			true},
		{"Content-Range: bytes 0-1/2\nContent-Range: bytes 1-1/2\n\n", false,
			false},
		{"Content-Range: x\nContent-Range: bytes 1-1/2\n\n", false, false},
		{"Content-Range: bytes 0-1/2\nHTTP/1.1 200 OK\n\n", false, false},
		{"Content-Length : 1\n\n", false, false},
		{" Content-Length: 1\n\n", false, false},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_reply reply = {0};
		struct http_headers h = {.reply = &reply};

		CHECK_EQ(feed(&h, "HTTP/1.0 200\n"), 0);
		CHECK_EQ(reply.status, 200);
		CHECK_EQ(feed(&h, row[i].lines), 1);
		CHECK_EQ(reply.has_length, row[i].length);
		CHECK_EQ(reply.has_range, row[i].range);
		http_headers_finish(&h);
		http_reply_finish(&reply);
	}
}

static void test_header_limit(void)
{
	/* the zero behind it is for sanitizers, which want one behind what strndup reads
	 */
	static char line[1024 + 1];
	const size_t size = sizeof(line) - 1;
	struct http_reply reply = {0};
	struct http_headers h = {.reply = &reply};
	int r = 0, n = 0;

	memset(line, 'x', size);
	memcpy(line, "Warning: ", 9);
	CHECK_EQ(feed(&h, "HTTP/1.1 200 OK\n"), 0);
	for (; r == 0; n++)
		r = http_headers_line(&h, line, size);
	CHECK_EQ(r, -EFBIG);
	CHECK_EQ(n, HTTP_HEADER_MAX / (int)size);
	CHECK_EQ(reply.warnings.count, n - 1);
	http_headers_finish(&h);
	http_reply_finish(&reply);

	/* interim replies without end */
	h = (struct http_headers){.reply = &reply};
	for (r = n = 0; r == 0 && n < HTTP_HEADER_MAX; n++)
		r = feed(&h, "HTTP/1.1 102 Processing\n\n");
	CHECK_EQ(r, -EFBIG);
	http_headers_finish(&h);
	http_reply_finish(&reply);
}

static void test_redirect(void)
{
	static const struct {
		const char *from, *location, *to; /* NULL: refused */
	} row[] = {
		{"https://a/v2/x/y", "https://b/z?s=1%2F2&t=a+b",
			"https://b/z?s=1%2F2&t=a+b"},
		{"https://a/v2/x/y", "//b:1/z", "https://b:1/z"},
		{"https://a/v2/x/y", "/z", "https://a/z"},
		{"https://a/v2/x/y", "z", "https://a/v2/x/z"},
		{"https://a/v2/x/y", "../z", "https://a/v2/z"},
		{"https://a/v2/x/y?q=1", "?p=2", "https://a/v2/x/y?p=2"},
		{"https://a/v2/x/y", "/z#part", "https://a/z"},
		{"https://a/v2/x/y", "/a b", "https://a/a%20b"},
		{"http://a/v2/", "https://a/v2/", "https://a/v2/"},
		{"http://a/v2/", "http://127.0.0.1/x", "http://127.0.0.1/x"},
		{"https://a/", "http://a/", NULL},
		{"https://a/", "HTTP://b/", NULL},
		{"https://a/", "ftp://a/", NULL},
		{"https://a/", "file:///etc/passwd", NULL},
		{"https://a/", "javascript:alert(1)", NULL},
		{"https://a/", "https://user:word@b/", NULL},
		{"https://a/", "https://b:99999/", NULL},
		{"https://a/", "https://b\\@c/", NULL},
		{"https://a/", "https:///", NULL},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		AUTO_FREE char *next = NULL;
		struct url parts = {0};
		struct o2r_err err = {0};
		int r = http_redirect(row[i].from, row[i].location, &next, &parts, &err);

		if (!row[i].to) {
			if (r != -EPERM)
				fprintf(stderr, "%s\n", row[i].location);
			CHECK_EQ(r, -EPERM);
			CHECK(!next && err.cls == ERR_FAIL);
			CHECK(strstr(err.text, "a:443 redirects"));
			CHECK(!strstr(err.text, "word"));
			continue;
		}
		CHECK_EQ(r, 0);
		CHECK_STR(next, row[i].to);
	}
	for (long s = 100; s < 600; s++)
		CHECK_EQ(http_is_redirect(s),
			s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

static void test_proxy(void)
{
	static const char P[] = "http://p:3128";
	static const struct {
		const char *http, *https, *no, *url, *proxy; /* NULL: directly */
	} row[] = {
		{NULL, NULL, NULL, "http://x/", NULL},
		{"", "", "", "https://x/", NULL},
		{P, NULL, NULL, "http://x/", P},
		{P, NULL, NULL, "https://x/", NULL},
		{NULL, P, NULL, "https://x/", P},
		{NULL, P, NULL, "http://x/", NULL},
		/* forms of a proxy */
		{NULL, "p", NULL, "https://x/", "http://p:80"},
		{NULL, "p:8080", NULL, "https://x/", "http://p:8080"},
		{NULL, "http://P", NULL, "https://x/", "http://p:80"},
		{NULL, "http://p:/", NULL, "https://x/", "http://p:80"},
		{NULL, "https://p", NULL, "https://x/", "https://p:443"},
		{NULL, "HTTPS://p:1/path", NULL, "https://x/", "https://p:1"},
		{NULL, "socks5://p", NULL, "https://x/", "socks5h://p:1080"},
		{NULL, "socks5h://p:9", NULL, "https://x/", "socks5h://p:9"},
		{NULL, "http://[::1]:1", NULL, "https://x/", "http://[::1]:1"},
		{NULL, "https://[fd00::1]", NULL, "https://x/", "https://[fd00::1]:443"},
		/* loopback never, in any form */
		{P, P, NULL, "http://localhost:5000/", NULL},
		{P, P, NULL, "http://reg.localhost/", NULL},
		{P, P, NULL, "https://127.0.0.1/", NULL},
		{P, P, NULL, "https://127.8.9.1/", NULL},
		{P, P, NULL, "https://[::1]/", NULL},
		{P, P, NULL, "https://localhost.example.com/", P},
		/* names: with what is below them, or only that */
		{P, P, "example.com", "https://example.com/", NULL},
		{P, P, "example.com", "https://a.b.example.com/", NULL},
		{P, P, "example.com", "https://notexample.com/", P},
		{P, P, "example.com", "https://example.com.org/", P},
		{P, P, ".example.com", "https://example.com/", P},
		{P, P, ".example.com", "https://a.example.com/", NULL},
		{P, P, "*.example.com", "https://example.com/", P},
		{P, P, "*.example.com", "https://a.example.com/", NULL},
		{P, P, "a*.example.com", "https://ab.example.com/", P},
		{P, P, " EXAMPLE.com ,b", "https://example.com/", NULL},
		{P, P, "a,, b ,example.com", "https://example.com/", NULL},
		{P, P, "a example.com", "https://example.com/", P},
		{P, P, "com", "https://example.com/", NULL},
		/* ports */
		{P, P, "example.com:443", "https://example.com/", NULL},
		{P, P, "example.com:80", "https://example.com/", P},
		{P, P, "example.com:80", "http://example.com/", NULL},
		{P, P, "example.com:5000", "http://a.example.com:5000/", NULL},
		{P, P, "example.com:", "https://example.com/", NULL},
		{P, P, "example.com:x", "https://example.com/", P},
		{P, P, ":443", "https://example.com/", P},
		{P, P, "10.0.0.1:5000", "http://10.0.0.1:5000/", NULL},
		{P, P, "10.0.0.1:5000", "http://10.0.0.1/", P},
		{P, P, "[fd00::1]:5000", "http://[fd00::1]:5000/", NULL},
		{P, P, "[fd00::1]:5000", "http://[fd00::1]:1/", P},
		/* everything, wherever it stands */
		{P, P, "*", "https://example.com/", NULL},
		{P, P, "a,*", "https://10.0.0.1/", NULL},
		{P, P, "*a", "https://a/", P},
		/* addresses and networks; names are not looked up */
		{P, P, "10.0.0.1", "https://10.0.0.1/", NULL},
		{P, P, "10.0.0.1", "https://10.0.0.2/", P},
		{P, P, "10.0.0.1", "https://1.10.0.0.1/", P},
		{P, P, "10.0.0.0/8", "https://10.255.0.1/", NULL},
		{P, P, "10.0.0.0/8", "https://11.0.0.1/", P},
		{P, P, "10.1.2.3/9", "https://10.127.0.1/", NULL},
		{P, P, "10.1.2.3/9", "https://10.128.0.1/", P},
		{P, P, "0.0.0.0/0", "https://8.8.8.8/", NULL},
		{P, P, "0.0.0.0/0", "https://[fd00::1]/", P},
		{P, P, "10.0.0.0/33", "https://10.0.0.0/", P},
		{P, P, "10.0.0.0/x", "https://10.0.0.0/", P},
		{P, P, "10.0.0.0/8", "https://example.com/", P},
		{P, P, "fd00::/8", "https://[fd12::1]/", NULL},
		{P, P, "fd00::/8", "https://[fe80::1]/", P},
		{P, P, "fd00::1", "https://[fd00:0::1]/", NULL},
		{P, P, "10.0.0.1", "https://[::ffff:10.0.0.1]/", NULL},
		{P, P, "::ffff:10.0.0.1", "https://10.0.0.1/", NULL},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_proxy_env env = {
			.http = row[i].http, .https = row[i].https, .no = row[i].no};
		struct http_proxy proxy = {{0}};
		struct url u = {0};
		struct o2r_err err = {0};
		int before = unit_failures;

		CHECK_EQ(url_parse(row[i].url, &u), 0);
		CHECK_EQ(http_proxy_choose(&env, &u, &proxy, &err), row[i].proxy != NULL);
		CHECK_STR(proxy.url, row[i].proxy ? row[i].proxy : "");
		CHECK(!proxy.username && !proxy.password);
		if (unit_failures != before)
			fprintf(stderr, "NO_PROXY \"%s\", %s\n",
				row[i].no ? row[i].no : "", row[i].url);
		http_proxy_finish(&proxy);
	}
}

static void test_proxy_user(void)
{
	static const struct {
		const char *proxy, *username, *password;
	} row[] = {
		{"http://u:w@p:1", "u", "w"},
		{"u:w@p:1", "u", "w"},
		{"http://u@p:1", "u", ""},
		{"http://u:@p:1", "u", ""},
		{"http://u%40x:w%3A%2f%zz%4@p:1", "u@x", "w:/%zz%4"},
		{"http://u:w@x@p:1", "u", "w@x"},
	};
	struct http_proxy_env cgi = {.http = "p:1", .https = "p:1", .cgi = true};
	struct url http = {0}, https = {0};

	CHECK_EQ(url_parse("http://x/", &http), 0);
	CHECK_EQ(url_parse("https://x/", &https), 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_proxy_env env = {.http = row[i].proxy};
		struct http_proxy proxy = {{0}};

		CHECK_EQ(http_proxy_choose(&env, &http, &proxy, NULL), 1);
		CHECK_STR(proxy.url, "http://p:1");
		CHECK_STR(proxy.place.s, "p:1");
		CHECK_STR(proxy.username, row[i].username);
		CHECK_STR(proxy.password, row[i].password);
		http_proxy_finish(&proxy);
	}

	struct http_proxy proxy = {{0}};

	CHECK_EQ(http_proxy_choose(&cgi, &http, &proxy, NULL), 0);
	CHECK_EQ(http_proxy_choose(&cgi, &https, &proxy, NULL), 1);
	http_proxy_finish(&proxy);
}

static void test_bad_proxy(void)
{
	static const char *const bad[] = {
		"ftp://p:1",
		"http://",
		"http://secret:word@",
		"secret:word@p:99999",
		"secret:word@p q",
		"http://secret:word@p\n",
		"://p",
	};
	struct url u = {0};

	CHECK_EQ(url_parse("https://x/", &u), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_proxy_env env = {.https = bad[i]};
		struct http_proxy proxy = {{0}};
		struct o2r_err err = {0};

		CHECK_EQ(http_proxy_choose(&env, &u, &proxy, &err), -EINVAL);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK(strstr(err.text, "HTTPS_PROXY"));
		CHECK(!strstr(err.text, "secret") && !strstr(err.text, "word"));
		CHECK(!proxy.username);
	}
}

static void test_proxy_env(void)
{
	static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY",
		"https_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	CHECK(!http_proxy_env().http && !http_proxy_env().https && !http_proxy_env().no &&
		!http_proxy_env().cgi);
	setenv("http_proxy", "a", 1);
	setenv("https_proxy", "b", 1);
	setenv("no_proxy", "c", 1);
	setenv("REQUEST_METHOD", "", 1);
	CHECK_STR(http_proxy_env().http, "a");
	CHECK_STR(http_proxy_env().https, "b");
	CHECK_STR(http_proxy_env().no, "c");
	CHECK(!http_proxy_env().cgi);
	setenv("HTTP_PROXY", "", 1);
	setenv("HTTPS_PROXY", "B", 1);
	setenv("NO_PROXY", "C", 1);
	setenv("REQUEST_METHOD", "GET", 1);
	CHECK_STR(http_proxy_env().http, "a");
	CHECK_STR(http_proxy_env().https, "B");
	CHECK_STR(http_proxy_env().no, "C");
	CHECK(http_proxy_env().cgi);
}

static void test_proxy_certificate(void)
{
	struct url to = {0};
	struct http_proxy proxy = {.place.s = "p:1", .tls = true};
	struct http_failure f = {.code = CURLE_PEER_FAILED_VERIFICATION,
		.detail = "",
		.proxy_verify = 19,
		.to = &to,
		.own_origin = true,
		.proxy = &proxy};
	struct o2r_err err = {0};

	CHECK_EQ(url_parse("https://x/", &to), 0);
	CHECK_EQ(http_failure(&f, &err), -EKEYREJECTED);
	CHECK(strstr(err.text, "the proxy p:1 is not trusted (unknown issuer)"));
	f.verify = 10;
	CHECK_EQ(http_failure(&f, &err), -EKEYREJECTED);
	CHECK(strstr(err.text, "x:443 is not trusted (expired)"));
	f.verify = f.proxy_verify = 19;
	f.own_origin = false;
	CHECK_EQ(http_failure(&f, &err), -EKEYREJECTED);
	CHECK(strstr(err.text, "redirects there"));
}

/* Codes that need a network, or a broken one, to be met. */
static void test_failures(void)
{
	static const struct {
		CURLcode code;
		const char *detail;
		bool greeted;
		long os_error, verify, connect_code;
		bool proxied;
		int cls, result;
		const char *says;
	} row[] = {
		{CURLE_OPERATION_TIMEDOUT, "", false, 0, 0, 0, false, ERR_FAIL,
			-ETIMEDOUT, "x:5000 did not answer within 30 s"},
		{CURLE_OPERATION_TIMEDOUT, "", true, 0, 0, 0, false, ERR_FAIL, -ETIMEDOUT,
			"x:5000 sent nothing for 60 s"},
		{CURLE_OPERATION_TIMEDOUT, "", false, 0, 0, 0, true, ERR_FAIL, -ETIMEDOUT,
			"the proxy p:1 did not answer"},
		{CURLE_COULDNT_CONNECT, "", false, ENETUNREACH, 0, 0, false, ERR_FAIL,
			-EHOSTUNREACH, "no way to x:5000"},
		{CURLE_COULDNT_CONNECT, "", false, ETIMEDOUT, 0, 0, false, ERR_FAIL,
			-ETIMEDOUT, "x:5000"},
		{CURLE_COULDNT_CONNECT, "", false, ECONNREFUSED, 0, 0, true, ERR_FAIL,
			-ECONNREFUSED, "nobody listens at the proxy p:1"},
		{CURLE_COULDNT_RESOLVE_PROXY, "", false, 0, 0, 0, true, ERR_FAIL,
			-EHOSTUNREACH, "the proxy \"p:1\""},
		{CURLE_RECV_ERROR, "", false, 0, 0, 502, true, ERR_FAIL, -EHOSTUNREACH,
			"the proxy p:1 cannot reach x:5000"},
		{CURLE_RECV_ERROR, "", false, 0, 0, 407, true, ERR_ACCESS, -EACCES,
			"HTTPS_PROXY"},
		{CURLE_RECV_ERROR, "", false, 0, 0, 403, true, ERR_ACCESS, -EACCES,
			"lets nobody through"},
		{CURLE_PEER_FAILED_VERIFICATION, "", false, 0, 19, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "(unknown issuer): give"},
		{CURLE_PEER_FAILED_VERIFICATION, "", false, 0, 10, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "(expired)"},
		{CURLE_PEER_FAILED_VERIFICATION, "", false, 0, 9, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "clock"},
		{CURLE_PEER_FAILED_VERIFICATION, "", false, 0, 23, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "(revoked)"},
		{CURLE_PEER_FAILED_VERIFICATION, "", false, 0, 62, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "(for another name)"},
		{CURLE_PEER_FAILED_VERIFICATION,
			"no alternative certificate subject name matches", false, 0, 1, 0,
			false, ERR_ACCESS, -EKEYREJECTED, "(for another name)"},
		{CURLE_PEER_FAILED_VERIFICATION,
			"SSL certificate problem: EE certificate key too weak", false, 0,
			66, 0, false, ERR_ACCESS, -EKEYREJECTED,
			"(EE certificate key too weak)"},
		{CURLE_RECV_ERROR, "OpenSSL: tlsv13 alert certificate required", true, 0,
			0, 0, false, ERR_ACCESS, -EKEYREJECTED,
			"does not accept the client certificate \"c.cert\""},
		{CURLE_SSL_CONNECT_ERROR, "error: tlsv1 alert protocol version", false, 0,
			0, 0, false, ERR_ACCESS, -EKEYREJECTED, "TLS 1.2"},
		{CURLE_SSL_CONNECT_ERROR, "SSL_ERROR_SYSCALL", false, 0, 0, 0, false,
			ERR_FAIL, -ECONNRESET, "broke while it was made"},
		{CURLE_SSL_CERTPROBLEM, "", false, 0, 0, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "\"c.cert\" cannot be used"},
		{CURLE_SSL_CACERT_BADFILE, "", false, 0, 0, 0, false, ERR_ACCESS,
			-EKEYREJECTED, "SSL_CERT_FILE"},
		{CURLE_HTTP2_STREAM, "", true, 0, 0, 0, false, ERR_FAIL, -ECONNRESET,
			"the connection to x:5000 broke"},
		{CURLE_OUT_OF_MEMORY, "", true, 0, 0, 0, false, ERR_FAIL, -ENOMEM,
			"out of memory"},
		{CURLE_FTP_ACCEPT_FAILED, "odd\n", true, 0, 0, 0, false, ERR_FAIL, -EIO,
			"x:5000 failed (libcurl 10: odd\\x0a)"},
	};
	struct url to = {0};
	struct http_proxy proxy = {.place.s = "p:1"};

	CHECK_EQ(url_parse("https://x:5000/v2/", &to), 0);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct http_failure f = {.code = row[i].code,
			.detail = row[i].detail,
			.greeted = row[i].greeted,
			.os_error = row[i].os_error,
			.verify = row[i].verify,
			.connect_code = row[i].connect_code,
			.to = &to,
			.own_origin = true,
			.proxy = row[i].proxied ? &proxy : NULL,
			.cert = "c.cert"};
		struct o2r_err err = {0};

		CHECK_EQ(http_failure(&f, &err), row[i].result);
		CHECK_EQ(err.cls, row[i].cls);
		if (!strstr(err.text, row[i].says))
			fprintf(stderr, "\"%s\" is not in \"%s\"\n", row[i].says,
				err.text);
		CHECK(strstr(err.text, row[i].says));
	}
	for (int code = 1; code < 200; code++)
		CHECK_EQ(http_may_pass(-code),
			code == ETIMEDOUT || code == ECONNRESET || code == EHOSTUNREACH);
}

int main(void)
{
	test_content_range();
	test_headers();
	test_doubtful_headers();
	test_header_limit();
	test_redirect();
	test_proxy();
	test_proxy_user();
	test_bad_proxy();
	test_proxy_env();
	test_proxy_certificate();
	test_failures();
	TEST_END;
}
