/* Blobs and manifests by the client where there is more than one place to ask: mirrors,
 * and the URLs of foreign layers. The network is fake_http.h. */
#include "client_case.h"

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
	CHECK(client_asks_others(fake_client(), false));
	CHECK(client_distrust(fake_client()));
	CHECK(!client_distrust(fake_client()));
	CHECK(!client_asks_others(fake_client(), true));
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
	CHECK(!client_asks_others(fake_client(), false));
	CHECK(client_asks_others(fake_client(), true));
	CHECK(!client_distrust(fake_client()));
	CHECK_STR(client_label(fake_client()), HUB);
	fake_close(s);
}

int main(void)
{
	client_case_init();
	mirrors_fail();
	mirrors_and_manifests();
	what_mirrors_are_for();
	foreign();
	foreign_and_private();
	distrust();
	TEST_END;
}
