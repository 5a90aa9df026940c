/* HTTP requests against a server in this process: what is sent, what is made of the
 * replies, redirects and who sees the Authorization header, failures, cancelling. */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "canned_server.h"
#include "sources/registry/http.h"
#include "unit.h"

static const struct http_tls verified = {.verify = true};

/* One request and what came of it. */
struct asked {
	struct http_request rq;
	struct http_reply reply;
	struct o2r_err err;
	struct buf body;
	unsigned heads;
	long head_status;
	int head_result, data_result, allow_result;
	char allowed[200]; /* the last that was to be allowed */
	char url[300];
};

static int on_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct asked *a = arg;

	(void)err;
	a->heads++;
	a->head_status = r->status;
	return a->head_result;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct asked *a = arg;

	(void)err;
	if (a->data_result < 0)
		return a->data_result;
	return buf_append(&a->body, p, n);
}

static int on_allow(void *arg, const char *url, struct o2r_err *err)
{
	struct asked *a = arg;

	(void)err;
	snprintf(a->allowed, sizeof(a->allowed), "%s", url);
	return a->allow_result;
}

static void asked_finish(struct asked *a)
{
	http_reply_finish(&a->reply);
	buf_finish(&a->body);
}

#define ASKED CLEANUP(asked_finish) struct asked

static struct http *session(const struct ctx *ctx, const _Atomic bool *stop)
{
	struct http *h = NULL;

	CHECK_EQ(http_create(ctx, stop, &h, NULL), 0);
	if (!h)
		exit(1);
	return h;
}

/* Ask for a path of the server; callbacks and what is not set yet are filled in. */
static int ask(struct http *h, struct canned_server *s, const char *path, struct asked *a)
{
	snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%u%s", canned_port(s), path);
	a->rq.url = a->url;
	a->rq.tls = &verified;
	a->rq.head = on_head;
	a->rq.data = on_data;
	a->rq.allow = on_allow;
	a->rq.arg = a;

	int r = http_perform(h, &a->rq, &a->reply, &a->err);

	/* every failure says in one line whom it is about */
	if (r < 0 && a->err.code) {
		CHECK_EQ(a->err.code, r);
		CHECK(!strchr(a->err.text, '\n'));
	}
	return r;
}

static bool request_has(struct canned_server *s, unsigned n, const char *text)
{
	AUTO_FREE char *request = canned_request(s, n);

	return strstr(request, text) != NULL;
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
#define TO(status, url)                                                                  \
	"HTTP/1.1 " status " Go\r\nContent-Length: 4\r\nLocation: " url "\r\n\r\ngone"

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
	{"/endless-redirect", "HTTP/1.1 302 Go\r\nLocation: /ok\r\n\r\n", CANNED_REPEAT,
		"x"},
	/* redirects */
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
	{NULL, "HTTP/1.1 404 Not Found\r\nContent-Type: Text/HTML; charset=x\r\n"
	       "Content-Length: 4\r\n\r\nnone"},
};

static struct canned_server *server;
static struct ctx plain = {.threads = 1};

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

/* --- proxies --- */

static void without_proxy(void)
{
	static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY",
		"https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy",
		"REQUEST_METHOD", "SSL_CERT_FILE", "SSL_CERT_DIR"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static int ask_url(struct http *h, const char *url, struct asked *a)
{
	a->rq.url = url;
	a->rq.tls = &verified;
	return http_perform(h, &a->rq, &a->reply, &a->err);
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
	without_proxy();
	setenv("ALL_PROXY", proxy, 1);
	setenv("all_proxy", proxy, 1);

	ASKED none = {.heads = 0};

	CHECK_EQ(ask_url(h, "http://reg.invalid/", &none), -EHOSTUNREACH);
	CHECK_EQ(canned_requests(s), 0);
	without_proxy();
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
		a.rq.url = a.url;
		a.rq.tls = &verified;
		a.rq.data = on_data;
		a.rq.arg = &a;
		if (http_perform(h, &a.rq, &a.reply, &a.err) != (i % 3 ? 0 : -ECONNRESET))
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
	without_proxy();
	server = canned_start(answers);
	test_replies();
	test_reply_fields();
	test_requests();
	test_no_netrc();
	test_injection();
	test_damage();
	test_nobody();
	test_redirects();
	test_refused_redirects();
	test_authorization();
	test_callbacks();
	test_cancel();
	test_proxies();
	canned_reset(server);
	test_threads();
	canned_stop(server);
	http_destroy(NULL);
	TEST_END;
}
