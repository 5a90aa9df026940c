/*
 * usage: threads REFERENCE OUTDIR
 *
 * The library from several threads: handles of their own, then one handle for all, loaded
 * by whoever comes first, read, planned and written at once. Made for ThreadSanitizer;
 * what is read must be the same in all threads in any build.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "o2r.h"

enum {
	THREADS = 4,
};

struct job {
	struct o2r_image *shared; /* NULL: each opens its own */
	const char *reference, *outdir;
	unsigned number;
	uint64_t sum;
	pthread_t thread;
};

static _Atomic unsigned messages, failures;

static void take_log(void *arg, enum o2r_log_level level, const char *message)
{
	(void)arg, (void)level, (void)message;
	atomic_fetch_add(&messages, 1);
}

static void take_progress(void *arg, const struct o2r_progress *p)
{
	(void)arg;
	if (p->total && p->done > p->total)
		atomic_fetch_add(&failures, 1);
}

static int failed(const struct o2r_error *e)
{
	fprintf(stderr, "failed: %s\n", e->text);
	atomic_fetch_add(&failures, 1);
	return -1;
}

static uint64_t mix(uint64_t sum, const void *p, size_t n)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ c[i]) * 0x100000001b3;
	return sum;
}

struct visitor {
	struct o2r_image *image;
	uint64_t sum;
};

static int visit(void *arg, const struct o2r_walk_entry *entry)
{
	struct visitor *v = arg;
	const char *path = entry->path;
	size_t len = entry->path_len;
	uint64_t ino = entry->ino;
	const struct stat *st = &entry->st;
	struct o2r_error e;
	unsigned char bytes[50000];
	const char *name;
	const void *value;
	size_t size;
	uint64_t off = 0, found;
	int64_t n = 0;

	v->sum = mix(v->sum, path, len);
	if (len && (o2r_lookup(v->image, path, &found, &e) < 0 || found != ino))
		return failed(&e);
	for (unsigned i = 0; o2r_xattr(v->image, ino, i, &name, &value, &size, &e) > 0;
		i++)
		v->sum = mix(mix(v->sum, name, strlen(name)), value, size);
	if (S_ISLNK(st->st_mode) && o2r_readlink(v->image, ino, &name, &e) == 0)
		v->sum = mix(v->sum, name, strlen(name));
	for (; S_ISREG(st->st_mode) && off < (1 << 20) &&
		(n = o2r_read(v->image, ino, bytes, sizeof(bytes), off, &e)) > 0;
		off += (uint64_t)n)
		v->sum = mix(v->sum, bytes, (size_t)n);
	return n < 0 ? failed(&e) : 0;
}

static int write_images(const struct job *j, struct o2r_image *image)
{
	struct o2r_ext4_options *o = o2r_ext4_options_create();
	struct o2r_ext4_info planned, written;
	struct o2r_error e;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/%s%u", j->outdir, j->shared ? "shared" : "own",
		j->number);
	o2r_ext4_options_set_size(o, "min");
	o2r_ext4_options_set_force(o, true);
	r = o2r_ext4_plan(image, o, &planned, NULL, NULL, &e);
	if (r == 0)
		r = o2r_ext4_write(image, o, path, &written, &e);
	if (r == 0 && planned.image_bytes != written.image_bytes)
		atomic_fetch_add(&failures, 1);
	o2r_ext4_options_destroy(o);
	return r < 0 ? failed(&e) : 0;
}

static void *work(void *arg)
{
	struct job *j = arg;
	struct o2r_options *o = o2r_options_create();
	struct o2r_image *image = j->shared;
	struct o2r_error e;
	int r = 0;

	o2r_options_set_threads(o, 3);
	o2r_options_set_log(o, take_log, O2R_LOG_TRACE, NULL);
	o2r_options_set_progress(o, take_progress, NULL);
	if (!image)
		r = o2r_image_open(j->reference, o, &image, &e);
	o2r_options_destroy(o);
	if (r < 0) {
		failed(&e);
		return NULL;
	}

	struct visitor v = {.image = image, .sum = 1};

	if (o2r_walk(image, visit, &v, &e) < 0)
		failed(&e);
	j->sum = v.sum;
	write_images(j, image);
	if (!j->shared)
		o2r_image_close(image);
	return NULL;
}

static uint64_t run(struct o2r_image *shared, const char *reference, const char *outdir)
{
	struct job jobs[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.shared = shared,
			.reference = reference,
			.outdir = outdir,
			.number = i};
		if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(jobs[i].thread, NULL);
		if (jobs[i].sum != jobs[0].sum) {
			fprintf(stderr, "thread %u has read something else\n", i);
			atomic_fetch_add(&failures, 1);
		}
	}
	return jobs[0].sum;
}

int main(int argc, char **argv)
{
	struct o2r_options *o = o2r_options_create();
	struct o2r_image *shared = NULL;
	struct o2r_error e;

	if (argc != 3)
		return 2;
	o2r_options_set_threads(o, 8);
	o2r_options_set_log(o, take_log, O2R_LOG_TRACE, NULL);
	o2r_options_set_progress(o, take_progress, NULL);

	uint64_t own = run(NULL, argv[1], argv[2]);

	if (o2r_image_open(argv[1], o, &shared, &e) < 0)
		return failed(&e) != 0;
	if (run(shared, argv[1], argv[2]) != own)
		atomic_fetch_add(&failures, 1);
	o2r_image_close(shared);
	o2r_options_destroy(o);
	printf("%u failures\n", failures);
	return failures != 0;
}
