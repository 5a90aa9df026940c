/* Blobs in parts: going on where a run stopped, several processes, chunks, wrong bytes.
 */
#include "fetch_case.h"
#include "sources/registry/fetcher_impl.h"

enum {
	BIG = 70 * MIB + 12345,
};

/* Begin to fetch blob 0 and stop when all that the gate lets through is there. */
static void fetch_up_to(struct client *client, struct store *s, uint64_t bytes)
{
	struct fetch_case c;

	fake_set_gate(client, bytes);
	case_begin(&c, client, s, 1);

	struct blob b = blob_of(&c, client, 0);

	blob_want(&b);
	CHECK(fake_wait(client, 0, bytes));
	blob_close(&b);
	case_end(&c);
	fake_set_gate(client, UINT64_MAX);
}

static void test_resume(void)
{
	struct client client;
	struct store *s = open_store("resume");

	fake_init(&client);
	fake_add(&client, 9 * MIB + 7);
	fetch_up_to(&client, s, 4 * MIB);
	CHECK_EQ(client.count, 1);
	CHECK_EQ(client.requests[0].end, client.blobs[0].size);
	client.requests[0].served = 4 * MIB;
	expect_fetched(&client, s, 0);
	CHECK_EQ(client.count, 2);
	CHECK_EQ(client.requests[1].first, 4 * MIB);
	CHECK_EQ(client.requests[1].end, client.blobs[0].size);
	expect_each_once(&client, 0, 0);
	/* for good */
	expect_fetched(&client, s, 0);
	CHECK_EQ(client.count, 2);
	store_close(s);
	fake_finish(&client);
}

