/* For tests of the fetcher: a scratch folder, a fake client, what is told. */
#ifndef O2R_TESTS_FETCH_CASE_H
#define O2R_TESTS_FETCH_CASE_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "fake_client.h"
#include "sources/registry/fetcher.h"
#include "unit.h"

#define UNUSED __attribute__((unused))

enum {
	MIB = 1 << 20,
	PARALLEL = 4,
	LAYERS = 8,
};

static char scratch[] = "/tmp/o2r-test-fetch.XXXXXX";

/* What one fetcher has told. */
struct told {
	pthread_mutex_t lock;
	unsigned states[LAYERS][FETCH_DONE + 1];
	uint64_t done[LAYERS];
	unsigned back; /* times that bytes seemed to get less */
	unsigned warnings;
	char warning[500];
};

struct fetch_case {
	struct client *client; /* NULL: offline */
	struct store *store;   /* NULL: none */
	struct fetcher *fetcher;
	struct ctx ctx;
	struct told told;
	volatile int cancel;
};

static void hear_fetch(void *arg, const struct fetch_progress *p)
{
	struct told *t = arg;

	t->states[p->layer][p->state]++;
	t->back += p->done < t->done[p->layer] && p->state == FETCH_RUNNING;
	t->done[p->layer] = p->done;
}

static void hear_log(void *arg, enum log_level level, const char *msg)
{
	struct told *t = arg;

	if (level != LOG_WARN)
		return;
	t->warnings++;
	snprintf(t->warning, sizeof(t->warning), "%s", msg);
}

/* name NULL: without a store. */
static UNUSED struct store *open_store(const char *name)
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

static UNUSED char *path_of(const struct store *s, const char *folder,
	const struct digest *d, const char *suffix)
{
	static char p[4][300];
	static unsigned n;
	char *out = p[n++ % 4];

	snprintf(out, sizeof(p[0]), "%s/%s/sha256/%s%s", store_dir(s), folder,
		digest_format(d).s + 7, suffix);
	return out;
}

static void case_begin(
	struct fetch_case *c, struct client *client, struct store *s, unsigned parallel)
{
	*c = (struct fetch_case){.client = client, .store = s};
	pthread_mutex_init(&c->told.lock, NULL);
	c->ctx = (struct ctx){.log = hear_log,
		.fetch = hear_fetch,
		.arg = &c->told,
		.level = LOG_WARN,
		.cancel = &c->cancel,
		.threads = 2,
		.lock = &c->told.lock};
	CHECK_EQ(fetcher_create(client, s, parallel, &c->ctx, &c->fetcher, NULL), 0);
}

static void case_end(struct fetch_case *c)
{
	fetcher_destroy(c->fetcher);
	CHECK_EQ(c->told.back, 0);
	CHECK_EQ(c->client ? c->client->bad : 0, 0);
	pthread_mutex_destroy(&c->told.lock);
}

static struct blob blob_of(struct fetch_case *c, const struct client *from, unsigned i)
{
	struct fetch_item item = {.digest = from->blobs[i].digest,
		.size = from->blobs[i].size,
		.layer = i,
		.layers = from->blob_count};
	struct blob b = {0};

	CHECK_EQ(fetcher_blob(c->fetcher, &item, &b, NULL), 0);
	return b;
}

/* All of it is what the server has. */
static UNUSED void expect_bytes(
	const struct blob *b, const struct client *from, unsigned i)
{
	static unsigned char got[MIB];
	uint64_t wrong = 0;
	struct o2r_err err = {0};
	int r = blob_ready(b, &err);

	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	CHECK_EQ(r, 0);
	for (uint64_t off = 0; r == 0 && off < b->size; off += MIB) {
		size_t n = (size_t)MIN(b->size - off, (uint64_t)MIB);

		r = blob_pread(b, got, n, off, &err);
		wrong += memcmp(got, from->blobs[i].bytes + off, n) != 0;
	}
	CHECK_EQ(r, 0);
	CHECK_EQ(wrong, 0);
}

/* Fetch one blob with a fetcher of its own. */
static UNUSED void expect_fetched(struct client *client, struct store *s, unsigned i)
{
	struct fetch_case c;

	case_begin(&c, client, s, PARALLEL);

	struct blob b = blob_of(&c, client, i);

	expect_bytes(&b, client, i);
	blob_close(&b);
	case_end(&c);
}

/* Each byte once: parts of all requests for a blob, from `from` on. */
static UNUSED void expect_each_once(struct client *c, unsigned i, uint64_t from)
{
	uint64_t at = from;

	for (unsigned k = 0; k < c->count; k++) {
		const struct fake_request *r = &c->requests[k];

		if (r->blob != i || r->first != at || !r->served)
			continue;
		at += r->served;
		k = UINT_MAX; /* from the first one again */
	}
	CHECK_EQ(at, c->blobs[i].size);
	CHECK_EQ(fake_served(c, i), c->blobs[i].size - from);
}

static UNUSED void scratch_begin(void)
{
	if (!mkdtemp(scratch))
		exit(1);
	setenv("TMPDIR", scratch, 1);
}

static UNUSED void scratch_end(void)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", scratch);
	CHECK_EQ(system(cmd), 0);
}

#endif
