/* The decoded copy of a stream without random access: where it is kept, what becomes of
 * one that is damaged, and how it goes without one. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "blob/span_impl.h"
#include "span_fixture.h"

static const struct shape frame = {CODEC_ZSTD, 1, 3, false, false};

enum {
	SIZE = 16 * SPAN + 12345,
	PIECES = DIV_ROUND_UP(SIZE, STREAM_PIECE),
};

/* Where a copy is kept between two caches: as the cache folder does it. */
struct keeper {
	int kept; /* -1: none */
	unsigned opened, whole, bad;
	int status; /* of open, unless 0 */
	bool sealed;
};

static int memory_file(void)
{
	int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0);
	return fd;
}

static int keeper_open(void *arg, unsigned stream, int *fd, struct o2r_err *err)
{
	struct keeper *k = arg;

	k->opened++;
	must(stream == 0);
	if (k->status < 0)
		return err_set(err, ERR_SPACE, -k->status, "no");
	*fd = k->kept >= 0 ? dup(k->kept) : memory_file();
	must(*fd >= 0);
	if (k->sealed) {
		must(ftruncate(*fd, SIZE) == 0);
		must(fcntl(*fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0);
	}
	return k->kept >= 0;
}

static void keeper_whole(void *arg, unsigned stream, int fd)
{
	struct keeper *k = arg;

	must(stream == 0);
	k->whole++;
	k->kept = dup(fd);
	must(k->kept >= 0);
}

static void keeper_bad(void *arg, unsigned stream)
{
	struct keeper *k = arg;

	must(stream == 0);
	k->bad++;
	if (k->kept >= 0)
		close(k->kept);
	k->kept = -1;
}

static struct span_cache *open_kept(struct fixture *f, struct keeper *k, unsigned threads)
{
	struct span_cache_options o = {.threads = threads,
		.open = keeper_open,
		.whole = keeper_whole,
		.bad = keeper_bad,
		.arg = k};

	return open_cache(f, 1, &o);
}

/* Everything, in some order. */
static void read_all(struct span_cache *c, struct fixture *f)
{
	for (unsigned i = 0; i < PIECES; i++) {
		uint64_t off = (uint64_t)i * 7 % PIECES * STREAM_PIECE + 1;

		CHECK_EQ(read_at(c, f, 0, off, MIN(100000, SIZE - off)), 0);
	}
}

/* Until the copy is whole. */
static void wait_whole(struct span_cache *c)
{
	enum span_copy_state state = COPY_MAKING;

	while (state == COPY_MAKING) {
		pthread_mutex_lock(&c->lock);
		state = c->lanes[0].copy_state;
		pthread_mutex_unlock(&c->lock);
		usleep(1000);
	}
}

static void made_once(struct fixture *f)
{
	struct keeper k = {.kept = -1};
	struct span_cache *c = open_kept(f, &k, 2);

	CHECK_EQ(counters(c).decoded_bytes, 0);
	read_all(c, f);
	wait_whole(c);
	CHECK_EQ(counters(c).decoded_bytes, SIZE);
	CHECK_EQ(counters(c).decoded_spans, 1);
	CHECK(counters(c).plain_bytes >= SIZE);
	/* the decoder and its window are not needed any more */
	pthread_mutex_lock(&c->lock);
	CHECK(c->lanes[0].reader == NULL || c->lanes[0].making);
	pthread_mutex_unlock(&c->lock);
	span_cache_destroy(c);
	CHECK_EQ(k.opened, 1);
	CHECK_EQ(k.whole, 1);

	/* the next one finds it */
	c = open_kept(f, &k, 2);
	read_all(c, f);
	CHECK_EQ(counters(c).decoded_bytes, 0);
	span_cache_destroy(c);
	CHECK_EQ(k.opened, 2);
	CHECK_EQ(k.whole, 1);
	CHECK_EQ(k.bad, 0);
	close(k.kept);
}

/* A byte of the kept copy is another one: that read notices, and all is made anew. */
static void damaged_copy(struct fixture *f, unsigned threads)
{
	struct keeper k = {.kept = -1};
	struct span_cache *c = open_kept(f, &k, threads);
	unsigned char byte = 0;

	read_all(c, f);
	wait_whole(c);
	span_cache_destroy(c);
	must(pread(k.kept, &byte, 1, SIZE / 2) == 1);
	byte ^= 1;
	must(pwrite(k.kept, &byte, 1, SIZE / 2) == 1);
	c = open_kept(f, &k, threads);
	read_all(c, f);
	wait_whole(c);
	CHECK_EQ(counters(c).decoded_bytes, SIZE);
	CHECK_EQ(counters(c).failed, 0);
	CHECK_EQ(k.bad, 1);
	CHECK_EQ(k.whole, 2);

	/* under a running cache, cut short too */
	must(ftruncate(k.kept, SIZE / 4) == 0);
	read_all(c, f);
	wait_whole(c);
	CHECK_EQ(counters(c).failed, 0);
	CHECK_EQ(k.bad, 2);
	CHECK_EQ(k.whole, 3);

	/* not again and again */
	must(ftruncate(k.kept, 0) == 0);
	read_all(c, f);
	must(k.kept < 0 || ftruncate(k.kept, 0) == 0);
	read_all(c, f);
	CHECK_EQ(counters(c).failed, 0);
	pthread_mutex_lock(&c->lock);
	CHECK_EQ(c->lanes[0].copy_state, COPY_IMPOSSIBLE);
	pthread_mutex_unlock(&c->lock);
	span_cache_destroy(c);
	if (k.kept >= 0)
		close(k.kept);
}

static void wrong_size(struct fixture *f)
{
	struct keeper k = {.kept = memory_file()};

	must(ftruncate(k.kept, SIZE - 1) == 0);

	struct span_cache *c = open_kept(f, &k, 1);

	read_all(c, f);
	wait_whole(c);
	CHECK_EQ(k.bad, 1);
	CHECK_EQ(k.whole, 1);
	span_cache_destroy(c);
	close(k.kept);
}

/* No room where it should be kept: a file of our own, which is nobody's to keep. */
static void no_folder(struct fixture *f)
{
	struct keeper k = {.kept = -1, .status = -ENOSPC};
	struct span_cache *c = open_kept(f, &k, 2);

	read_all(c, f);
	wait_whole(c);
	CHECK_EQ(counters(c).decoded_bytes, SIZE);
	CHECK_EQ(k.whole, 0);
	span_cache_destroy(c);
}

static unsigned warnings;

static void count_warnings(void *arg, enum log_level level, const char *msg)
{
	(void)arg;
	warnings += level == LOG_WARN && strstr(msg, "decoded copy") != NULL;
}

static void forwards(struct fixture *f, struct keeper *k)
{
	struct ctx ctx = test_ctx;
	struct span_cache_options o = {.threads = 3, .memory = 1, .arg = k};
	struct span_cache *c = NULL;

	ctx.log = count_warnings;
	ctx.level = LOG_WARN;
	if (k) {
		o.open = keeper_open;
		o.whole = keeper_whole;
		o.bad = keeper_bad;
	}
	warnings = 0;
	must(span_cache_create(&f->stream, 1, &o, &ctx, &c, NULL) == 0);
	/* in order, as all at once, nothing is decoded twice */
	for (unsigned i = 0; i < PIECES; i++)
		CHECK_EQ(read_at(c, f, 0, (uint64_t)i * STREAM_PIECE, 100), 0);
	CHECK(counters(c).decoded_bytes <= SIZE + SPAN_BATCH);
	read_all(c, f);

	struct fetched some[PIECES];

	for (unsigned i = 0; i < PIECES; i++)
		fetch_start(&some[i], c, 0, (PIECES - 1 - i) * STREAM_PIECE, 100);
	for (unsigned i = 0; i < PIECES; i++)
		CHECK_EQ(fetch_end(&some[i], &f->plain), 0);
	CHECK_EQ(warnings, 1);
	CHECK_EQ(counters(c).failed, 0);
	span_cache_destroy(c);
}

/* The disk is full, or there is none. */
static void no_file(struct fixture *f)
{
	struct keeper k = {.kept = -1, .sealed = true};

	forwards(f, &k);
	CHECK_EQ(k.whole, 0);
	must(setenv("TMPDIR", "/nowhere/at/all", 1) == 0);
	k = (struct keeper){.kept = -1, .status = -EROFS};
	forwards(f, &k);
	forwards(f, NULL);
	must(unsetenv("TMPDIR") == 0);
}

/* The blob is damaged while the copy is made: what comes before is good, and when the
 * blob is back, so is the rest. */
static void damaged_blob(void)
{
	struct span_cache_options o = {.threads = 2};
	struct shape shape = frame;
	struct fixture f;

	shape.noise = true;
	fixture_init(&f, &shape, SIZE, SPAN);

	struct span_cache *c = open_cache(&f, 1, &o);

	f.faulty.end = f.faulty.packed.len / 2;
	CHECK_EQ(read_at(c, &f, 0, SIZE - 10, 10), -EBADMSG);
	CHECK_EQ(read_at(c, &f, 0, 0, SIZE / 2 - SPAN), 0);
	CHECK_EQ(read_at(c, &f, 0, SIZE / 2, SPAN), -EBADMSG);
	f.faulty.end = UINT64_MAX;
	read_all(c, &f);
	span_cache_destroy(c);
	fixture_finish(&f);
}

/* Whoever wants the front of it does not wait for the rest. */
static void served_early(void)
{
	struct span_cache_options o = {.threads = 1};
	struct shape shape = frame;
	struct fixture f;
	struct fetched first, last;

	shape.noise = true;
	fixture_init(&f, &shape, SIZE, SPAN);

	struct span_cache *c = open_cache(&f, 1, &o);

	set_gate(&f.faulty, SIZE / 2);
	fetch_start(&last, c, 0, SIZE - 10, 10);
	fetch_start(&first, c, 0, SPAN, SPAN);
	CHECK_EQ(fetch_end(&first, &f.plain), 0);
	CHECK(!fetch_is_over(&last));
	wait_held(&f.faulty);
	/* what is there is read although the only worker is held up */
	CHECK_EQ(read_at(c, &f, 0, 0, 3 * SPAN / 2), 0);
	CHECK(!fetch_is_over(&last));
	set_gate(&f.faulty, UINT64_MAX);
	CHECK_EQ(fetch_end(&last, &f.plain), 0);
	span_cache_destroy(c);
	fixture_finish(&f);
}

int main(int argc, char **argv)
{
	struct fixture f;

	take_seed(argc, argv);
	fixture_init(&f, &frame, SIZE, SPAN);
	CHECK_EQ(stream_is_seekable(f.stream), 0);
	made_once(&f);
	damaged_copy(&f, 1);
	damaged_copy(&f, 3);
	wrong_size(&f);
	no_folder(&f);
	no_file(&f);
	damaged_blob();
	served_early();
	fixture_finish(&f);
	TEST_END;
}