/* Killed, not stopped: what was written is there. */
static void test_killed(void)
{
	struct client client;
	struct store *s = open_store("killed");
	struct fetch_case c;
	int status = 0;

	fake_init(&client);
	fake_add(&client, 9 * MIB + 7);
	client.gate = 5 * MIB;

	pid_t pid = fork();

	if (pid == 0) {
		case_begin(&c, &client, s, PARALLEL);

		struct blob b = blob_of(&c, &client, 0);

		blob_want(&b);
		if (!fake_wait(&client, 0, 5 * MIB))
			_exit(1);
		raise(SIGKILL);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	client.gate = UINT64_MAX;
	expect_fetched(&client, s, 0);
	CHECK_EQ(client.count, 1);
	CHECK_EQ(client.requests[0].first, 5 * MIB);
	store_close(s);
	fake_finish(&client);
}

/* Two processes: one fetches, the other waits and takes it from the store. */
static void test_two_processes(void)
{
	struct client client;
	struct store *s = open_store("two");
	struct fetch_case c;
	int status = 1, go[2], there[2];
	char byte = 0;

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	fake_add(&client, 1000);
	client.gate = MIB;
	CHECK(pipe(go) == 0 && pipe(there) == 0);

	pid_t pid = fork();

	if (pid == 0) {
		case_begin(&c, &client, s, PARALLEL);

		struct blob b = blob_of(&c, &client, 0);

		blob_want(&b);
		fake_wait(&client, 0, MIB);
		(void)!write(there[1], &byte, 1);
		(void)!read(go[0], &byte, 1);
		fake_set_gate(&client, UINT64_MAX);
		_exit(blob_ready(&b, NULL) < 0 || fake_asked(&client, 0) != 1);
	}
	CHECK_EQ(read(there[0], &byte, 1), 1);
	client.gate = UINT64_MAX;
	case_begin(&c, &client, s, 1);

	struct blob b = blob_of(&c, &client, 0), other = blob_of(&c, &client, 1);

	blob_want(&b);
	/* whoever waits for another process does something else meanwhile */
	expect_bytes(&other, &client, 1);
	CHECK_EQ(fake_asked(&client, 0), 0);
	CHECK_EQ(write(go[1], &byte, 1), 1);
	expect_bytes(&b, &client, 0);
	CHECK_EQ(fake_asked(&client, 0), 0);
	CHECK_EQ(c.told.states[0][FETCH_EXISTS], 1);
	blob_close(&b);
	blob_close(&other);
	case_end(&c);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	store_close(s);
	fake_finish(&client);
}

/* The other process dies: what it has fetched is gone on with. */
static void test_other_dies(void)
{
	struct client client;
	struct store *s = open_store("dies");
	struct fetch_case c;
	int status = 0, there[2];
	char byte = 0;

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	client.gate = MIB;
	CHECK(pipe(there) == 0);

	pid_t pid = fork();

	if (pid == 0) {
		case_begin(&c, &client, s, PARALLEL);

		struct blob b = blob_of(&c, &client, 0);

		blob_want(&b);
		fake_wait(&client, 0, MIB);
		(void)!write(there[1], &byte, 1);
		_exit(blob_ready(&b, NULL) == 0);
	}
	CHECK_EQ(read(there[0], &byte, 1), 1);
	client.gate = UINT64_MAX;
	case_begin(&c, &client, s, 1);

	struct blob b = blob_of(&c, &client, 0);

	blob_want(&b);
	usleep(200000);
	CHECK_EQ(fake_asked(&client, 0), 0);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	expect_bytes(&b, &client, 0);
	CHECK_EQ(fake_asked(&client, 0), 1);
	CHECK_EQ(client.requests[0].first, MIB);
	blob_close(&b);
	case_end(&c);
	store_close(s);
	fake_finish(&client);
}

/* A large blob: with ranges all threads take part, and each byte comes once. */
static void test_chunks(void)
{
	struct client client;
	struct store *s = open_store("chunks");

	fake_init(&client);
	fake_add(&client, BIG);
	client.slow_us = 500;
	expect_fetched(&client, s, 0);
	expect_each_once(&client, 0, 0);
	CHECK_EQ(client.running_max, PARALLEL);
	CHECK(client.count >= 5);
	/* nothing is broken off */
	for (unsigned i = 0; i < client.count; i++) {
		const struct fake_request *r = &client.requests[i];

		CHECK(r->end - r->first <= 16 * MIB);
		CHECK_EQ(r->served, r->end - r->first);
	}
	store_close(s);
	fake_finish(&client);
}

/* Only where the server grants ranges, and nobody else waits. */
static void test_no_chunks(void)
{
	struct client client;
	struct fetch_case c;
	struct blob b[5];

	fake_init(&client);
	fake_add(&client, BIG);
	client.no_ranges = true;
	client.slow_us = 100;
	expect_fetched(&client, NULL, 0);
	CHECK_EQ(client.count, 1);
	fake_finish(&client);

	fake_init(&client);
	for (unsigned i = 0; i < 5; i++)
		fake_add(&client, i ? 100000 : BIG);
	client.slow_us = 300;
	case_begin(&c, &client, NULL, 2);
	for (unsigned i = 0; i < 5; i++) {
		b[i] = blob_of(&c, &client, i);
		blob_want(&b[i]);
	}
	for (unsigned i = 0; i < 5; i++)
		expect_bytes(&b[i], &client, i);
	/* all of the large one and of each small one, then chunks */
	for (unsigned i = 0; i < 5; i++) {
		const struct fake_request *r = &client.requests[i];

		CHECK(r->first == 0 && r->end == client.blobs[r->blob].size);
		blob_close(&b[i]);
	}
	CHECK(fake_asked(&client, 0) > 1);
	case_end(&c);
	fake_finish(&client);
}

/* Has a second request failed, and is only the first one left? */
static bool is_left_alone(struct fetch_case *c)
{
	const struct fetch *b = c->fetcher->blobs[0];

	pthread_mutex_lock(&c->fetcher->lock);

	bool alone = b->one_at_a_time && b->requests && !b->requests->next;

	pthread_mutex_unlock(&c->fetcher->lock);
	return alone;
}

/* A server that allows one connection only still gives all of it. */
static void test_second_refused(void)
{
	struct client client;
	struct fetch_case c;

	fake_init(&client);
	fake_add(&client, BIG);
	client.gate = 15 * MIB;
	client.refuse = -EACCES;
	case_begin(&c, &client, NULL, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);

	blob_want(&b);
	CHECK(fake_wait(&client, 0, 15 * MIB));
	while (!is_left_alone(&c))
		usleep(1000);
	pthread_mutex_lock(&client.lock);
	client.refuse = 0;
	pthread_mutex_unlock(&client.lock);
	fake_set_gate(&client, UINT64_MAX);
	expect_bytes(&b, &client, 0);
	blob_close(&b);
	case_end(&c);
	expect_each_once(&client, 0, 0);
	fake_finish(&client);
}

/* Stopped with chunks here and there: only what is missing is asked for. */
static void test_resume_chunks(void)
{
	struct client client;
	struct store *s = open_store("resume-chunks");

	fake_init(&client);
	fake_add(&client, BIG);
	client.slow_us = 300;

	struct fetch_case c;

	case_begin(&c, &client, s, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);

	blob_want(&b);
	CHECK(fake_wait(&client, 0, 30 * MIB));
	blob_close(&b);
	case_end(&c);

	/* a write is noted before it is handed back to the client */
	uint64_t before = 0;

	for (unsigned i = 0; i < client.count; i++)
		before += client.requests[i].served;
	CHECK(before < BIG);
	expect_fetched(&client, s, 0);
	expect_each_once(&client, 0, 0);
	store_close(s);
	fake_finish(&client);
}

/* The same at a server that does not grant them any more: once, from the first gap. */
static void test_resume_without_ranges(void)
{
	struct client client;
	struct store *s = open_store("no-ranges");

	fake_init(&client);
	fake_add(&client, 5 * MIB);
	fetch_up_to(&client, s, 2 * MIB);
	client.no_ranges = true;
	expect_fetched(&client, s, 0);
	CHECK_EQ(client.count, 2);
	CHECK_EQ(client.requests[1].first, 2 * MIB);
	store_close(s);
	fake_finish(&client);
}

/* What an earlier run has left of blob 0 is all behind the first MiB. */
static void leave_tail(const struct client *client, struct store *s, bool good)
{
	const struct fake_blob *b = &client->blobs[0];
	struct partial *p = NULL;
	unsigned char other = (unsigned char)~b->bytes[2 * MIB];
	bool all;

	CHECK_EQ(partial_open(s, &b->digest, b->size, &p, NULL), 0);
	if (!good)
		CHECK_EQ(partial_write(p, &other, 1, 2 * MIB, &all, NULL), 0);
	CHECK_EQ(partial_write(p, b->bytes + MIB, (size_t)b->size - MIB, MIB, &all, NULL),
		0);
	partial_close(p);
}

/* The server sends what is here already: what becomes of that is of no interest. */
static void test_rest_is_here(void)
{
	struct client client;
	struct store *s = open_store("rest");

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	leave_tail(&client, s, true);
	client.no_ranges = true;
	client.break_after = MIB;
	client.breaks = 1;
	client.refuse = -EACCES;

	struct fetch_case c;

	case_begin(&c, &client, s, 1);

	struct blob b = blob_of(&c, &client, 0);

	expect_bytes(&b, &client, 0);
	CHECK_EQ(client.count, 1);
	CHECK_EQ(client.requests[0].served, MIB);
	blob_close(&b);
	case_end(&c);
	store_close(s);
	fake_finish(&client);
}

/* The same, but it is wrong, and nothing more comes by that connection: it is fetched
 * anew by another one all the same. */
static void test_rest_is_wrong(void)
{
	struct client client;
	struct store *s = open_store("rest-wrong");

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	leave_tail(&client, s, false);
	client.no_ranges = true;
	client.gate = MIB;

	struct fetch_case c;

	case_begin(&c, &client, s, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);

	blob_want(&b);
	CHECK(fake_wait(&client, 0, 2 * MIB));
	fake_set_gate(&client, UINT64_MAX);
	expect_bytes(&b, &client, 0);
	CHECK_EQ(client.count, 2);
	c.told.back = 0; /* it is rightly less */
	blob_close(&b);
	case_end(&c);
	store_close(s);
	fake_finish(&client);
}

/* Wrong from the server: an error that names all, and nothing is left of it. */
static void test_wrong(void)
{
	struct client client;
	struct store *s = open_store("wrong");
	struct fetch_case c;
	struct o2r_err err = {0};
	unsigned char got[10];

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	client.wrong = 10;
	client.wrong_at = 2 * MIB;
	case_begin(&c, &client, s, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);
	const char *name = digest_format(&client.blobs[0].digest).s;

	client.gate = MIB;
	CHECK_EQ(blob_pread_early(&b, got, 10, 0, &err), 0);
	fake_set_gate(&client, UINT64_MAX);
	CHECK_EQ(blob_ready(&b, &err), -EBADMSG);
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK(strstr(err.text, "fake.example/app") && strstr(err.text, name));
	CHECK(strstr(err.text, "digest is sha256:"));
	CHECK_EQ(fake_asked(&client, 0), 1);
	CHECK(blob_pread(&b, got, 10, 0, &err) < 0);
	blob_close(&b);
	case_end(&c);
	CHECK(!store_has(s, STORE_BLOB, &client.blobs[0].digest));
	CHECK(!store_has(s, STORE_PARTIAL, &client.blobs[0].digest));
	client.wrong = 0;
	expect_fetched(&client, s, 0);
	store_close(s);
	fake_finish(&client);
}

/* What an earlier run left is bad: fetched anew, and who has read it hears so. */
static void test_bad_partial(void)
{
	static unsigned char got[MIB];
	struct client client;
	struct store *s = open_store("bad-partial");
	struct fetch_case c;
	struct o2r_err err = {0};

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	fetch_up_to(&client, s, 2 * MIB);

	int fd = open(path_of(s, "partial", &client.blobs[0].digest, ""), O_RDWR);

	CHECK_EQ(pwrite(fd, "x", 1, 5000), 1);
	close(fd);
	case_begin(&c, &client, s, PARALLEL);

	struct blob b = blob_of(&c, &client, 0), late = blob_of(&c, &client, 0);

	client.gate = 2 * MIB;
	CHECK_EQ(blob_pread_early(&b, got, MIB, 0, &err), 0);
	CHECK(got[5000] == 'x');
	fake_set_gate(&client, UINT64_MAX);
	CHECK_EQ(blob_ready(&b, &err), -ESTALE);
	/* told once; then it is as good as any */
	expect_bytes(&b, &client, 0);
	expect_bytes(&late, &client, 0);
	CHECK_EQ(blob_pread_early(&b, got, MIB, 0, &err), 0);
	CHECK_MEM(got, client.blobs[0].bytes, MIB);
	CHECK_EQ(c.told.warnings, 1);
	CHECK_EQ(client.count, 3);
	CHECK_EQ(client.requests[1].first, 2 * MIB);
	CHECK_EQ(client.requests[2].first, 0);
	c.told.back = 0; /* it is rightly less */
	blob_close(&b);
	blob_close(&late);
	case_end(&c);
	store_close(s);
	fake_finish(&client);
}

/* A mirror brings other bytes: the registry itself has the right ones. */
static void test_wrong_mirror(void)
{
	struct client client;
	struct fetch_case c;

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	client.wrong = 10;
	client.wrong_at = 2 * MIB;
	client.mirror = true;
	case_begin(&c, &client, NULL, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);

	expect_bytes(&b, &client, 0);
	CHECK_EQ(fake_asked(&client, 0), 2);
	CHECK_EQ(c.told.warnings, 1);
	c.told.back = 0;
	blob_close(&b);
	case_end(&c);
	fake_finish(&client);
}

/* Wrong again: that is all. */
static void test_wrong_twice(void)
{
	struct client client;
	struct store *s = open_store("twice");
	struct fetch_case c;
	struct o2r_err err = {0};

	fake_init(&client);
	fake_add(&client, 3 * MIB);
	fetch_up_to(&client, s, MIB);
	client.wrong = 10;
	client.wrong_at = 2 * MIB;
	case_begin(&c, &client, s, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);

	CHECK_EQ(blob_ready(&b, &err), -EBADMSG);
	CHECK_EQ(client.count, 3);
	blob_close(&b);
	case_end(&c);
	CHECK(!store_has(s, STORE_PARTIAL, &client.blobs[0].digest));
	store_close(s);
	fake_finish(&client);
}

int main(void)
{
	scratch_begin();
	test_resume();
	test_killed();
	test_two_processes();
	test_other_dies();
	test_chunks();
	test_no_chunks();
	test_second_refused();
	test_resume_chunks();
	test_resume_without_ranges();
	test_rest_is_here();
	test_rest_is_wrong();
	test_wrong();
	test_bad_partial();
	test_wrong_twice();
	test_wrong_mirror();
	scratch_end();
	TEST_END;
}
