/* Blobs by the client: parts, answers that are longer, shorter or other than what was
 * asked for, mirrors and foreign layers. The network is fake_http.h. */
#include "fake_http.h"
#include "unit.h"

#include <errno.h>

#define BLOB "0123456789abcdefghijklmnopqrst" /* 30 bytes */
#define HUB "docker.io/library/nginx"

enum {
	SIZE = 30,
};

static struct o2r_err err;
static struct digest digest;

/* What a caller of client_blob gets. */
static struct caller {
	char bytes[200];
	unsigned begins;
	bool ranges;
	int begin_fails, data_fails;
} caller;

static int on_begin(void *arg, bool ranges, struct o2r_err *e)
{
	struct caller *c = arg;

	CHECK(!c->bytes[0]);
	c->begins++;
	c->ranges = ranges;
	return c->begin_fails ? err_set(e, ERR_SPACE, -c->begin_fails, "disk full") : 0;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *e)
{
	struct caller *c = arg;
	size_t at = strlen(c->bytes);

	CHECK(n > 0 && c->begins == 1);
	if (c->data_fails)
		return err_set(e, ERR_SPACE, -c->data_fails, "disk full");
	CHECK(at + n < sizeof(c->bytes));
	memcpy(c->bytes + at, p, n);
	return 0;
}

static void begin(void)
{
	fake_begin();
	caller = (struct caller){0};
	err = (struct o2r_err){0};
}

static void script(unsigned at, struct fake_answer a)
{
	fake.script[at] = a;
}

static int get_in(
	struct client_session *s, uint64_t first, uint64_t end, const char *const *urls)
{
	const struct client_blob b = {.digest = &digest,
		.size = SIZE,
		.urls = urls,
		.first = first,
		.end = end,
		.begin = on_begin,
		.data = on_data,
		.arg = &caller};
	int r = client_blob(s, &b, &err);

	CHECK_EQ(err.code, r);
	CHECK(!strchr(err.text, '\n'));
	CHECK(!strstr(err.text, "secret") && !strstr(fake.log, "secret"));
	return r;
}

static int get(uint64_t first, uint64_t end)
{
	struct client_session *s = fake_open(NULL);
	int r = get_in(s, first, end, NULL);

	fake_close(s);
	return r;
}

#define PART(first, last, text)                                                          \
	((struct fake_answer){.status = 206, .range = {first, last, SIZE}, .body = text})

static void whole(void)
{
	begin();
	script(0, (struct fake_answer){.body = BLOB, .length = "30"});
	CHECK_EQ(get(0, SIZE), 0);
	CHECK_STR(caller.bytes, BLOB);
	CHECK(!caller.ranges);
	CHECK_EQ(strncmp(fake.asked_for[0],
			 "https://registry-1.docker.io/v2/library/nginx/blobs/sha256:",
			 59),
		0);
	CHECK_STR(strchr(fake.asked_for[0], ':') + 1 + 52 + 7 + 64, "");
	CHECK_STR(fake.accept, "");
	/* byte by byte, and without a length */
	begin();
	script(0, (struct fake_answer){.body = "x", .repeat = SIZE});
	CHECK_EQ(get(0, SIZE), 0);
	CHECK_EQ(strlen(caller.bytes), SIZE);
}

static void large_ones_ask_for_ranges(void)
{
	struct client_session *s;
	struct client_blob b = {.digest = &digest,
		.size = 5 << 20,
		.end = 5 << 20,
		.begin = on_begin,
		.data = on_data,
		.arg = &caller};

	begin();
	caller.data_fails = -ENOSPC;
	script(0, (struct fake_answer){.status = 206,
			  .range = {0, (5 << 20) - 1, 5 << 20},
			  .body = "x"});
	s = fake_open(NULL);
	CHECK_EQ(client_blob(s, &b, &err), -ENOSPC);
	fake_close(s);
	CHECK(strstr(fake.asked_for[0], " 0-5242879"));
	CHECK(caller.ranges);
}

