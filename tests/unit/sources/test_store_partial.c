/* Blobs of which a part is there: ranges, what survives, who may have them, publishing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/le.h"
#include "sources/store_partial.h"
#include "unit.h"

enum {
	SIZE = 1000,
};

static char scratch[] = "/tmp/o2r-test-partial.XXXXXX";

static struct digest digest(const void *p, size_t n)
{
	struct digest d = {0};

	CHECK_EQ(digest_of(DIGEST_SHA256, p, n, &d, NULL), 0);
	return d;
}

static void fill(unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 7 + i / 256);
}

/* --- ranges --- */

/* The same by a flag for each byte. */
static void compare(const struct ranges *r, const bool *there, size_t n)
{
	uint64_t bytes = 0, front = 0;
	struct range gap;

	for (size_t i = 0; i < n; i++)
		bytes += there[i];
	while (front < n && there[front])
		front++;
	CHECK_EQ(ranges_bytes(r), bytes);
	CHECK_EQ(ranges_front(r), front);
	for (size_t from = 0; from <= n; from++) {
		size_t first = from, end;

		while (first < n && there[first])
			first++;
		for (end = first; end < n && !there[end];)
			end++;
		CHECK_EQ(ranges_missing(r, from, &gap), first < n);
		if (first < n)
			CHECK(gap.first == first && gap.end == end);
	}
}

static void test_ranges_against_flags(void)
{
	enum { N = 60 };
	unsigned seed = 4711;

	for (int round = 0; round < 50; round++) {
		struct ranges r = {.size = N};
		bool there[N] = {false};
		unsigned changed[2];

		for (int i = 0; i < 40; i++) {
			size_t first = (size_t)rand_r(&seed) % N, end = first;
			size_t most = 1 + (size_t)rand_r(&seed) % 9;

			while (end < N && end - first < most && !there[end])
				there[end++] = true;
			if (end == first)
				continue;
			CHECK(ranges_add(&r, first, end, changed) > 0);
			compare(&r, there, N);
		}
	}
}

static void test_ranges_full(void)
{
	struct ranges r = {.size = UINT64_MAX};
	unsigned changed[2];

	for (uint64_t i = 0; i < RANGES_MAX; i++) {
		CHECK_EQ(ranges_room(&r), RANGES_MAX - i);
		CHECK_EQ(ranges_add(&r, i << 33, (i << 33) + 1, changed), 1);
	}
	CHECK_EQ(ranges_add(&r, 5, 6, changed), -ENOBUFS);
	/* what goes on is no new one; what closes a gap frees a slot */
	CHECK_EQ(ranges_add(&r, 1, 2, changed), 1);
	CHECK_EQ(ranges_add(&r, 2, (uint64_t)1 << 33, changed), 2);
	CHECK_EQ(ranges_room(&r), 1);
	CHECK_EQ(ranges_front(&r), ((uint64_t)1 << 33) + 1);
}

static void encode(
	const struct ranges *r, const struct digest *d, unsigned char all[RANGES_FILE])
{
	ranges_write_header(r, d, all);
	for (unsigned i = 0; i < RANGES_MAX; i++)
		ranges_write_slot(r, i, all + RANGES_HEADER + (size_t)i * RANGES_SLOT);
}

static void put_slot(unsigned char *all, unsigned i, uint64_t first, uint64_t end)
{
	unsigned char *p = all + RANGES_HEADER + (size_t)i * RANGES_SLOT;

	put_le64(p, first);
	put_le64(p + 8, end);
	put_le32(p + 16, crc32c(~0u, p, 16));
	put_le32(p + 20, 0);
}

