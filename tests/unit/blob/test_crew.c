/* Scans that share a crew of any number of threads, none too, find the right digests. */
#include <pthread.h>

#include "blob/hash_crew.h"
#include "packing.h"

enum {
	SCANS = 6,
};

struct job {
	struct buf plain, packed;
	struct stream_expect expect;
	struct o2r_err err;
	int r;
};

static void make_job(struct job *j, unsigned i)
{
	static const enum codec codecs[] = {CODEC_GZIP, CODEC_PLAIN, CODEC_ZSTD};
	enum codec codec = codecs[i % 3];

	add_mixed(&j->plain, 1 + draw(6 << 20));
	add_parts(&j->packed, codec, &j->plain, 1 + draw(3), 1);
	j->expect.codec = -1;
	fill_digests(&j->expect, &j->packed, &j->plain);
	/* a blob and a content digest of different algorithms */
	if (i >= 3)
		must(digest_of(DIGEST_SHA512, j->packed.data, j->packed.len,
			     &j->expect.blob_digest, NULL) == 0);
}

static void *run_job(void *arg)
{
	struct job *j = arg;
	struct blob blob = {0};
	struct stream *s = NULL;

	must(blob_open_memory(&blob, j->packed.data, j->packed.len, 0, NULL) == 0);
	j->r = stream_scan(&blob, &j->expect, NULL, &test_ctx, NULL, &s, &j->err);
	stream_destroy(s);
	blob_close(&blob);
	return NULL;
}

/* The scan of a wrong digest fails, and the others of its crew go on. */
static void share(struct job jobs[SCANS], unsigned threads, unsigned wrong)
{
	struct hash_crew crew;
	pthread_t t[SCANS];

	hash_crew_init(&crew, threads);
	CHECK_EQ(crew.threads, threads);
	for (unsigned i = 0; i < SCANS; i++) {
		jobs[i].expect.crew = &crew;
		jobs[i].expect.diff_id.bytes[7] ^= i == wrong;
		must(pthread_create(&t[i], NULL, run_job, &jobs[i]) == 0);
	}
	for (unsigned i = 0; i < SCANS; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(jobs[i].r < 0, i == wrong);
		if (i == wrong)
			CHECK(strstr(jobs[i].err.text, "has the digest") != NULL);
		else
			CHECK_STR(jobs[i].err.text, "");
		jobs[i].expect.diff_id.bytes[7] ^= i == wrong;
		jobs[i].err = (struct o2r_err){0};
	}
	hash_crew_finish(&crew);
}

int main(int argc, char **argv)
{
	static struct job jobs[SCANS];

	take_seed(argc, argv);
	for (unsigned i = 0; i < SCANS; i++)
		make_job(&jobs[i], i);
	for (unsigned threads = 0; threads < 5; threads++)
		for (unsigned wrong = 0; wrong <= SCANS; wrong++)
			share(jobs, threads, wrong);
	for (unsigned i = 0; i < SCANS; i++) {
		buf_finish(&jobs[i].plain);
		buf_finish(&jobs[i].packed);
	}
	TEST_END;
}
