/* For tests of the client's blobs: one of 30 bytes, who asks for it, three places. */
#ifndef O2R_TESTS_CLIENT_CASE_H
#define O2R_TESTS_CLIENT_CASE_H

#include <errno.h>

#include "fake_http.h"
#include "unit.h"

#define UNUSED __attribute__((unused))

#define BLOB "0123456789abcdefghijklmnopqrst" /* 30 bytes */
#define HUB "docker.io/library/nginx"

enum {
	SIZE = 30,
};

#define PART(first, last, text)                                                          \
	((struct fake_answer){.status = 206, .range = {first, last, SIZE}, .body = text})

static UNUSED struct o2r_err err;
static UNUSED struct digest digest; /* of the blob: client_case_init */

/* What a caller of client_blob gets. */
static UNUSED struct caller {
	char bytes[200];
	unsigned begins;
	bool ranges;
	int begin_fails, data_fails;
} caller;

static UNUSED int on_begin(void *arg, bool ranges, struct o2r_err *e)
{
	struct caller *c = arg;

	CHECK(!c->bytes[0]);
	c->begins++;
	c->ranges = ranges;
	return c->begin_fails ? err_set(e, ERR_SPACE, -c->begin_fails, "disk full") : 0;
}

static UNUSED int on_data(void *arg, const void *p, size_t n, struct o2r_err *e)
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

static UNUSED void begin(void)
{
	fake_begin();
	caller = (struct caller){0};
	err = (struct o2r_err){0};
}

static UNUSED void script(unsigned at, struct fake_answer a)
{
	fake.script[at] = a;
}

static UNUSED int get_in(
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

static UNUSED int get(uint64_t first, uint64_t end)
{
	struct client_session *s = fake_open(NULL);
	int r = get_in(s, first, end, NULL);

	fake_close(s);
	return r;
}

static UNUSED void client_case_init(void)
{
	CHECK_EQ(digest_of(DIGEST_SHA256, BLOB, SIZE, &digest, &err), 0);
}

/* Two mirrors, one by the first name and for what is said, and "hub". */
static UNUSED void mirrors(const char *first, bool first_tags, bool first_digests)
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

/* Was request number `at` to that host? */
static UNUSED bool asked(unsigned at, const char *host)
{
	return strncmp(fake.asked_for[at] + strlen("https://"), host, strlen(host)) == 0;
}

#endif
