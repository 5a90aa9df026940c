/* Blobs from a registry: each fetched once, read while they arrive, what becomes of
 * failures, of cancelling, and of the store. */
#include <time.h>

#include "fetch_case.h"
#include "sources/registry/fetcher_impl.h"

static void test_several(void)
{
	struct client client;
	struct store *s = open_store("several");
	struct fetch_case c;
	struct blob b[4], twice;

	fake_init(&client);
	fake_add(&client, 3 * MIB + 1);
	fake_add(&client, 1);
	fake_add(&client, 0);
	fake_add(&client, 70000);
	for (int round = 0; round < 2; round++) {
		case_begin(&c, &client, s, PARALLEL);
		for (unsigned i = 0; i < 4; i++) {
			b[i] = blob_of(&c, &client, i);
			CHECK_EQ(blob_checks(&b[i]), !round);
			blob_want(&b[i]);
		}
		twice = blob_of(&c, &client, 0);
		for (unsigned i = 0; i < 4; i++)
			expect_bytes(&b[i], &client, i);
		expect_bytes(&twice, &client, 0);
		for (unsigned i = 0; i < 4; i++) {
			struct stat st, file;

			CHECK(!blob_checks(&b[i]));
			CHECK_EQ(blob_identity(&b[i], &st), 0);
			CHECK(store_seen(s, &client.blobs[i].digest, &st));
			CHECK_EQ(stat(path_of(s, "blobs", &client.blobs[i].digest, ""),
					 &file),
				0);
			CHECK_EQ(st.st_ino, file.st_ino);
			CHECK_EQ(fake_asked(&client, i), i == 2 ? 0 : 1);
			blob_close(&b[i]);
		}
		blob_close(&twice);
		case_end(&c);
		for (unsigned i = 0; i < 4; i++) {
			CHECK_EQ(c.told.states[i][FETCH_DONE], !round);
			CHECK_EQ(c.told.states[i][FETCH_EXISTS], round);
			CHECK_EQ(c.told.done[i], client.blobs[i].size);
		}
	}
	store_close(s);
	fake_finish(&client);
}

/* Nothing is fetched that nobody wants; identity and checks want nothing. */
static void test_unwanted(void)
{
	struct client client;
	struct fetch_case c;
	struct stat st;
	unsigned char byte;

	fake_init(&client);
	fake_add(&client, 100);
	case_begin(&c, &client, NULL, PARALLEL);

	struct blob b = blob_of(&c, &client, 0);

	CHECK(blob_checks(&b));
	CHECK_EQ(blob_identity(&b, &st), -ENOTSUP);
	CHECK_EQ(blob_preadv_cached(&b, &(struct iovec){&byte, 1}, 1, 0), -EAGAIN);
	blob_close(&b);
	case_end(&c);
	CHECK_EQ(fake_asked(&client, 0), 0);
	fake_finish(&client);
}

static void read_what_is_there(struct fetch_case *c, struct client *client)
{
	static unsigned char got[2 * MIB];
	struct blob b = blob_of(c, client, 0);
	struct o2r_err err = {0};

	blob_want(&b);
	CHECK_EQ(blob_pread_early(&b, got, MIB, 0, &err), 0);
	CHECK_MEM(got, client->blobs[0].bytes, MIB);
	CHECK_EQ(blob_pread_early(&b, got, MIB, MIB, &err), 0);
	CHECK_MEM(got, client->blobs[0].bytes + MIB, MIB);
	/* it is not whole */
	CHECK(blob_checks(&b));
	CHECK_EQ(blob_preadv_cached(&b, &(struct iovec){got, 1}, 1, 0), -EAGAIN);
	fake_set_gate(client, UINT64_MAX);
	CHECK_EQ(blob_pread_early(&b, got, 1, 5 * MIB - 1, &err), 0);
	expect_bytes(&b, client, 0);
	CHECK(!blob_checks(&b));
	CHECK_EQ(blob_preadv_cached(&b, &(struct iovec){got, 100}, 1, 7), 0);
	CHECK_MEM(got, client->blobs[0].bytes + 7, 100);
	CHECK(blob_pread_early(&b, got, 2, 5 * MIB - 1, &err) < 0);
	blob_close(&b);
}