/* What comes for bytes [first, end) of the 30, and what becomes of it. */
static const struct answer {
	uint64_t first, end;
	struct fake_answer a;
	int result;
	enum err_class cls;
	const char *gets, *says;
} answers[] = {
	{10, 20, PART(10, 19, "abcdefghij"), 0, 0, "abcdefghij", ""},
	{10, 20, {.status = 206, .range = {10, 19, UINT64_MAX}, .body = "abcdefghij"}, 0,
		0, "abcdefghij", ""},
	{10, SIZE, PART(10, 29, "abcdefghijklmnopqrst"), 0, 0, "abcdefghijklmnopqrst",
		""},
	{0, 10, PART(0, 9, "0123456789"), 0, 0, "0123456789", ""},
	{10, 20,
		{.status = 206,
			.range = {10, 19, SIZE},
			.length = "10",
			.body = "abcdefghij"},
		0, 0, "abcdefghij", ""},
	/* all of it instead: what comes before and behind is dropped */
	{10, 20, {.body = BLOB, .length = "30"}, 0, 0, "abcdefghij", ""},
	{10, SIZE, {.body = BLOB}, 0, 0, "abcdefghijklmnopqrst", ""},
	{0, 10, {.body = BLOB}, 0, 0, "0123456789", ""},
	{3, 4, {.body = "x", .repeat = SIZE}, 0, 0, "x", ""},
	/* other ranges */
	{10, 20, PART(0, 9, "0123456789"), -EBADMSG, ERR_CORRUPT, "",
		"bytes 0 to 9 of 30 of blob"},
	{10, 20, PART(10, 29, "abcdefghijklmnopqrst"), -EBADMSG, ERR_CORRUPT, "",
		"and 10 to 19 of 30 were asked for"},
	{10, 20, PART(10, 15, "abcdef"), -EBADMSG, ERR_CORRUPT, "", "bytes 10 to 15"},
	{10, 20, {.status = 206, .range = {10, 19, 31}, .body = "abcdefghij"}, -EBADMSG,
		ERR_CORRUPT, "", "of 31"},
	{10, 20, {.status = 206, .body = "abcdefghij"}, -EBADMSG, ERR_CORRUPT, "",
		"without a Content-Range"},
	{0, SIZE, PART(0, 29, BLOB), -EBADMSG, ERR_CORRUPT, "", "(206), and all of it"},
	/* other lengths */
	{0, SIZE, {.body = BLOB, .length = "31"}, -EBADMSG, ERR_CORRUPT, "",
		"comes with 31 bytes instead of 30"},
	{0, SIZE, {.body = BLOB, .length = "29"}, -EBADMSG, ERR_CORRUPT, "", "29 bytes"},
	{10, 20, {.status = 206, .range = {10, 19, SIZE}, .length = "20", .body = "a"},
		-EBADMSG, ERR_CORRUPT, "", "comes with 20 bytes instead of 10"},
	/* too much: what is handed over is never more than was asked for */
	{0, SIZE, {.body = "0123456789", .repeat = 1000000000}, -EBADMSG, ERR_CORRUPT,
		"012345678901234567890123456789", "more bytes came of blob sha256:"},
	{10, 20, {.status = 206, .range = {10, 19, SIZE}, .body = "abcdefghijk"},
		-EBADMSG, ERR_CORRUPT, "", "more bytes came"},
	/* too little, without a length that would say so: to be gone on with */
	{0, SIZE, {.body = "0123456789"}, -ECONNRESET, ERR_FAIL, "0123456789",
		"ended after 10 of 30 bytes"},
	{10, 20, PART(10, 19, "abc"), -ECONNRESET, ERR_FAIL, "abc",
		"ended after 13 of 20"},
	{10, 20, {.body = "0123456789ab"}, -ECONNRESET, ERR_FAIL, "ab",
		"ended after 12 of 30"},
	/* broken: what came is good */
	{0, SIZE, {.body = "0123456789", .breaks = -ECONNRESET}, -ECONNRESET, ERR_FAIL,
		"0123456789", HUB ": broken"},
	{0, SIZE, {.fails = -ETIMEDOUT}, -ETIMEDOUT, ERR_FAIL, "", HUB ": failure"},
	/* statuses */
	{0, SIZE, {.status = 404}, -ENOENT, ERR_NOT_FOUND, "",
		"which its manifest names, is not"},
	{0, SIZE, {.status = 403}, -EACCES, ERR_ACCESS, "", "access is denied"},
	{0, SIZE, {.status = 404, .type = "text/html"}, -ENOENT, ERR_NOT_FOUND, "",
		"a web page"},
	{0, SIZE, {.status = 410}, -EREMOTEIO, ERR_FAIL, "", "answers 410"},
};

