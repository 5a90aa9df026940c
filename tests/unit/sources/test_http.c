/* HTTP requests against a server in this process: what is sent, what is made of the
 * replies, damage, cancelling. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "http_case.h"
#include "unit.h"

static const struct canned answers[] = {
	{"/ok", OK},
	{"/empty", "HTTP/1.1 204 No Content\r\n\r\n"},
	{"/zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"/denied", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\n"
		    "WWW-Authenticate: Bearer realm=\"http://x/\"\r\n"
		    "Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\nno"},
	{"/range", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-4/10\r\n"
		   "Content-Length: 2\r\n\r\nhi"},
	{"/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"},
	{"/interim", "HTTP/1.1 103 Early Hints\r\nContent-Type: a/b\r\n\r\n"
		     "HTTP/1.1 102 Processing\r\n\r\n" OK},
	{"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "3\r\nabc\r\n2\r\nde\r\n0\r\nWarning: 299 - \"late\"\r\n\r\n"},
	{"/until-close", "HTTP/1.0 200 OK\r\n\r\nall of it", CANNED_CLOSE},
	{"/coded",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
		"plain"},
	/* damage */
	{"/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", CANNED_CLOSE},
	{"/short-reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		CANNED_RESET},
	{"/short-chunked",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
		CANNED_CLOSE},
	{"/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc",
		CANNED_CLOSE},
	{"/nothing", "", CANNED_CLOSE},
	{"/reset", "", CANNED_RESET},
	{"/half-head", "HTTP/1.1 200 OK\r\nContent-", CANNED_CLOSE},
	{"/ssh", "SSH-2.0-OpenSSH_9.2p1\r\n", CANNED_CLOSE},
	{"/bad-length", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhi",
		CANNED_CLOSE},
	{"/only-interim", "HTTP/1.1 100 Continue\r\n\r\n", CANNED_CLOSE},
	{"/bomb", "HTTP/1.1 200 OK\r\n", CANNED_REPEAT, "Warning: 299 - \"again\"\r\n"},
	{"/interim-bomb", "", CANNED_REPEAT, "HTTP/1.1 102 Processing\r\n\r\n"},
	{"/endless", "HTTP/1.1 200 OK\r\n\r\n", CANNED_REPEAT, "more and more "},
	{"/300", TO("300", "/ok")},
	{"/304", "HTTP/1.1 304 Not Modified\r\nLocation: /ok\r\n\r\n"},
	{"/nowhere", "HTTP/1.1 307 Go\r\nContent-Length: 2\r\n\r\nno"},
	{"/308", TO("308", "/307")},
	{"/307", TO("307", "/ok")},
	{NULL, "HTTP/1.1 404 Not Found\r\nContent-Type: Text/HTML; charset=x\r\n"
	       "Content-Length: 4\r\n\r\nnone"},
};

static struct canned_server *server;

static void test_replies(void)
{
	static const struct {
		const char *path, *body;
		long status;
		bool has_length;
	} row[] = {
		{"/ok", "hi", 200, true},
		{"/empty", "", 204, false},
		{"/zero", "", 200, true},
		{"/denied", "no", 401, true},
		{"/range", "hi", 206, true},
		{"/busy", "", 503, true},
		{"/interim", "hi", 200, true},
		{"/chunked", "abcde", 200, false},
		{"/until-close", "all of it", 200, false},
		{"/coded", "plain", 200, true},
		{"/300", "gone", 300, true},
		{"/304", "", 304, false},
		{"/nowhere", "no", 307, true},
		{"/none", "none", 404, true},
	};
	struct http *h = session(&plain, NULL);

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ASKED a = {.heads = 0};

		CHECK_EQ(ask(h, server, row[i].path, &a), 0);
		CHECK_EQ(a.reply.status, row[i].status);
		CHECK_EQ(a.heads, 1);
		CHECK_EQ(a.head_status, row[i].status);
		CHECK_STR(a.body.data ? a.body.data : "", row[i].body);
		CHECK_EQ(a.reply.received, strlen(row[i].body));
		CHECK_EQ(a.reply.has_length, row[i].has_length);
		CHECK(!a.reply.has_length || a.reply.length == strlen(row[i].body));
		CHECK_STR(a.reply.url, a.url);
		CHECK_EQ(a.reply.warnings.count, 0);
		CHECK_STR(a.allowed, "");
	}
	http_destroy(h);
}