static void test_read_while_it_arrives(void)
{
	for (int stored = 0; stored < 2; stored++) {
		struct client client;
		struct store *s = stored ? open_store("arriving") : NULL;
		struct fetch_case c;

		fake_init(&client);
		fake_add(&client, 5 * MIB);
		client.gate = 2 * MIB;
		case_begin(&c, &client, s, 1);
		read_what_is_there(&c, &client);
		case_end(&c);
		CHECK_EQ(fake_asked(&client, 0), 1);
		store_close(s);
		fake_finish(&client);
	}
}

struct wait {
	struct blob *blob;
	int result;
	struct o2r_err err;
};

static void *wait_main(void *arg)
{
	struct wait *w = arg;

	w->result = blob_ready(w->blob, &w->err);
	return NULL;
}

/* Does somebody wait for blob i, and is blob 0 being fetched? */
static bool waits_for(struct fetch_case *c, unsigned i)
{
	pthread_mutex_lock(&c->fetcher->lock);

	bool waits = c->fetcher->blobs[i]->waiting && c->fetcher->blobs[0]->requests;

	pthread_mutex_unlock(&c->fetcher->lock);
	return waits;
}

/* A blob that a reader waits for goes before those that were wanted earlier. */
static void test_order(void)
{
	struct client client;
	struct fetch_case c;
	struct blob b[4];
	pthread_t t;

	fake_init(&client);
	for (unsigned i = 0; i < 4; i++)
		fake_add(&client, 100000);
	client.gate = 0;
	case_begin(&c, &client, NULL, 1);
	for (unsigned i = 0; i < 4; i++) {
		b[i] = blob_of(&c, &client, i);
		blob_want(&b[i]);
	}

	struct wait w = {.blob = &b[3]};

	while (!fake_asked(&client, 0))
		usleep(1000);
	CHECK_EQ(pthread_create(&t, NULL, wait_main, &w), 0);
	while (!waits_for(&c, 3))
		usleep(1000);
	fake_set_gate(&client, UINT64_MAX);
	pthread_join(t, NULL);
	CHECK_EQ(w.result, 0);
	for (unsigned i = 0; i < 4; i++)
		expect_bytes(&b[i], &client, i);
	CHECK_EQ(client.count, 4);
	CHECK_EQ(client.requests[0].blob, 0);
	CHECK_EQ(client.requests[1].blob, 3);
	CHECK_EQ(client.requests[2].blob, 1);
	CHECK_EQ(client.requests[3].blob, 2);
	CHECK_EQ(client.running_max, 1);
	for (unsigned i = 0; i < 4; i++)
		blob_close(&b[i]);
	case_end(&c);
	fake_finish(&client);
}

/* What fails, fails alone, and says why to all who ask. */
static void test_failure(void)
{
	struct client client;
	struct store *s = open_store("failure");
	struct fetch_case c;
	struct o2r_err err = {0};
	unsigned char got[10];

	fake_init(&client);
	fake_add(&client, 100000);
	fake_add(&client, 100000);
	case_begin(&c, &client, s, 1);

	struct blob bad = blob_of(&c, &client, 0), good = blob_of(&c, &client, 1);

	client.fail = -EACCES;
	CHECK_EQ(blob_ready(&bad, &err), -EACCES);
	CHECK_STR(err.text, "fake.example/app: refused");
	CHECK_EQ(blob_pread_early(&bad, got, 10, 0, &err), -EACCES);
	CHECK_EQ(blob_pread(&bad, got, 10, 0, &err), -EACCES);
	CHECK(blob_checks(&bad));
	CHECK_EQ(fake_asked(&client, 0), 1);
	client.fail = 0;
	expect_bytes(&good, &client, 1);
	blob_close(&bad);
	blob_close(&good);
	case_end(&c);
	/* and is tried again by the next */
	expect_fetched(&client, s, 0);
	store_close(s);
	fake_finish(&client);
}

