/*
 * Print the merged tree of images through the library, line by line as treedump.py prints
 * a mounted one.
 *
 * usage: tree-print REF            one dump on standard output
 *        tree-print --many OUT DIR...   OUT/NAME.dump or OUT/NAME.refused for each layout
 *        tree-print --many-layers OUT DIR...   the same with one more column: which layer
 *                                  the path comes from, from 1
 *
 * Exit code: the class of the failure; 0 with --many unless OUT cannot be written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/sha256.h"
#include "o2r.h"

struct row {
	char *path; /* raw, for sorting; "/" stands alone for the root */
	size_t path_len;
	uint64_t ino;
	char *text; /* the columns before the last */
	int is_dir;
	unsigned layer;
};

struct dump {
	struct o2r_image *image;
	struct row *rows;
	size_t count, cap;
	int layers;
	struct o2r_error error;
};

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return p;
}

static void escape(FILE *f, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c > 0x20 && c < 0x7f && c != '\\')
			fputc(c, f);
		else
			fprintf(f, "\\x%02x", c);
	}
	if (!n)
		fputs("\\e", f);
}

static int put_content(struct dump *d, FILE *f, uint64_t ino, const struct stat *st)
{
	static const size_t chunk = 1 << 20;
	struct sha256 sha;
	unsigned char hash[32], *buf;
	uint64_t at = 0;
	int64_t n;

	if (S_ISLNK(st->st_mode)) {
		const char *target;

		if (o2r_readlink(d->image, ino, &target, &d->error) < 0)
			return -1;
		fputs("->", f);
		escape(f, target, strlen(target));
		return 0;
	}
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		fprintf(f, "%u:%u", major(st->st_rdev), minor(st->st_rdev));
		return 0;
	}
	if (!S_ISREG(st->st_mode)) {
		fputc('-', f);
		return 0;
	}
	buf = must(malloc(chunk));
	sha256_init(&sha);
	while ((n = o2r_read(d->image, ino, buf, chunk, at, &d->error)) > 0) {
		sha256_update(&sha, buf, (size_t)n);
		at += (uint64_t)n;
	}
	free(buf);
	if (n < 0)
		return -1;
	sha256_final(&sha, hash);
	fprintf(f, "size:%llu,sha256:", (unsigned long long)st->st_size);
	for (int i = 0; i < 32; i++)
		fprintf(f, "%02x", hash[i]);
	return 0;
}

static int put_xattrs(struct dump *d, FILE *f, uint64_t ino)
{
	const char *name;
	const void *value;
	size_t size;
	int r;

	for (unsigned i = 0;; i++) {
		r = o2r_xattr(d->image, ino, i, &name, &value, &size, &d->error);
		if (r <= 0) {
			if (r == 0 && i == 0)
				fputc('-', f);
			return r;
		}
		if (i)
			fputc(',', f);
		escape(f, name, strlen(name));
		fputc('=', f);
		for (size_t k = 0; k < size; k++)
			fprintf(f, "%02x", ((const unsigned char *)value)[k]);
	}
}

static char type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	default:
		return 's';
	}
}

static int is_empty_dir(struct dump *d, uint64_t ino)
{
	const char *name;
	size_t len;
	uint64_t child;

	return o2r_readdir(d->image, ino, 0, &name, &len, &child, &d->error) == 0;
}