static void answers_to_parts(void)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const struct answer *c = &answers[i];
		int r;

		begin();
		script(0, c->a);
		r = get(c->first, c->end);
		CHECK_EQ(r, c->result);
		CHECK_EQ(err.cls, c->cls);
		CHECK_STR(caller.bytes, c->gets);
		CHECK(strstr(err.text, c->says));
		CHECK_EQ(fake.asked, 1);
		CHECK(caller.begins <= 1);
		if (r != c->result || !strstr(err.text, c->says))
			fprintf(stderr, "  %zu: %s\n", i, err.text);
	}
}

static void statuses_pass(void)
{
	begin();
	script(0, (struct fake_answer){.status = 503, .body = "not the blob"});
	script(1, (struct fake_answer){.status = 401, .body = "not the blob"});
	script(2, PART(10, 19, "abcdefghij"));
	CHECK_EQ(get(10, 20), 0);
	CHECK_STR(caller.bytes, "abcdefghij");
	CHECK_EQ(fake.wait_count, 1);
	CHECK(strstr(fake.asked_for[2], " Bearer new-secret 10-19"));
	begin();
	for (unsigned i = 0; i < 8; i++)
		script(i, (struct fake_answer){.status = 500});
	CHECK_EQ(get(0, SIZE), -EREMOTEIO);
	CHECK_EQ(fake.asked, 5);
}

/* A server that says no to a range is asked for all. */
static void no_ranges(void)
{
	static const long status[] = {400, 416, 501};

	for (unsigned i = 0; i < 3; i++) {
		begin();
		script(0, (struct fake_answer){.status = status[i]});
		script(1, (struct fake_answer){.body = BLOB});
		CHECK_EQ(get(10, 20), 0);
		CHECK_STR(caller.bytes, "abcdefghij");
		CHECK(!caller.ranges);
		CHECK(strstr(fake.asked_for[0], " 10-19"));
		CHECK(!strstr(fake.asked_for[1], " 10-19"));
	}
	begin();
	script(0, (struct fake_answer){.status = 416});
	script(1, (struct fake_answer){.status = 416});
	CHECK_EQ(get(10, 20), -EREMOTEIO);
	CHECK_EQ(fake.asked, 2);
}

static void callers_that_fail(void)
{
	begin();
	fake.endpoints[0].host = "mirror:1";
	fake.endpoints[0].mirror = fake.endpoints[0].digests = true;
	fake.endpoints[1].host = "hub";
	caller.data_fails = -ENOSPC;
	script(0, (struct fake_answer){.body = BLOB});
	CHECK_EQ(get(0, SIZE), -ENOSPC);
	CHECK_STR(err.text, "disk full");
	CHECK_EQ(fake.asked, 1);
	begin();
	caller.begin_fails = -ENOSPC;
	script(0, (struct fake_answer){.body = BLOB});
	CHECK_EQ(get(0, SIZE), -ENOSPC);
	CHECK_EQ(fake.asked, 1);
}