static void test_ranges_parsed(void)
{
	unsigned char all[RANGES_FILE];
	struct ranges r = {.size = SIZE}, got;
	struct digest d = digest("x", 1), other = digest("y", 1);
	struct range gap;

	encode(&r, &d, all);
	/* overlapping, touching, empty, backwards, past the end, past what the file has
	 */
	put_slot(all, 3, 10, 50);
	put_slot(all, 9, 0, 20);
	put_slot(all, 100, 50, 60);
	put_slot(all, 5, 70, 70);
	put_slot(all, 6, 90, 80);
	put_slot(all, 7, SIZE, SIZE + 5);
	put_slot(all, 8, 700, UINT64_MAX);
	CHECK_EQ(ranges_parse(&got, all, sizeof(all), &d, SIZE, 900), 0);
	CHECK_EQ(ranges_front(&got), 60);
	CHECK_EQ(ranges_bytes(&got), 260);
	CHECK(ranges_missing(&got, 0, &gap) && gap.first == 60 && gap.end == 700);
	CHECK(ranges_missing(&got, 700, &gap) && gap.first == 900 && gap.end == SIZE);
	CHECK_EQ(ranges_room(&got), RANGES_MAX - 2);
	CHECK_EQ(ranges_parse(&got, all, sizeof(all), &other, SIZE, 900), -EBADMSG);
	CHECK_EQ(ranges_bytes(&got), 0);
	CHECK_EQ(ranges_parse(&got, all, sizeof(all), &d, SIZE + 1, 900), -EBADMSG);
	CHECK_EQ(ranges_parse(&got, all, sizeof(all) - 1, &d, SIZE, 900), -EBADMSG);
	CHECK_EQ(ranges_parse(&got, all, 0, &d, SIZE, 900), -EBADMSG);
	/* no changed byte makes more of it than there is */
	for (size_t i = 0; i < sizeof(all); i++) {
		all[i] ^= 0x10;
		if (ranges_parse(&got, all, sizeof(all), &d, SIZE, 900) == 0)
			CHECK(i >= RANGES_HEADER && ranges_bytes(&got) <= 260);
		else
			CHECK(i < RANGES_HEADER);
		all[i] ^= 0x10;
	}
}

/* --- partials --- */

static struct store *open_new(const char *name)
{
	struct store *s = NULL;
	struct o2r_err err = {0};
	char dir[100];

	snprintf(dir, sizeof(dir), "%s/%s", scratch, name);
	CHECK_EQ(store_open(dir, true, &s, &err), 0);
	if (!s) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return s;
}

static char *path_of(const struct store *s, const char *folder, const struct digest *d,
	const char *suffix)
{
	static char p[4][300];
	static unsigned n;
	char *out = p[n++ % 4];

	snprintf(out, sizeof(p[0]), "%s/%s/sha256/%s%s", store_dir(s), folder,
		digest_format(d).s + 7, suffix);
	return out;
}

static struct partial *open_partial(struct store *s, const struct digest *d)
{
	struct partial *p = NULL;
	struct o2r_err err = {0};

	CHECK_EQ(partial_open(s, d, SIZE, &p, &err), 0);
	if (!p) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return p;
}

static void write_part(
	struct partial *p, const unsigned char *bytes, uint64_t first, uint64_t end)
{
	bool all = false;

	CHECK_EQ(
		partial_write(p, bytes + first, (size_t)(end - first), first, &all, NULL),
		0);
	CHECK(all);
}

