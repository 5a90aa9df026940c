/* Redirects, who sees the Authorization header, proxies. */
#include <errno.h>

#include "http_case.h"
#include "unit.h"

static struct canned_server *server;

static const struct canned answers[] = {
	{"/ok", OK},
	{"/endless-redirect", "HTTP/1.1 302 Go\r\nLocation: /ok\r\n\r\n", CANNED_REPEAT,
		"x"},
	{"/301", TO("301", "/ok")},
	{"/302", TO("302", "ok")},
	{"/303", TO("303", "http://127.0.0.1:%P/ok?sig=a%2Fb")},
	{"/307", TO("307", "//127.0.0.1:%P/ok")},
	{"/308", TO("308", "/307")},
	{"/ok?sig=a%2Fb", OK},
	{"/300", TO("300", "/ok")},
	{"/304", "HTTP/1.1 304 Not Modified\r\nLocation: /ok\r\n\r\n"},
	{"/nowhere", "HTTP/1.1 307 Go\r\nContent-Length: 2\r\n\r\nno"},
	{"/loop", TO("302", "/loop")},
	{"/to-ftp", TO("302", "ftp://127.0.0.1/ok")},
	{"/to-file", TO("302", "file:///etc/passwd")},
	{"/to-user", TO("302", "http://user:word@127.0.0.1:%P/ok")},
	{"/to-short", "HTTP/1.1 302 Go\r\nContent-Length: 100\r\nLocation: /ok\r\n\r\nx",
		CANNED_CLOSE},
	{NULL, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
};

static void test_redirects(void)
{
	static const struct {
		const char *path, *end;
		unsigned requests;
	} row[] = {
		{"/301", "/ok", 2},
		{"/302", "/ok", 2},
		{"/303", "/ok?sig=a%2Fb", 2},
		{"/307", "/ok", 2},
		{"/308", "/ok", 3},
		{"/to-short", "/ok", 2},
		{"/endless-redirect", "/ok", 2},
	};
	struct http *h = session(&plain, NULL);

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ASKED a = {.rq.authorization = "Basic eA==",
			.rq.accept = "a/b",
			.rq.ranged = true,
			.rq.last = 1};
		char end[100];

		snprintf(end, sizeof(end), "http://127.0.0.1:%u%s", canned_port(server),
			row[i].end);
		canned_reset(server);
		CHECK_EQ(ask(h, server, row[i].path, &a), 0);
		CHECK_EQ(a.heads, 1);
		CHECK_EQ(a.reply.status, 200);
		CHECK_STR(a.reply.url, end);
		CHECK_STR(a.allowed, end);
		CHECK_STR(a.body.data, "hi");
		CHECK_EQ(a.reply.received, 2);
		CHECK_EQ(canned_requests(server), row[i].requests);
		for (unsigned n = 0; n < row[i].requests; n++) {
			CHECK(request_has(
				server, n, "\r\nAuthorization: Basic eA==\r\n"));
			CHECK(request_has(server, n, "\r\nRange: bytes=0-1\r\n"));
			CHECK(request_has(server, n, "\r\nAccept: a/b\r\n"));
		}
	}
	http_destroy(h);
}

static void test_refused_redirects(void)
{
	static const struct {
		const char *path;
		int result;
		unsigned requests;
	} row[] = {
		{"/loop", -ELOOP, HTTP_REDIRECTS_MAX + 1},
		{"/to-ftp", -EPERM, 1},
		{"/to-file", -EPERM, 1},
		{"/to-user", -EPERM, 1},
	};
	struct http *h = session(&plain, NULL);

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ASKED a = {.heads = 0};

		canned_reset(server);
		CHECK_EQ(ask(h, server, row[i].path, &a), row[i].result);
		CHECK_EQ(a.heads, 0);
		CHECK_EQ(canned_requests(server), row[i].requests);
		CHECK_EQ(a.err.cls, ERR_FAIL);
		CHECK(strstr(a.err.text, "127.0.0.1:"));
		CHECK(!strstr(a.err.text, "word"));
	}

	/* by the caller, whose word it is */
	ASKED disallowed = {.allow_result = -1234};
	ASKED post = {.rq.form = "password=secret"};

	canned_reset(server);
	CHECK_EQ(ask(h, server, "/301", &disallowed), -1234);
	CHECK_EQ(ask(h, server, "/307", &post), -EPERM);
	CHECK_EQ(canned_requests(server), 2);
	http_destroy(h);
}

