#include "mkimage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "ext4/out.h"
#include "fs/data.h"
#include "mktree.h"
#include "plan_check.h"

enum {
	SPAN = 1 << 20,
	PIECES_MAX = 4096,
};

static char dir[64];

static void remove_dir(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command) != 0)
		fprintf(stderr, "cannot remove %s\n", dir);
}

const char *mkimage_path(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	if (!dir[0]) {
		strcpy(dir, "/tmp/o2r-unit-XXXXXX");
		if (!mkdtemp(dir))
			abort();
		atexit(remove_dir);
	}
	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

struct ext4_options mkimage_options(void)
{
	return (struct ext4_options){
		.block_size = 4096,
		.uuid = {0x6f, 0x32, 0x72, 1, 2, 3, 0x84, 5, 0x86, 7, 8, 9, 10, 11, 12,
			13},
		.hash_seed = {0x01234567, 0x89abcdef, 0x02468ace, 0x13579bdf},
		.label = "test",
	};
}

/* Pieces of one span of the layer. */
struct span {
	struct data_piece v[PIECES_MAX];
	size_t n, used;
	unsigned char data[SPAN];
};

struct feed {
	struct ext4_writer *w;
	const struct tree *t;
	int pass;
	uint32_t parity; /* hand over only the spans of even or odd number; 2: all */
	uint64_t number; /* of the span, by bytes handed over */
	struct span *span;
	struct o2r_err *err;
};

static int feed_flush(struct feed *f)
{
	struct span *s = f->span;
	int r = 0;

	if (s->n && (f->parity == 2 || f->number % 2 == f->parity))
		r = ext4_writer_pieces(f->w, f->pass, s->v, s->n, f->err);
	s->n = 0;
	s->used = 0;
	f->number++;
	return r;
}

static int feed_run(struct feed *f, uint32_t item, const struct data_run *run)
{
	uint64_t done = 0;

	while (done < run->len) {
		struct span *s = f->span;
		uint32_t len = (uint32_t)MIN(run->len - done, SPAN - s->used);

		mktree_data(run->src_off + done, s->data + s->used, len);
		s->v[s->n++] = (struct data_piece){
			.p = s->data + s->used,
			.file_off = run->file_off + done,
			.len = len,
			.item = item,
		};
		s->used += len;
		done += len;
		if (s->used == SPAN || s->n == PIECES_MAX) {
			int r = feed_flush(f);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int feed_pass(struct feed *f, const struct ext4_plan *p)
{
	uint32_t count;
	const uint32_t *items = ext4_plan_items(p, f->pass, &count);
	int r = 0;

	f->number = 0;
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		struct data_run one;
		uint32_t runs;
		const struct data_run *v = tree_runs(f->t, items[i], &one, &runs);

		for (uint32_t k = 0; r == 0 && k < runs; k++)
			r = feed_run(f, i, &v[k]);
	}
	return r < 0 ? r : feed_flush(f);
}

static int write_data(struct ext4_writer *w, const struct tree *t,
	const struct ext4_plan *p, bool ordered, struct o2r_err *err)
{
	AUTO_FREE struct span *span = malloc(sizeof(*span));
	struct feed f = {.w = w, .t = t, .span = span, .err = err};
	int r = 0;

	if (!span)
		return -ENOMEM;
	span->n = span->used = 0;
	for (f.pass = 0; r == 0 && f.pass < ext4_plan_passes(p); f.pass++) {
		f.parity = ordered ? 2 : 1;
		r = feed_pass(&f, p);
		f.parity = 0;
		if (r == 0 && !ordered)
			r = feed_pass(&f, p);
	}
	return r < 0 ? r : ext4_writer_end(w, err);
}

static int fill_with_junk(int fd, uint64_t bytes)
{
	static unsigned char junk[1 << 20];

	memset(junk, 0xa5, sizeof(junk));
	while (bytes) {
		ssize_t n = write(fd, junk, MIN(bytes, sizeof(junk)));

		if (n <= 0)
			return -errno;
		bytes -= (uint64_t)n;
	}
	return 0;
}

static int write_image(const struct tree *t, const struct ext4_plan *p,
	const struct ctx *ctx, enum mkimage_how how, const char *path,
	struct o2r_err *err)
{
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct ext4_out_file file;
	struct ext4_out_stream stream;
	struct ext4_summary s;
	struct ext4_out out;
	struct ext4_writer *w = NULL;
	int r = fd < 0 ? -errno : 0;

	ext4_plan_summary(p, &s);
	if (r == 0 && how == MKIMAGE_DEVICE)
		r = fill_with_junk(fd, s.image_bytes);
	else if (r == 0 && how != MKIMAGE_STREAM &&
		 ftruncate(fd, (off_t)s.image_bytes) < 0)
		r = -errno;
	if (r < 0)
		return err_errno(err, -r, "cannot make %s", path);
	out = how == MKIMAGE_STREAM ? ext4_out_stream(&stream, fd)
				    : ext4_out_file(&file, fd, how == MKIMAGE_DEVICE);
	r = ext4_writer_create(p, &out, ctx, &w, err);
	if (r == 0 && how != MKIMAGE_METADATA)
		r = write_data(w, t, p, how == MKIMAGE_STREAM, err);
	ext4_writer_destroy(w);
	return r;
}

int mkimage(const struct tree *t, const struct ext4_options *o, enum mkimage_how how,
	const char *path, struct ext4_summary *summary)
{
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct ext4_plan *p = NULL;
	struct o2r_err err = {0};
	int r = ext4_plan_create(t, o, &ctx, &p, &err);

	if (r == 0 && summary)
		ext4_plan_summary(p, summary);

	const char *wrong = r == 0 ? plan_check(p) : NULL;

	if (wrong)
		r = err_set(&err, ERR_FAIL, EINVAL, "plan: %s", wrong);
	if (r == 0)
		r = write_image(t, p, &ctx, how, path, &err);
	ext4_plan_destroy(p);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", path, err.text);
	return r;
}

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

bool mkimage_clean(const char *path)
{
	static const char *const expected[] = {
		"Pass 1: ", "Pass 2: ", "Pass 3: ", "Pass 4: ", "Pass 5: ", "test: "};
	char command[256], line[512], all[8192] = "";
	size_t n = 0;
	bool good = true;

	snprintf(command, sizeof(command), "e2fsck -fn %s 2>&1", path);

	FILE *f = popen(command, "r");

	while (f && fgets(line, sizeof(line), f)) {
		strncat(all, line, sizeof(all) - strlen(all) - 1);
		if (starts(line, "e2fsck "))
			continue;
		good = good && n < ARRAY_LEN(expected) && starts(line, expected[n]);
		n++;
	}

	int status = f ? pclose(f) : -1;

	good = good && n == ARRAY_LEN(expected) && status == 0;
	if (!good)
		fprintf(stderr, "e2fsck -fn %s: status %d\n%s", path, status, all);
	return good;
}

uint64_t mkimage_dump(const char *path, const char *name)
{
	char command[256], line[512];
	uint64_t value = UINT64_MAX;

	snprintf(command, sizeof(command), "dumpe2fs -h %s 2>/dev/null", path);

	FILE *f = popen(command, "r");

	while (f && fgets(line, sizeof(line), f)) {
		size_t n = strlen(name);

		if (starts(line, name) && line[n] == ':')
			value = strtoull(line + n + 1, NULL, 10);
	}
	if (f)
		pclose(f);
	return value;
}

bool mkimage_have(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) == 0)
		return true;
	fprintf(stderr, "%s is not installed: its part of the test is left out\n",
		program);
	return false;
}