static void expect_gap(struct partial *p, uint64_t from, uint64_t first, uint64_t end)
{
	struct range gap = {0};

	CHECK(partial_missing(p, from, &gap));
	CHECK_EQ(gap.first, first);
	CHECK_EQ(gap.end, end);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_go_on_and_publish(void)
{
	unsigned char bytes[SIZE], got[SIZE];
	struct store *s = open_new("go-on");
	struct stat st, seen;

	fill(bytes, SIZE);

	struct digest d = digest(bytes, SIZE);
	struct partial *p = open_partial(s, &d);

	write_part(p, bytes, 0, 100);
	write_part(p, bytes, 500, 700);
	write_part(p, bytes, 100, 150);
	partial_close(p);
	p = open_partial(s, &d);
	CHECK_EQ(partial_front(p), 150);
	CHECK_EQ(partial_bytes(p), 350);
	expect_gap(p, 0, 150, 500);
	expect_gap(p, 500, 700, SIZE);
	write_part(p, bytes, 150, 500);
	CHECK_EQ(partial_front(p), 700);
	/* over what is there: only the rest is written */
	bool all = true;

	memset(got, 0xee, sizeof(got));
	memcpy(got + 700, bytes + 700, SIZE - 700);
	CHECK_EQ(partial_write(p, got + 600, SIZE - 600, 600, &all, NULL), 0);
	CHECK(!all);
	CHECK_EQ(partial_front(p), SIZE);
	CHECK_EQ(pread_full(partial_fd(p), got, SIZE, 0), 0);
	CHECK_MEM(got, bytes, SIZE);

	int before = open_descriptors();

	CHECK_EQ(partial_publish(p, &st, NULL), 1);
	/* of many blobs each holds one descriptor, not two */
	CHECK_EQ(open_descriptors(), before - 1);
	CHECK_EQ(stat(path_of(s, "blobs", &d, ""), &seen), 0);
	CHECK_EQ(seen.st_ino, st.st_ino);
	CHECK(store_seen(s, &d, &seen));
	CHECK(access(path_of(s, "partial", &d, ""), F_OK) < 0);
	CHECK(access(path_of(s, "partial", &d, ".ranges"), F_OK) < 0);

	int fd = store_get(s, STORE_BLOB, &d, NULL);

	CHECK(fd >= 0);
	/* still in use by who fetched it */
	close(fd);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(store_has(s, STORE_BLOB, &d));
	partial_close(p);
	CHECK_EQ(store_prune(s, 0, NULL, NULL, NULL), 0);
	CHECK(!store_has(s, STORE_BLOB, &d));
	store_close(s);
}

/* One at a time, whoever it is. */
static void test_exclusive(void)
{
	struct store *s = open_new("exclusive");
	struct digest d = digest("d", 1);
	struct partial *p = open_partial(s, &d), *other = NULL;
	pid_t pid = fork();

	if (pid == 0)
		_exit(partial_open(s, &d, SIZE, &other, NULL) != -EWOULDBLOCK);

	int status = 1;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_EQ(partial_open(s, &d, SIZE, &other, NULL), -EWOULDBLOCK);
	partial_give_up(p);
	CHECK_EQ(partial_open(s, &d, SIZE, &other, NULL), 0);
	partial_close(other);
	partial_close(p);
	store_close(s);
}

static void test_discarded(void)
{
	unsigned char bytes[SIZE];
	struct store *s = open_new("discarded");
	struct digest d = digest("d", 1);
	struct partial *p = open_partial(s, &d), *next;
	struct stat st;

	fill(bytes, SIZE);
	write_part(p, bytes, 0, SIZE);
	partial_discard(p);
	CHECK(access(path_of(s, "partial", &d, ""), F_OK) < 0);
	CHECK(access(path_of(s, "partial", &d, ".ranges"), F_OK) < 0);
	/* the next one is another file, and the old one is nothing to publish */
	next = open_partial(s, &d);
	CHECK_EQ(partial_bytes(next), 0);
	CHECK_EQ(partial_publish(p, &st, NULL), -ENOENT);
	CHECK(!store_has(s, STORE_BLOB, &d));
	partial_discard(p);
	CHECK_EQ(access(path_of(s, "partial", &d, ""), F_OK), 0);
	partial_close(p);
	partial_close(next);
	store_close(s);
}

/* Killed at any moment: what was noted is there, and all but the last write is noted. */
static void test_killed(void)
{
	static unsigned char bytes[SIZE];
	struct store *s = open_new("killed");

	fill(bytes, SIZE);
	for (int round = 0; round < 10; round++) {
		struct digest d = digest(&round, sizeof(round));
		unsigned char got[SIZE];
		uint64_t seen = 0;
		int out[2], status;

		CHECK_EQ(pipe(out), 0);

		pid_t pid = fork();

		if (pid == 0) {
			struct partial *p = open_partial(s, &d);

			for (uint64_t i = 0; i < SIZE; i++) {
				uint64_t at = i * 11 % SIZE; /* 91 ranges at most */

				write_part(p, bytes, at, at + 1);
				if (write(out[1], &i, sizeof(i)) < 0)
					_exit(1);
			}
			_exit(0);
		}
		close(out[1]);
		while (read(out[0], &seen, sizeof(seen)) == (ssize_t)sizeof(seen))
			if (seen == 5 + (unsigned)round * 9)
				kill(pid, SIGKILL);
		close(out[0]);
		CHECK(waitpid(pid, &status, 0) == pid);

		struct partial *p = open_partial(s, &d);
		struct range gap = {0};

		CHECK(partial_bytes(p) >= seen + 1);
		for (uint64_t at = 0; at < SIZE; at++)
			if (!partial_missing(p, at, &gap) || gap.first != at) {
				CHECK_EQ(pread_full(partial_fd(p), got, 1, at), 0);
				CHECK_EQ(got[0], bytes[at]);
			}
		partial_close(p);
	}
	store_close(s);
}

/* What is noted of another blob, of more than there is, or badly, is nothing. */
static void test_not_believed(void)
{
	unsigned char bytes[SIZE];
	struct store *s = open_new("believed");
	struct digest d = digest("d", 1), e = digest("e", 1);
	struct partial *p = open_partial(s, &d);

	fill(bytes, SIZE);
	write_part(p, bytes, 0, 600);
	partial_close(p);
	CHECK_EQ(truncate(path_of(s, "partial", &d, ""), 250), 0);
	p = open_partial(s, &d);
	CHECK_EQ(partial_bytes(p), 250);
	partial_close(p);
	/* notes of another blob */
	CHECK_EQ(link(path_of(s, "partial", &d, ""), path_of(s, "partial", &e, "")), 0);
	CHECK_EQ(link(path_of(s, "partial", &d, ".ranges"),
			 path_of(s, "partial", &e, ".ranges")),
		0);
	p = open_partial(s, &e);
	CHECK_EQ(partial_bytes(p), 0);
	partial_close(p);
	/* another size */
	CHECK_EQ(partial_open(s, &e, SIZE + 1, &p, NULL), 0);
	CHECK_EQ(partial_bytes(p), 0);
	partial_close(p);
	/* no files of ours */
	CHECK_EQ(chmod(path_of(s, "partial", &e, ""), 0666), 0);
	CHECK_EQ(partial_open(s, &e, SIZE, &p, NULL), -EPERM);
	CHECK_EQ(unlink(path_of(s, "partial", &e, "")), 0);
	CHECK_EQ(unlink(path_of(s, "partial", &e, ".ranges")), 0);
	CHECK_EQ(symlink("/etc/passwd", path_of(s, "partial", &e, "")), 0);
	CHECK_EQ(partial_open(s, &e, SIZE, &p, NULL), -ELOOP);
	store_close(s);
}

static void test_without_store(void)
{
	unsigned char bytes[SIZE], got[SIZE];
	struct digest d = digest("d", 1);
	struct partial *p = open_partial(NULL, &d);
	struct stat st;

	fill(bytes, SIZE);
	write_part(p, bytes, 0, SIZE);
	CHECK_EQ(pread_full(partial_fd(p), got, SIZE, 0), 0);
	CHECK_MEM(got, bytes, SIZE);
	CHECK_EQ(partial_publish(p, &st, NULL), 0);
	partial_discard(p);
	partial_close(p);
}

/* No room: the class says so, and what is there stays. */
static void test_full(void)
{
	static unsigned char bytes[64 << 10];
	struct rlimit before, limit;
	struct store *s = open_new("full");
	struct digest d = digest("d", 1);
	struct partial *p = NULL;
	struct o2r_err err = {0};
	bool all;

	CHECK_EQ(partial_open(s, &d, sizeof(bytes), &p, NULL), 0);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 10000;
	CHECK_EQ(partial_write(p, bytes, 9000, 0, &all, &err), 0);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(partial_write(p, bytes, 9000, 9000, &all, &err), -EFBIG);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	CHECK(strstr(err.text, "partial/sha256/") != NULL);
	partial_close(p);
	CHECK_EQ(partial_open(s, &d, sizeof(bytes), &p, NULL), 0);
	CHECK_EQ(partial_bytes(p), 9000);
	partial_close(p);
	store_close(s);
}

int main(void)
{
	char cmd[100];

	if (!mkdtemp(scratch))
		return 1;
	test_ranges_against_flags();
	test_ranges_full();
	test_ranges_parsed();
	test_go_on_and_publish();
	test_exclusive();
	test_discarded();
	test_killed();
	test_not_believed();
	test_without_store();
	test_full();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", scratch);
	CHECK_EQ(system(cmd), 0);
	TEST_END;
}
