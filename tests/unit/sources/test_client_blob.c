/* Blobs by the client: parts, answers that are longer, shorter or other than what was
 * asked for. The network is fake_http.h. */
#include "client_case.h"

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

static int raise_end(void *arg, bool ranges, struct o2r_err *e)
{
	struct client_blob *b = arg;

	b->end = ranges ? b->end : SIZE;
	return on_begin(&caller, ranges, e);
}

static int take_all(void *arg, const void *p, size_t n, struct o2r_err *e)
{
	(void)arg;
	return on_data(&caller, p, n, e);
}

/* Who asks for a part, and hears that all of it comes, may take all. */
static void more_than_asked_for(void)
{
	struct client_session *s;
	struct client_blob b = {.digest = &digest,
		.size = SIZE,
		.first = 10,
		.end = 20,
		.begin = raise_end,
		.data = take_all,
		.arg = &b};

	begin();
	script(0, (struct fake_answer){.body = BLOB});
	s = fake_open(NULL);
	CHECK_EQ(client_blob(s, &b, &err), 0);
	fake_close(s);
	CHECK(strstr(fake.asked_for[0], " 10-19"));
	CHECK_STR(caller.bytes, &BLOB[10]);
	CHECK_EQ(fake.asked, 1);
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

int main(void)
{
	client_case_init();
	whole();
	large_ones_ask_for_ranges();
	more_than_asked_for();
	answers_to_parts();
	statuses_pass();
	no_ranges();
	callers_that_fail();
	patience();
	whole_and_verified();
	TEST_END;
}