/* Connections that break: what came is kept, the rest is asked for, patience ends. */
static void test_broken(void)
{
	static const struct {
		uint64_t after;
		unsigned breaks, asked;
		int result;
	} cases[] = {
		{100000, 3, 4, 0},
		{100000, 5, 5, -ECONNRESET},
		/* each time a MiB further on: as often as it likes */
		{MIB, 6, 7, 0},
		{MIB / 2, 12, 13, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client client;
		struct fetch_case c;
		struct o2r_err err = {0};

		fake_init(&client);
		fake_add(&client, 7 * MIB);
		client.break_after = cases[i].after;
		client.breaks = cases[i].breaks;
		case_begin(&c, &client, NULL, PARALLEL);

		struct blob b = blob_of(&c, &client, 0);

		CHECK_EQ(blob_ready(&b, &err), cases[i].result);
		CHECK_EQ(fake_asked(&client, 0), cases[i].asked);
		if (cases[i].result == 0) {
			expect_bytes(&b, &client, 0);
			CHECK(c.told.states[0][FETCH_RETRYING] > 0);
		} else {
			CHECK_STR(err.text, "fake.example: the connection broke");
		}
		blob_close(&b);
		case_end(&c);
		if (cases[i].result == 0)
			expect_each_once(&client, 0, 0);
		fake_finish(&client);
	}
}

static void test_offline(void)
{
	struct client client;
	struct store *s = open_store("offline");
	struct fetch_case c;
	struct o2r_err err = {0};

	fake_init(&client);
	fake_add(&client, 1000);
	fake_add(&client, 1001);
	expect_fetched(&client, s, 0);
	case_begin(&c, NULL, s, PARALLEL);

	struct blob there = blob_of(&c, &client, 0), missing = blob_of(&c, &client, 1);

	expect_bytes(&there, &client, 0);
	CHECK_EQ(blob_ready(&missing, &err), -ENOENT);
	CHECK_EQ(err.cls, ERR_NOT_FOUND);
	CHECK(strstr(err.text, "o2r pull"));
	CHECK(strstr(err.text, digest_format(&client.blobs[1].digest).s));
	blob_close(&there);
	blob_close(&missing);
	case_end(&c);
	store_close(s);
	fake_finish(&client);
}

/* A byte of the kept blob is another one, and nothing tells. */
static void rot(struct store *s, const struct digest *d)
{
	struct stat st;
	int fd = open(path_of(s, "blobs", d, ""), O_RDWR);

	CHECK_EQ(pwrite(fd, "x", 1, 5000), 1);
	CHECK_EQ(fstat(fd, &st), 0);
	close(fd);
	store_note_seen(s, d, &st, NULL);
}

/* Whoever finds that a kept blob is not what it was says so, and is the last to get it:
 * thrown away at once when that is sure, else by the next one, who looks. */
static void test_rotten(void)
{
	struct client client;
	struct store *s = open_store("rotten");
	struct fetch_case c;

	fake_init(&client);
	fake_add(&client, 100000);
	for (int sure = 0; sure < 2; sure++) {
		const struct digest *d = &client.blobs[0].digest;
		unsigned char byte = 0;

		expect_fetched(&client, s, 0);
		rot(s, d);
		client.count = 0;
		case_begin(&c, &client, s, 1);

		struct blob b = blob_of(&c, &client, 0);

		CHECK_EQ(blob_pread(&b, &byte, 1, 5000, NULL), 0);
		CHECK_EQ(byte, 'x');
		blob_doubt(&b, sure);
		CHECK_EQ(store_has(s, STORE_BLOB, d), !sure);
		CHECK_EQ(c.told.warnings, sure);
		blob_close(&b);
		case_end(&c);
		expect_fetched(&client, s, 0);
		CHECK_EQ(fake_asked(&client, 0), 1);
	}
	store_close(s);
	fake_finish(&client);
}

/* What somebody else has put in its place meanwhile stays; and so does a good one. */
static void test_rotten_and_replaced(void)
{
	struct client client;
	struct store *s = open_store("replaced");
	struct fetch_case c;

	fake_init(&client);
	fake_add(&client, 100000);
	expect_fetched(&client, s, 0);
	case_begin(&c, &client, s, 1);

	struct blob b = blob_of(&c, &client, 0);

	expect_bytes(&b, &client, 0);
	store_drop(s, STORE_BLOB, &client.blobs[0].digest);
	expect_fetched(&client, s, 0);
	blob_doubt(&b, true);
	CHECK(store_has(s, STORE_BLOB, &client.blobs[0].digest));
	blob_doubt(&b, false);
	blob_close(&b);
	case_end(&c);
	expect_fetched(&client, s, 0);
	CHECK_EQ(fake_asked(&client, 0), 2);
	store_close(s);
	fake_finish(&client);
}

static uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A reader that waits hears of it, and destroying does not wait for anybody. */
static void test_cancel(void)
{
	struct client client;
	struct fetch_case c;
	pthread_t t[2];

	fake_init(&client);
	fake_add(&client, 10 * MIB);
	fake_add(&client, 10 * MIB);
	client.gate = MIB;
	case_begin(&c, &client, NULL, PARALLEL);

	struct blob b[2] = {blob_of(&c, &client, 0), blob_of(&c, &client, 1)};
	struct wait w[2] = {{.blob = &b[0]}, {.blob = &b[1]}};

	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_main, &w[i]), 0);
	CHECK(fake_wait(&client, 0, MIB) && fake_wait(&client, 1, MIB));

	uint64_t before = milliseconds();

	__atomic_store_n(&c.cancel, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(w[i].result, -EINTR);
		CHECK_EQ(w[i].err.cls, ERR_INTERRUPTED);
	}
	for (int i = 0; i < 2; i++)
		blob_close(&b[i]);
	case_end(&c);
	/* not a measurement: without an end of its own it would take for ever */
	CHECK(milliseconds() - before < 5000);
	fake_finish(&client);
}