static void patience(void)
{
	static const int no[] = {
		-ECONNREFUSED, -EREMOTEIO, -EBADMSG, -ENOSPC, -EKEYREJECTED};
	struct client_patience p = {0};
	struct client_session *s;

	begin();
	s = fake_open(NULL);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(client_try_again(s, &p, no[i], &err), 0);
	CHECK_EQ(p.tries, 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(client_try_again(s, &p, -ECONNRESET, &err), 1);
	CHECK_EQ(client_try_again(s, &p, -ECONNRESET, &err), 0);
	CHECK_EQ(fake.wait_count, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK(fake.waits[i] >= 800u << i && fake.waits[i] <= 1200u << i);
	p.tries = 0;
	fake.wait_interrupted = true;
	CHECK_EQ(client_try_again(s, &p, -ECONNRESET, &err), -EINTR);
	fake_close(s);
}

static void mirrors(const char *first, bool first_tags, bool first_digests)
{
	begin();
	fake.endpoints[0].host = first;
	fake.endpoints[0].mirror = true;
	fake.endpoints[0].tags = first_tags;
	fake.endpoints[0].digests = first_digests;
	fake.endpoints[1].host = "two";
	fake.endpoints[1].mirror = fake.endpoints[1].tags = true;
	fake.endpoints[1].digests = true;
	fake.endpoints[2].host = "hub";
	fake.endpoints[2].tags = fake.endpoints[2].digests = true;
}

static bool asked(unsigned at, const char *host)
{
	return strncmp(fake.asked_for[at] + strlen("https://"), host, strlen(host)) == 0;
}

static void mirrors_fail(void)
{
	struct client_session *s;

	/* one that is lost in the middle: the next gives the rest */
	mirrors("one", true, true);
	script(0, (struct fake_answer){.body = "0123456789", .breaks = -ECONNRESET});
	script(1, PART(10, 29, "abcdefghij"));
	script(2, PART(20, 29, "klmnopqrst"));
	CHECK_EQ(get(0, SIZE), 0);
	CHECK_STR(caller.bytes, BLOB);
	CHECK(asked(0, "one/") && asked(1, "two/") && asked(2, "hub/"));
	CHECK(strstr(fake.asked_for[1], " 10-29") && strstr(fake.asked_for[2], " 20-29"));
	CHECK_EQ(caller.begins, 1);
	CHECK_EQ(fake.wait_count, 0);
	CHECK_EQ(fake_logged("2 going on without the mirror: mirror one/library/nginx "
			     "of " HUB),
		1);
	/* statuses are not waited for there; the registry's error is the one that counts
	 */
	mirrors("one", true, true);
	script(0, (struct fake_answer){.status = 503});
	script(1, (struct fake_answer){.status = 404});
	script(2, (struct fake_answer){.status = 403});
	CHECK_EQ(get(0, SIZE), -EACCES);
	CHECK_EQ(strncmp(err.text, HUB ": access", strlen(HUB ": access")), 0);
	CHECK_EQ(fake.asked, 3);
	CHECK_EQ(fake.wait_count, 0);
	/* one that sends what is wrong */
	mirrors("one", true, true);
	script(0, PART(1, 2, "xx"));
	script(1, (struct fake_answer){.body = BLOB});
	CHECK_EQ(get(10, 20), 0);
	CHECK_STR(caller.bytes, "abcdefghij");
	CHECK_EQ(fake.asked, 2);
	/* told once; one that is not there is not asked again, one that lacks a blob is
	 */
	mirrors("one", true, true);
	script(0, (struct fake_answer){.fails = -EHOSTUNREACH});
	script(1, (struct fake_answer){.status = 404});
	script(2, (struct fake_answer){.body = BLOB});
	script(3, (struct fake_answer){.status = 404});
	script(4, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, NULL), 0);
	caller = (struct caller){0};
	CHECK_EQ(get_in(s, 0, SIZE, NULL), 0);
	fake_close(s);
	CHECK(asked(3, "two/") && asked(4, "hub/"));
	CHECK_EQ(fake.asked, 5);
	CHECK_EQ(fake_logged("2 going on without the mirror: "), 2);
	/* certificates that are wrong are of note, and no failure */
	mirrors("one", true, true);
	fake.endpoints[0].bad_certs = true;
	script(0, (struct fake_answer){.body = BLOB});
	CHECK_EQ(get(0, SIZE), 0);
	CHECK(asked(0, "two/"));
	CHECK_EQ(fake_logged("1 mirror one/library/nginx of " HUB
			     " is not asked: x.cert has no x.key"),
		1);
	/* interrupted is interrupted */
	mirrors("one", true, true);
	script(0, (struct fake_answer){.fails = -EINTR});
	CHECK_EQ(get(0, SIZE), -EINTR);
	CHECK_EQ(fake.asked, 1);
}

/* What is no manifest at a mirror is asked of the next. */
static void mirrors_and_manifests(void)
{
	static const char *const bad[] = {"<html>", "", "{}", "{\"schemaVersion\":1}"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client_document doc = {0};
		struct client_session *s;

		mirrors("one", true, true);
		script(0, (struct fake_answer){.body = bad[i]});
		script(1, (struct fake_answer){.body = "{\"manifests\":[]}"});
		s = fake_open(NULL);
		CHECK_EQ(client_manifest(s, "t", NULL, 100, &doc, &err), 0);
		CHECK_STR(doc.bytes.data, "{\"manifests\":[]}");
		client_document_finish(&doc);
		fake_close(s);
		CHECK(asked(1, "two/"));
	}
}

/* Which of the mirrors is asked first for a manifest by tag, by digest, and for a blob.
 */
static void what_mirrors_are_for(void)
{
	static const struct {
		bool tags, digests, by_digest;
		const char *tag, *digest, *blob;
	} c[] = {
		{true, true, false, "one/", "one/", "one/"},
		{false, true, false, "two/", "one/", "one/"},
		/* what a tag led to, it may be asked for too */
		{true, false, false, "one/", "one/", "one/"},
		{true, false, true, NULL, "two/", "two/"},
		{false, true, true, NULL, "one/", "one/"},
		{false, false, false, "two/", "two/", "two/"},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct client_document doc = {0};
		struct client_session *s;
		struct digest d;

		CHECK_EQ(digest_of(DIGEST_SHA256, "{}", 2, &d, &err), 0);
		mirrors("one", c[i].tags, c[i].digests);
		script(0, (struct fake_answer){.body = "{}"});
		script(1, (struct fake_answer){.body = BLOB});
		script(2, (struct fake_answer){.body = "{\"manifests\":[]}"});
		s = fake_open(c[i].by_digest ? &d : NULL);
		CHECK_EQ(client_manifest(s, NULL, &d, 100, &doc, &err), 0);
		client_document_finish(&doc);
		CHECK(asked(0, c[i].digest));
		CHECK_EQ(get_in(s, 0, SIZE, NULL), 0);
		CHECK(asked(1, c[i].blob));
		if (c[i].tag) {
			CHECK_EQ(client_manifest(s, "t", NULL, 100, &doc, &err), 0);
			client_document_finish(&doc);
			CHECK(asked(2, c[i].tag));
		}
		fake_close(s);
	}
}

static void foreign(void)
{
	static const char *const urls[] = {"https://far/x", "http://near/y", NULL};
	static const char *const bad[] = {"ftp://far/x", "https://user:pw@far/x",
		"/etc/passwd", "https://169.254.169.254/x", "https://localhost/x", "",
		NULL};
	struct client_session *s;

	/* first, and as anybody */
	begin();
	fake.token = true;
	script(0, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	fake_close(s);
	CHECK_STR(caller.bytes, BLOB);
	CHECK_STR(fake.asked_for[0], "https://far/x");
	CHECK(fake.verify);
	/* whatever is wrong there, then the next, then the registry */
	begin();
	fake.token = true;
	script(0, (struct fake_answer){.body = "01234", .breaks = -ECONNRESET});
	script(1, (struct fake_answer){.status = 401, .body = "not the blob"});
	script(2, PART(5, 29, "56789abcdefghijklmnopqrst"));
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	fake_close(s);
	CHECK_STR(caller.bytes, BLOB);
	CHECK_STR(fake.asked_for[1], "http://near/y 5-29");
	CHECK(strstr(fake.asked_for[2], " Bearer old-secret 5-29"));
	CHECK_EQ(fake_logged("cannot be had where it says (http://near:80 answers 401)"),
		1);
	/* hosts that are not there are asked once */
	begin();
	script(0, (struct fake_answer){.fails = -EHOSTUNREACH});
	script(1, (struct fake_answer){.redirect = "https://10.0.0.1/x"});
	script(2, (struct fake_answer){.body = BLOB});
	script(3, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	caller = (struct caller){0};
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	fake_close(s);
	CHECK_STR(fake.asked_for[3], "http://near/y");
	CHECK_EQ(fake_logged("it leads to the private address 10.0.0.1"), 1);
	/* what must not be asked is not */
	begin();
	script(0, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, bad), 0);
	fake_close(s);
	CHECK_EQ(fake.asked, 1);
	CHECK(strstr(fake.asked_for[0], "registry-1.docker.io/"));
	CHECK(!strstr(fake.log, "pw"));
	/* the caller's failure is nobody's else */
	begin();
	caller.data_fails = -ENOSPC;
	script(0, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, urls), -ENOSPC);
	fake_close(s);
	CHECK_EQ(fake.asked, 1);
}

/* A registry on a private address may send us to its neighbours. */
static void foreign_and_private(void)
{
	static const char *const urls[] = {"http://10.0.0.1/x", NULL};
	struct client_session *s;

	begin();
	fake.endpoints[0].host = "192.168.1.2:5000";
	script(0, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	fake_close(s);
	CHECK_STR(fake.asked_for[0], "http://10.0.0.1/x");
}

static int get_whole(struct buf *out)
{
	struct client_session *s = fake_open(NULL);
	int r = client_blob_whole(s, &digest, SIZE, out, &err);

	fake_close(s);
	return r;
}

static void whole_and_verified(void)
{
	AUTO_BUF struct buf got = {0};

	begin();
	script(0, (struct fake_answer){.body = BLOB});
	CHECK_EQ(get_whole(&got), 0);
	CHECK_STR(got.data, BLOB);
	buf_finish(&got);
	/* what came before a break is not asked for again */
	begin();
	script(0, (struct fake_answer){.body = "0123456789", .breaks = -ECONNRESET});
	script(1, PART(10, 29, "abcdefghijklmnopqrst"));
	CHECK_EQ(get_whole(&got), 0);
	CHECK_STR(got.data, BLOB);
	CHECK_EQ(fake.wait_count, 1);
	buf_finish(&got);
	/* other bytes */
	begin();
	script(0, (struct fake_answer){.body = "0123456789abcdefghijklmnopqrsX"});
	CHECK_EQ(get_whole(&got), -EBADMSG);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK(strstr(err.text, HUB ": other bytes came for blob sha256:"));
	CHECK(!got.data);
	/* of a mirror: the next is asked, for all of it */
	mirrors("one", true, true);
	script(0, (struct fake_answer){.body = "0123456789abcdefghijklmnopqrsX"});
	script(1, (struct fake_answer){.body = "01", .breaks = -ECONNRESET});
	script(2, (struct fake_answer){.body = BLOB});
	CHECK_EQ(get_whole(&got), 0);
	CHECK_STR(got.data, BLOB);
	CHECK_EQ(fake.wait_count, 0);
}

/* Who sent what is wrong is not known when several are asked: then only the registry is.
 */
static void distrust(void)
{
	static const char *const urls[] = {"https://far/x", NULL};
	struct client_session *s;

	mirrors("one", true, true);
	script(0, (struct fake_answer){.body = BLOB});
	script(1, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, NULL), 0);
	CHECK(client_distrust(fake_client()));
	CHECK(!client_distrust(fake_client()));
	caller = (struct caller){0};
	CHECK_EQ(get_in(s, 0, SIZE, NULL), 0);
	fake_close(s);
	CHECK(asked(0, "one/") && asked(1, "hub/"));

	begin();
	script(0, (struct fake_answer){.body = BLOB});
	script(1, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	CHECK(client_distrust(fake_client()));
	caller = (struct caller){0};
	CHECK_EQ(get_in(s, 0, SIZE, urls), 0);
	fake_close(s);
	CHECK(asked(0, "far/") && asked(1, "registry-1.docker.io/"));

	begin();
	s = fake_open(NULL);
	CHECK(!client_distrust(fake_client()));
	CHECK_STR(client_label(fake_client()), HUB);
	fake_close(s);
}

int main(void)
{
	CHECK_EQ(digest_of(DIGEST_SHA256, BLOB, SIZE, &digest, &err), 0);
	whole();
	large_ones_ask_for_ranges();
	answers_to_parts();
	statuses_pass();
	no_ranges();
	callers_that_fail();
	patience();
	mirrors_fail();
	mirrors_and_manifests();
	what_mirrors_are_for();
	foreign();
	foreign_and_private();
	whole_and_verified();
	distrust();
	TEST_END;
}