static void test_reply_fields(void)
{
	struct http *h = session(&plain, NULL);
	ASKED denied = {.heads = 0};
	ASKED range = {.rq.ranged = true, .rq.first = 3, .rq.last = 4};
	ASKED busy = {.heads = 0};
	ASKED none = {.heads = 0};
	ASKED interim = {.heads = 0};

	CHECK_EQ(ask(h, server, "/denied", &denied), 0);
	CHECK_EQ(denied.reply.challenges.count, 2);
	CHECK_STR(denied.reply.challenges.s[1], "Bearer realm=\"http://x/\"");
	CHECK_EQ(ask(h, server, "/range", &range), 0);
	CHECK(range.reply.has_range);
	CHECK_EQ(range.reply.range_first, 3);
	CHECK_EQ(range.reply.range_total, 10);
	CHECK_EQ(ask(h, server, "/busy", &busy), 0);
	CHECK_STR(busy.reply.retry_after, "7");
	CHECK_EQ(ask(h, server, "/none", &none), 0);
	CHECK_STR(none.reply.content_type, "text/html");
	CHECK_EQ(ask(h, server, "/interim", &interim), 0);
	CHECK(!interim.reply.content_type);
	http_destroy(h);
}

/* What goes out, and that it is what was asked for and nothing else. */
static void test_requests(void)
{
	struct http *h = session(&plain, NULL);
	ASKED first = {.rq.accept = "a/b, c/d", .rq.authorization = "Bearer xyz"};
	ASKED second = {.rq.ranged = true, .rq.first = 7, .rq.last = 1ULL << 40};
	ASKED post = {.rq.form = "grant_type=password&password=p%26q"};
	ASKED after = {.heads = 0};

	canned_reset(server);
	CHECK_EQ(ask(h, server, "/denied", &first), 0);
	CHECK(request_has(server, 0, "GET /denied HTTP/1.1\r\n"));
	CHECK(request_has(server, 0, "\r\nHost: 127.0.0.1:"));
	CHECK(request_has(server, 0, "\r\nAccept: a/b, c/d\r\n"));
	CHECK(request_has(server, 0, "\r\nAuthorization: Bearer xyz\r\n"));
	CHECK(request_has(server, 0, "\r\nAccept-Encoding: identity\r\n"));
	CHECK(request_has(server, 0, "\r\nUser-Agent: o2r/"));
	CHECK(!request_has(server, 0, "\r\nRange"));

	CHECK_EQ(ask(h, server, "/ok", &second), 0);
	CHECK(request_has(server, 1, "\r\nRange: bytes=7-1099511627776\r\n"));
	CHECK(request_has(server, 1, "\r\nAccept: */*\r\n"));
	CHECK(!request_has(server, 1, "Authorization"));
	CHECK(!request_has(server, 1, "Cookie"));

	CHECK_EQ(ask(h, server, "/ok", &post), 0);
	CHECK(request_has(server, 2, "POST /ok HTTP/1.1\r\n"));
	CHECK(request_has(
		server, 2, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	CHECK(request_has(server, 2, "\r\n\r\ngrant_type=password&password=p%26q"));
	CHECK(!request_has(server, 2, "Expect"));

	CHECK_EQ(ask(h, server, "/ok", &after), 0);
	CHECK(request_has(server, 3, "GET /ok HTTP/1.1\r\n"));
	CHECK(!request_has(server, 3, "Content-Length"));
	/* all on one connection */
	CHECK_EQ(canned_requests(server), 4);
	CHECK_EQ(canned_connections(server), 1);
	http_destroy(h);
}

static void test_no_netrc(void)
{
	static char home[] = "/tmp/o2r-test-http.XXXXXX";
	struct http *h = session(&plain, NULL);
	ASKED a = {.heads = 0};
	char path[100];

	CHECK(mkdtemp(home));
	snprintf(path, sizeof(path), "%s/.netrc", home);

	FILE *f = fopen(path, "w");

	CHECK(f && fputs("machine 127.0.0.1 login me password secret\n", f) > 0);
	CHECK(f && fclose(f) == 0);
	setenv("HOME", home, 1);
	canned_reset(server);
	CHECK_EQ(ask(h, server, "/denied", &a), 0);
	CHECK_EQ(a.reply.status, 401);
	CHECK_EQ(canned_requests(server), 1);
	CHECK(!request_has(server, 0, "Authorization"));
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(home), 0);
	http_destroy(h);
}

/* Bytes that would end a line are sent to nobody. */
static void test_injection(void)
{
	static const struct {
		const char *path, *accept, *authorization;
	} row[] = {
		{"/ok\r\nX: y", NULL, NULL},
		{"/ok y", NULL, NULL},
		{"/ok\n", NULL, NULL},
		{"/ok", "a/b\r\nX: y", NULL},
		{"/ok", "a/b\ny", NULL},
		{"/ok", NULL, "Basic x\r\nX: y"},
		{"/ok", NULL, "Basic x\ry"},
		{"/ok", NULL, "Basic \x80"},
		{"/ok", NULL, "Basic \x7f"},
	};
	struct http *h = session(&plain, NULL);

	canned_reset(server);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ASKED a = {.rq.accept = row[i].accept,
			.rq.authorization = row[i].authorization};

		CHECK_EQ(ask(h, server, row[i].path, &a), -EINVAL);
		CHECK(!strstr(a.err.text, "Basic"));
	}
	CHECK_EQ(canned_connections(server), 0);
	http_destroy(h);
}