/* A cache folder that cannot be written to is one warning, and no failure. */
static void test_no_store_to_write(void)
{
	struct client client;
	struct store *s = open_store("no-write");
	struct fetch_case c;
	struct stat st;
	char name[200];

	snprintf(name, sizeof(name), "%s/partial", store_dir(s));
	close(open(name, O_WRONLY | O_CREAT, 0600));
	fake_init(&client);
	for (unsigned i = 0; i < 3; i++)
		fake_add(&client, 100000);
	case_begin(&c, &client, s, PARALLEL);
	for (unsigned i = 0; i < 3; i++) {
		struct blob b = blob_of(&c, &client, i);

		expect_bytes(&b, &client, i);
		CHECK_EQ(blob_identity(&b, &st), -ENOTSUP);
		blob_close(&b);
	}
	case_end(&c);
	CHECK_EQ(c.told.warnings, 1);
	CHECK(strstr(c.told.warning, "cannot be kept"));
	CHECK(strstr(c.told.warning, store_dir(s)));
	store_close(s);
	fake_finish(&client);
}

/* In the store, but not what it should be: fetched again; offline it is an error. */
static void test_damaged_in_store(void)
{
	for (int cut = 0; cut < 2; cut++) {
		struct client client;
		struct store *s = open_store(cut ? "cut" : "damaged");
		struct fetch_case c;
		struct o2r_err err = {0};

		fake_init(&client);
		fake_add(&client, 300000);
		expect_fetched(&client, s, 0);

		char *name = path_of(s, "blobs", &client.blobs[0].digest, "");
		int fd = open(name, O_RDWR);

		CHECK_EQ(cut ? ftruncate(fd, 299999) : (int)pwrite(fd, "x", 1, 5000),
			!cut);
		close(fd);
		case_begin(&c, &client, s, PARALLEL);

		struct blob b = blob_of(&c, &client, 0);

		CHECK(blob_checks(&b));
		expect_bytes(&b, &client, 0);
		blob_close(&b);
		case_end(&c);
		CHECK_EQ(fake_asked(&client, 0), 2);
		CHECK_EQ(c.told.warnings, !cut);
		/* the same without a network */
		fd = open(name, O_RDWR);
		CHECK_EQ(pwrite(fd, "x", 1, 5000), 1);
		close(fd);
		case_begin(&c, NULL, s, PARALLEL);
		b = blob_of(&c, &client, 0);
		CHECK_EQ(blob_ready(&b, &err), -EBADMSG);
		CHECK(strstr(err.text, "o2r pull"));
		blob_close(&b);
		case_end(&c);
		CHECK(!store_has(s, STORE_BLOB, &client.blobs[0].digest));
		store_close(s);
		fake_finish(&client);
	}
}