static int visit(void *arg, const struct o2r_walk_entry *e)
{
	struct dump *d = arg;
	const char *path = e->path;
	size_t path_len = e->path_len;
	uint64_t ino = e->ino;
	const struct stat *st = &e->st;
	size_t size;
	int r;

	if (path_len == 10 && memcmp(path, "lost+found", 10) == 0 &&
		S_ISDIR(st->st_mode) && is_empty_dir(d, ino))
		return 0;
	if (d->count == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 1024;
		d->rows = must(realloc(d->rows, d->cap * sizeof(*d->rows)));
	}

	struct row *row = &d->rows[d->count++];

	row->path = must(malloc(path_len + 2));
	row->path[0] = '/';
	memcpy(row->path + 1, path, path_len);
	row->path_len = path_len + 1;
	row->ino = ino;
	row->is_dir = S_ISDIR(st->st_mode);
	row->layer = e->layer + 1;
	row->text = NULL;

	FILE *f = must(open_memstream(&row->text, &size));

	if (S_ISLNK(st->st_mode))
		fprintf(f, "l\t-\t");
	else
		fprintf(f, "%c\t%04o\t", type_of(st->st_mode), st->st_mode & 07777);
	fprintf(f, "%u:%u\t%lld.%09ld\t", st->st_uid, st->st_gid,
		(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	r = put_content(d, f, ino, st);
	fputc('\t', f);
	if (r == 0)
		r = put_xattrs(d, f, ino);
	fclose(f);
	return r;
}

static int by_path(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;
	size_t n = a->path_len < b->path_len ? a->path_len : b->path_len;
	int c = memcmp(a->path, b->path, n);

	return c ? c : a->path_len < b->path_len ? -1 : a->path_len > b->path_len;
}

/* For each inode the first path in byte order, and how many there are. */
static void print(const struct dump *d, FILE *out)
{
	uint64_t max = 0;

	for (size_t i = 0; i < d->count; i++)
		if (d->rows[i].ino > max)
			max = d->rows[i].ino;

	size_t *first = must(calloc(max + 1, sizeof(*first)));
	unsigned *names = must(calloc(max + 1, sizeof(*names)));

	for (size_t i = d->count; i-- > 0;) {
		first[d->rows[i].ino] = i;
		names[d->rows[i].ino]++;
	}
	for (size_t i = 0; i < d->count; i++) {
		const struct row *r = &d->rows[i];

		escape(out, r->path, r->path_len);
		fprintf(out, "\t%s\t", r->text);
		if (!r->is_dir && names[r->ino] > 1) {
			const struct row *f = &d->rows[first[r->ino]];

			escape(out, f->path, f->path_len);
			fprintf(out, "*%u", names[r->ino]);
		} else {
			fputc('-', out);
		}
		if (d->layers)
			fprintf(out, "\t%u", r->layer);
		fputc('\n', out);
	}
	free(first);
	free(names);
}

static void finish(struct dump *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->rows[i].path);
		free(d->rows[i].text);
	}
	free(d->rows);
	o2r_image_close(d->image);
}

static int dump_one(const char *ref, int layers, FILE *out, struct o2r_error *error)
{
	struct dump d = {.layers = layers};
	int r = o2r_image_open(ref, NULL, &d.image, &d.error);

	if (r == 0)
		r = o2r_walk(d.image, visit, &d, &d.error);
	if (r == 0) {
		qsort(d.rows, d.count, sizeof(d.rows[0]), by_path);
		print(&d, out);
	}
	*error = d.error;
	finish(&d);
	return r;
}

static void many(const char *out, int layers, char **dirs, int count)
{
	for (int i = 0; i < count; i++) {
		char path[4096], *text = NULL;
		size_t size;
		struct o2r_error error = {0};
		const char *name = strrchr(dirs[i], '/');
		FILE *f = must(open_memstream(&text, &size));
		int r = dump_one(dirs[i], layers, f, &error);

		fclose(f);
		snprintf(path, sizeof(path), "%s/%s.%s", out, name ? name + 1 : dirs[i],
			r == 0 ? "dump" : "refused");
		f = fopen(path, "w");
		if (!f) {
			perror(path);
			exit(1);
		}
		if (r == 0)
			fwrite(text, 1, size, f);
		else
			fprintf(f, "%d %s\n", error.error_class, error.text);
		if (fclose(f) != 0) {
			perror(path);
			exit(1);
		}
		free(text);
	}
}

int main(int argc, char **argv)
{
	struct o2r_error error = {0};

	if (argc >= 4 && strncmp(argv[1], "--many", 6) == 0) {
		many(argv[2], strcmp(argv[1], "--many-layers") == 0, argv + 3, argc - 3);
		return 0;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: tree-print REF | tree-print --many OUT DIR...\n");
		return 2;
	}
	if (dump_one(argv[1], 0, stdout, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return error.error_class ? (int)error.error_class : 1;
	}
	return 0;
}