static void test_damage(void)
{
	static const struct {
		const char *path;
		int result;
		const char *body;
	} row[] = {
		{"/short", -ECONNRESET, "half"},
		{"/short-reset", -ECONNRESET, NULL},
		{"/short-chunked", -ECONNRESET, "abc"},
		{"/bad-chunk", -EBADMSG, ""},
		{"/nothing", -ECONNRESET, ""},
		{"/reset", -ECONNRESET, ""},
		{"/half-head", -ECONNRESET, ""},
		{"/ssh", -EBADMSG, ""},
		{"/bad-length", -EBADMSG, ""},
		{"/only-interim", -ECONNRESET, ""},
		{"/bomb", -EBADMSG, ""},
		{"/interim-bomb", -EBADMSG, ""},
	};
	struct http *h = session(&plain, NULL);
	char place[32];

	snprintf(place, sizeof(place), "127.0.0.1:%u", canned_port(server));
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		ASKED a = {.heads = 0};
		int before = unit_failures;

		CHECK_EQ(ask(h, server, row[i].path, &a), row[i].result);
		CHECK_EQ(a.err.cls, ERR_FAIL);
		CHECK(strstr(a.err.text, place));
		/* what did come is good */
		if (row[i].body)
			CHECK_STR(a.body.data ? a.body.data : "", row[i].body);
		CHECK_STR(a.reply.url, a.url);
		if (unit_failures != before)
			fprintf(stderr, "%s: %s\n", row[i].path, a.err.text);
	}

	/* the session serves on */
	ASKED a = {.heads = 0};

	CHECK_EQ(ask(h, server, "/ok", &a), 0);
	http_destroy(h);
}

static void test_nobody(void)
{
	static const struct canned nothing[] = {{NULL, NULL}};
	struct http *h = session(&plain, NULL);
	struct canned_server *gone = canned_start(nothing);
	ASKED refused = {.rq.tls = &verified};
	ASKED unknown = {.rq.tls = &verified, .rq.url = "http://nobody.invalid/x"};
	ASKED tls = {.rq.tls = &verified};

	snprintf(refused.url, sizeof(refused.url), "http://127.0.0.1:%u/",
		canned_port(gone));
	canned_stop(gone);
	refused.rq.url = refused.url;
	CHECK_EQ(http_perform(h, &refused.rq, &refused.reply, &refused.err),
		-ECONNREFUSED);
	CHECK(strstr(refused.err.text, "nobody listens at 127.0.0.1:"));
	CHECK_EQ(http_perform(h, &unknown.rq, &unknown.reply, &unknown.err),
		-EHOSTUNREACH);
	CHECK(strstr(unknown.err.text, "\"nobody.invalid\""));

	snprintf(tls.url, sizeof(tls.url), "https://127.0.0.1:%u/", canned_port(server));
	tls.rq.url = tls.url;
	CHECK_EQ(http_perform(h, &tls.rq, &tls.reply, &tls.err), -EPROTO);
	CHECK(strstr(tls.err.text, "does not speak TLS"));
	http_destroy(h);
}

