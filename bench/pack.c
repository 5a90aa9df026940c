/*
 * What a kept index costs and saves, without a command around it:
 *
 *	bench-pack BLOB...
 *
 * Each layer is indexed, packed into a temporary file and unpacked. One line for each:
 * CPU milliseconds of packing, then of unpacking its stream and its entries (the best of
 * ten), and the sizes. Then the sums.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"
#include "blob/stream_pack.h"
#include "fs/layer_pack.h"
#include "fs/tar_index.h"

static const struct ctx ctx = {.threads = 2, .limits = LIMITS_DEFAULT};
static const struct pack_id id = {.kind = 1, .version = 1};

struct costs {
	double pack, stream, layer; /* milliseconds */
	double bytes;
	size_t entries;
};

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static _Noreturn void fail(const struct o2r_err *err)
{
	fprintf(stderr, "bench-pack: %s\n", err->text);
	exit(1);
}

static struct digest digest_blob(const struct blob *blob)
{
	static unsigned char part[1 << 20];
	struct digester d = {0};
	struct digest is;
	struct o2r_err err = {0};

	if (digester_init(&d, DIGEST_SHA256, &err) < 0)
		fail(&err);
	for (uint64_t off = 0; off < blob->size; off += sizeof(part)) {
		size_t n = (size_t)MIN(blob->size - off, sizeof(part));

		if (blob_pread(blob, part, n, off, &err) < 0 ||
			digester_update(&d, part, n, &err) < 0)
			fail(&err);
	}
	if (digester_final(&d, &is, &err) < 0)
		fail(&err);
	digester_finish(&d);
	return is;
}

static void index_blob(const struct blob *blob, struct stream **s, struct layer *l)
{
	struct stream_expect e = {.codec = -1, .blob_digest = digest_blob(blob)};
	struct stream_sink sink = {.data = tar_index_data};
	struct tar_index *t = NULL;
	struct o2r_err err = {0};

	if (tar_index_create(l, "layer", &ctx, &t, &err) < 0)
		fail(&err);
	sink.arg = t;
	if (stream_scan(blob, &e, &sink, &ctx, NULL, s, &err) < 0 ||
		tar_index_end(t, &err) < 0)
		fail(&err);
	tar_index_destroy(t);
}

static void pack(
	int fd, const struct stream *s, const struct layer *l, struct costs *costs)
{
	struct pack_writer w;
	struct o2r_err err = {0};

	costs->pack = milliseconds();
	if (pack_begin(&w, fd, &id, &err) < 0 || stream_pack(s, &w, &err) < 0 ||
		layer_pack(l, &w, &err) < 0 || pack_end(&w, &err) < 0)
		fail(&err);
	costs->pack = milliseconds() - costs->pack;
	costs->bytes = (double)w.end;
}

static void unpack(int fd, const struct blob *blob, struct costs *costs)
{
	static const struct stream_expect e = {.codec = -1};
	struct o2r_err err = {0};
	struct pack_reader r;
	struct stream *s = NULL;
	struct layer l = {0};
	double start = milliseconds();

	if (pack_open(&r, fd, &id, &err) < 0 ||
		stream_unpack(&r, blob, &e, &ctx, &s, &err) < 0)
		fail(&err);
	costs->stream = MIN(costs->stream, milliseconds() - start);
	start = milliseconds();
	if (layer_unpack(&r, stream_size(s), &ctx, &l, &err) < 0)
		fail(&err);
	costs->layer = MIN(costs->layer, milliseconds() - start);
	costs->entries = l.count;
	stream_destroy(s);
	layer_finish(&l);
}

static struct costs measure(const char *path)
{
	struct costs costs = {.stream = 1e9, .layer = 1e9};
	struct blob blob = {0};
	struct o2r_err err = {0};
	struct stream *s = NULL;
	struct layer l = {0};
	int fd = file_anonymous(&err);

	if (fd < 0 || blob_open_file(&blob, AT_FDCWD, path, &err) < 0)
		fail(&err);
	index_blob(&blob, &s, &l);
	pack(fd, s, &l, &costs);
	stream_destroy(s);
	layer_finish(&l);
	for (int i = 0; i < 10; i++)
		unpack(fd, &blob, &costs);
	blob_close(&blob);
	close(fd);
	return costs;
}

static void show(const struct costs *c)
{
	printf("pack %.2f ms, unpack %.2f + %.2f ms, %zu entries, %.2f MB\n", c->pack,
		c->stream, c->layer, c->entries, c->bytes / 1e6);
}

int main(int argc, char **argv)
{
	struct costs sum = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: bench-pack BLOB...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		struct costs c = measure(argv[i]);

		show(&c);
		sum.pack += c.pack;
		sum.stream += c.stream;
		sum.layer += c.layer;
		sum.bytes += c.bytes;
		sum.entries += c.entries;
	}
	show(&sum);
	return 0;
}