/* A copy of the folder: files that nobody has seen are read once, and seen then. */
static void test_unseen(void)
{
	struct client client;
	struct store *s = open_store("unseen");
	struct digest *d;
	struct stat st;

	fake_init(&client);
	fake_add(&client, 300000);
	d = &client.blobs[0].digest;
	expect_fetched(&client, s, 0);

	char *name = path_of(s, "blobs", d, "");
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	CHECK_EQ(utimensat(AT_FDCWD, name, old, 0), 0);
	CHECK(stat(name, &st) == 0 && !store_seen(s, d, &st));
	/* its ctime is of now: not noted before it is a moment old */
	usleep(120000);
	expect_fetched(&client, s, 0);
	CHECK_EQ(fake_asked(&client, 0), 1);
	CHECK(stat(name, &st) == 0 && store_seen(s, d, &st));
	store_close(s);
	fake_finish(&client);
}

/* A manifest that says another size is no reason to throw away what is right. */
static void test_size_that_is_wrong(void)
{
	struct client client;
	struct store *s = open_store("other-size");

	fake_init(&client);
	fake_add(&client, 300000);
	expect_fetched(&client, s, 0);
	for (int i = 0; i < 2; i++) {
		struct fetch_item item = {
			.digest = client.blobs[0].digest, .size = i ? 1 : 300001};
		struct o2r_err err = {0};
		struct fetch_case c;
		struct blob b = {0};

		case_begin(&c, i ? NULL : &client, s, PARALLEL);
		CHECK_EQ(fetcher_blob(c.fetcher, &item, &b, &err), 0);
		CHECK_EQ(blob_ready(&b, &err), -EBADMSG);
		CHECK(strstr(err.text, "has 300000 bytes, but its manifest says"));
		blob_close(&b);
		case_end(&c);
	}
	expect_fetched(&client, s, 0);
	CHECK_EQ(fake_asked(&client, 0), 1);
	store_close(s);
	fake_finish(&client);
}

static void test_two_sizes(void)
{
	struct client client;
	struct fetch_case c;
	struct o2r_err err = {0};

	fake_init(&client);
	fake_add(&client, 1000);
	case_begin(&c, &client, NULL, PARALLEL);

	struct blob b = blob_of(&c, &client, 0), other = {0};
	struct fetch_item item = {.digest = client.blobs[0].digest, .size = 1001};

	CHECK_EQ(fetcher_blob(c.fetcher, &item, &other, &err), -EBADMSG);
	CHECK(strstr(err.text, "two sizes"));
	blob_close(&b);
	case_end(&c);
	fake_finish(&client);
}

int main(void)
{
	scratch_begin();
	test_several();
	test_unwanted();
	test_read_while_it_arrives();
	test_order();
	test_failure();
	test_broken();
	test_offline();
	test_rotten();
	test_rotten_and_replaced();
	test_cancel();
	test_no_store_to_write();
	test_damaged_in_store();
	test_unseen();
	test_size_that_is_wrong();
	test_two_sizes();
	scratch_end();
	TEST_END;
}