static void test_callbacks(void)
{
	struct http *h = session(&plain, NULL);
	ASKED head = {.head_result = -1001};
	ASKED data = {.data_result = -1002};
	ASKED endless = {.body.max = 1 << 20};
	ASKED unwanted = {.heads = 0};

	CHECK_EQ(ask(h, server, "/ok", &head), -1001);
	CHECK(!head.body.data);
	CHECK_EQ(head.reply.status, 200);
	CHECK_EQ(ask(h, server, "/ok", &data), -1002);
	CHECK_EQ(ask(h, server, "/endless", &endless), -EFBIG);
	CHECK(endless.body.len > 1 << 19);

	/* what nobody wants is not read to its end */
	snprintf(unwanted.url, sizeof(unwanted.url), "http://127.0.0.1:%u/endless",
		canned_port(server));
	unwanted.rq.url = unwanted.url;
	CHECK_EQ(http_perform(h, &unwanted.rq, &unwanted.reply, &unwanted.err), 0);
	CHECK_EQ(unwanted.reply.status, 200);
	http_destroy(h);
}

static _Atomic bool stop_now;
static volatile int cancel_now;

static void set_stop(void *arg)
{
	(void)arg;
	atomic_store(&stop_now, true);
}

static void set_cancel(void *arg)
{
	(void)arg;
	__atomic_store_n(&cancel_now, 1, __ATOMIC_RELAXED);
}

/* Told to stop while the server says nothing, or has begun, or never ends. */
static void test_cancel(void)
{
	static const struct canned list[] = {
		{"/silent", "", CANNED_HOLD, NULL, set_stop, NULL},
		{"/begun", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", CANNED_HOLD,
			NULL, set_stop, NULL},
		{"/endless", "HTTP/1.1 200 OK\r\n\r\n", CANNED_REPEAT, "x", set_stop,
			NULL},
		{"/ctx", "", CANNED_HOLD, NULL, set_cancel, NULL},
		{NULL, OK},
	};
	struct ctx ctx = {.threads = 1, .cancel = &cancel_now};
	struct canned_server *s = canned_start(list);
	struct http *h = session(&ctx, &stop_now);

	for (size_t i = 0; list[i].path; i++) {
		ASKED a = {.heads = 0};
		ASKED again = {.heads = 0};

		CHECK_EQ(ask(h, s, list[i].path, &a), -EINTR);
		CHECK_EQ(a.err.cls, ERR_INTERRUPTED);
		canned_reset(s);
		CHECK_EQ(ask(h, s, "/ok", &again), -EINTR);
		CHECK_EQ(canned_requests(s), 0);
		atomic_store(&stop_now, false);
		__atomic_store_n(&cancel_now, 0, __ATOMIC_RELAXED);
	}

	ASKED a = {.heads = 0};

	CHECK_EQ(ask(h, s, "/ok", &a), 0);
	http_destroy(h);
	canned_stop(s);
}

/* --- threads --- */

static void *ask_much(void *arg)
{
	int *failures = arg;
	struct http *h = NULL;

	/* no CHECK here: its counts are the main thread's */
	*failures = http_create(&plain, &stop_now, &h, NULL) < 0;
	for (int i = 0; h && i < 20; i++) {
		ASKED a = {.rq.authorization = "Basic eA=="};

		snprintf(a.url, sizeof(a.url), "http://127.0.0.1:%u/%s",
			canned_port(server), i % 3 ? "308" : "short");
		if (ask_url(h, a.url, &a) != (i % 3 ? 0 : -ECONNRESET))
			++*failures;
	}
	http_destroy(h);
	return NULL;
}

static void test_threads(void)
{
	pthread_t t[4];
	int failures[4] = {0};

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, ask_much, &failures[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(failures[i], 0);
	}
}

int main(void)
{
	clean_environment();
	server = canned_start(answers);
	test_replies();
	test_reply_fields();
	test_requests();
	test_no_netrc();
	test_injection();
	test_damage();
	test_nobody();
	test_callbacks();
	test_cancel();
	canned_reset(server);
	test_threads();
	canned_stop(server);
	http_destroy(NULL);
	TEST_END;
}