/* The header goes to one origin, and does not come back by way of another. */
static void test_authorization(void)
{
	static char away[100], back[100];
	static const struct canned there[] = {{"/back", back}, {NULL, OK}};
	struct canned first[] = {{"/away", away},
		{"/round", TO("302", "http://localhost:%P/end")}, {NULL, OK}};
	struct canned_server *a = canned_start(first), *b = canned_start(there);
	struct http *h = session(&plain, NULL);
	ASKED one = {.rq.authorization = "Bearer secret"};
	ASKED round = {.rq.authorization = "Bearer secret"};

	snprintf(away, sizeof(away), TO("307", "http://127.0.0.1:%u/back"),
		canned_port(b));
	snprintf(
		back, sizeof(back), TO("307", "http://127.0.0.1:%u/end"), canned_port(a));
	CHECK_EQ(ask(h, a, "/away", &one), 0);
	CHECK_EQ(canned_requests(a), 2);
	CHECK_EQ(canned_requests(b), 1);
	CHECK(request_has(a, 0, "Authorization: Bearer secret"));
	CHECK(request_has(b, 0, "GET /back"));
	CHECK(!request_has(b, 0, "uthorization"));
	CHECK(!request_has(b, 0, "secret"));
	CHECK(request_has(a, 1, "GET /end"));
	CHECK(!request_has(a, 1, "secret"));

	/* another name of the same machine is another origin */
	canned_reset(a);
	CHECK_EQ(ask(h, a, "/round", &round), 0);
	CHECK(request_has(a, 1, "GET /end"));
	CHECK(!request_has(a, 1, "secret"));
	http_destroy(h);
	canned_stop(a);
	canned_stop(b);
}

static void test_proxies(void)
{
	static const struct canned list[] = {
		{"http://wall.example/", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"},
		{"wall.example:443", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"},
		{"closed.example:443", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"},
		{"lost.example:443", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"},
		{NULL, OK},
	};
	static const struct {
		const char *url;
		int result, cls;
	} row[] = {
		{"http://wall.example/", -EACCES, ERR_ACCESS},
		{"https://wall.example/", -EACCES, ERR_ACCESS},
		{"https://closed.example/", -EACCES, ERR_ACCESS},
		{"https://lost.example/", -EHOSTUNREACH, ERR_FAIL},
	};
	struct canned_server *s = canned_start(list);
	struct http *h = session(&plain, NULL);
	char proxy[100];

	snprintf(
		proxy, sizeof(proxy), "http://me:s%%40cret@127.0.0.1:%u", canned_port(s));
	setenv("HTTP_PROXY", proxy, 1);
	setenv("https_proxy", proxy, 1);
	setenv("NO_PROXY", "127.0.0.1", 1);

	ASKED through = {.rq.authorization = "Bearer xyz"};

	CHECK_EQ(ask_url(h, "http://reg.example/v2/?a=b", &through), 0);
	CHECK(request_has(s, 0, "GET http://reg.example/v2/?a=b HTTP/1.1\r\n"));
	/* me:s@cret */
	CHECK(request_has(s, 0, "\r\nProxy-Authorization: Basic bWU6c0BjcmV0\r\n"));

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ASKED a = {.rq.authorization = "Bearer xyz"};

		canned_reset(s);
		CHECK_EQ(ask_url(h, row[i].url, &a), row[i].result);
		CHECK_EQ(a.err.cls, row[i].cls);
		CHECK(strstr(a.err.text, "the proxy 127.0.0.1:"));
		CHECK(!strstr(a.err.text, "cret"));
		CHECK(strncmp(row[i].url, "https", 5) != 0 ||
			!request_has(s, 0, "Bearer xyz"));
	}

	/* not for this machine, and not what libcurl itself would read */
	ASKED direct = {.heads = 0};

	canned_reset(s);
	CHECK_EQ(ask(h, server, "/ok", &direct), 0);
	clean_environment();
	setenv("ALL_PROXY", proxy, 1);
	setenv("all_proxy", proxy, 1);

	ASKED none = {.heads = 0};

	CHECK_EQ(ask_url(h, "http://reg.invalid/", &none), -EHOSTUNREACH);
	CHECK_EQ(canned_requests(s), 0);
	clean_environment();
	http_destroy(h);
	canned_stop(s);
}

int main(void)
{
	clean_environment();
	server = canned_start(answers);
	test_redirects();
	test_refused_redirects();
	test_authorization();
	test_proxies();
	canned_stop(server);
	TEST_END;
}
