/*
 * Tars for unit tests: described as parts (a header and what follows it), written block
 * by block, read back through the tar index in chunks of several sizes, and shown as
 * text, one line an entry, so that a case is a table row: parts and the text that is
 * wanted.
 */
#ifndef O2R_TESTS_TAR_PARTS_H
#define O2R_TESTS_TAR_PARTS_H

#include "base/buf.h"
#include "fs/tar_index.h"
#include "unit.h"

enum part_flags {
	BAD_SUM = 1,
	SIGNED_SUM = 2,
	NO_PADDING = 4,
	NO_HEADER = 8, /* the data alone, padded */
	NO_END = 16,   /* last part: no end mark */
};

/* A number field is text of the field (octal digits, or raw bytes with its own length).
 */
struct part {
	const char *name;
	char type;       /* '0' when not given and no_type is not set */
	const char *fmt; /* ustar (when not given), gnu, v7, star */
	const char *link, *prefix, *mode, *uid, *gid, *size, *mtime, *major, *minor;
	const char *data; /* its length is the size, unless size is given */
	size_t data_len;  /* 0: strlen(data) */
	const char
		*pax; /* "key=value" records, each ends with "\n": the data of x and g */
	const char
		*sparse; /* 386 .. 495 of the header, "offset length offset length ..." */
	const char *real; /* 483 */
	int flags;
	char raw_type;      /* wins over type; 1 stands for NUL */
	const char *at_257; /* magic, raw 8 bytes */
};

static void put_field(unsigned char *h, size_t at, size_t width, const char *text)
{
	/* base-256 fields are written as hex: "#80000000ffffffff" */
	if (text && text[0] == '#') {
		for (size_t i = 0; i < width; i++) {
			unsigned v = 0;

			sscanf(text + 1 + 2 * i, "%2x", &v);
			h[at + i] = (unsigned char)v;
		}
	} else if (text) {
		memcpy(h + at, text, strnlen(text, width));
	}
}

static void put_magic(unsigned char *h, const struct part *p)
{
	const char *fmt = p->fmt ? p->fmt : "ustar";

	if (p->at_257)
		memcpy(h + 257, p->at_257, 8);
	else if (strcmp(fmt, "gnu") == 0)
		memcpy(h + 257, "ustar  ", 8);
	else if (strcmp(fmt, "v7") != 0)
		memcpy(h + 257, "ustar\00000", 8);
	if (strcmp(fmt, "star") == 0)
		memcpy(h + 508, "tar", 4);
}

static void put_sparse(unsigned char *h, size_t at, size_t pairs, const char **text)
{
	unsigned long long off, len;
	int used;

	while (pairs-- && *text && sscanf(*text, "%llu %llu%n", &off, &len, &used) == 2) {
		char field[32];

		snprintf(field, sizeof(field), "%011llo", off);
		memcpy(h + at, field, 12);
		snprintf(field, sizeof(field), "%011llo", len);
		memcpy(h + at + 12, field, 12);
		*text += used;
		at += 24;
	}
}

static void put_checksum(unsigned char *h, int flags)
{
	long sum = 0;
	char text[16];

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += flags & SIGNED_SUM ? (signed char)h[i] : h[i];
	snprintf(text, sizeof(text), "%06lo", sum + (flags & BAD_SUM ? 1 : 0));
	memcpy(h + 148, text, 7);
}

static void add_bytes(struct buf *b, const void *p, size_t n)
{
	if (buf_append(b, p, n) < 0)
		abort();
}

static void add_padding(struct buf *b, size_t n)
{
	static const char zeros[512];

	add_bytes(b, zeros, -n & 511);
}

/* "key=value\n" lines become records with their lengths; an empty line ends a value with
 * newlines no better, so those go into data by hand. */
static void add_records(struct buf *b, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n"), len = n + 3;
		char number[24];

		for (;;) {
			size_t digits =
				(size_t)snprintf(number, sizeof(number), "%zu", len);

			if (n + 2 + digits == len)
				break;
			len = n + 2 + digits;
		}
		if (buf_printf(b, "%s ", number) < 0)
			abort();
		add_bytes(b, text, n + 1);
		text += n + 1;
	}
}

static void add_part(struct buf *tar, const struct part *p)
{
	unsigned char h[512] = {0};
	AUTO_BUF struct buf body = {0};
	const char *sparse = p->sparse;
	char size[16];

	if (p->pax)
		add_records(&body, p->pax);
	else if (p->data)
		add_bytes(&body, p->data, p->data_len ? p->data_len : strlen(p->data));
	put_field(h, 0, 100, p->name);
	put_field(h, 100, 8, p->mode ? p->mode : "0000644");
	put_field(h, 108, 8, p->uid ? p->uid : "0000000");
	put_field(h, 116, 8, p->gid ? p->gid : "0000000");
	snprintf(size, sizeof(size), "%011zo", body.len);
	put_field(h, 124, 12, p->size ? p->size : size);
	put_field(h, 136, 12, p->mtime ? p->mtime : "00000000012");
	h[156] = p->raw_type == 1 ? 0
		 : p->raw_type    ? (unsigned char)p->raw_type
		 : p->type        ? (unsigned char)p->type
				  : '0';
	put_field(h, 157, 100, p->link);
	put_magic(h, p);
	put_field(h, 329, 8, p->major);
	put_field(h, 337, 8, p->minor);
	put_field(h, 345, 155, p->prefix);
	put_field(h, 483, 12, p->real);
	put_sparse(h, 386, 4, &sparse);
	h[482] = sparse && *sparse ? 1 : h[482];
	put_checksum(h, p->flags);
	if (!(p->flags & NO_HEADER))
		add_bytes(tar, h, sizeof(h));
	while (sparse && *sparse) {
		unsigned char more[512] = {0};

		put_sparse(more, 0, 21, &sparse);
		more[504] = *sparse != 0;
		add_bytes(tar, more, sizeof(more));
	}
	if (body.len)
		add_bytes(tar, body.data, body.len);
	if (!(p->flags & NO_PADDING))
		add_padding(tar, body.len);
}

/* Parts up to the first without name and flags. */
static void add_parts(struct buf *tar, const struct part *p)
{
	static const char end[1024];
	int flags = 0;

	for (; p->name; p++) {
		add_part(tar, p);
		flags = p->flags;
	}
	if (!(flags & NO_END))
		add_bytes(tar, end, sizeof(end));
}

static void add_line(void *arg, enum log_level level, const char *msg)
{
	(void)level;
	if (buf_printf(arg, "%s\n", msg) < 0)
		abort();
}

static void show_bytes(struct buf *out, const void *p, size_t n)
{
	const unsigned char *c = p;

	for (size_t i = 0; i < n; i++) {
		bool plain = c[i] > ' ' && c[i] < 0x7f && c[i] != '\\';

		if (buf_printf(out, plain ? "%c" : "\\%02x", c[i]) < 0)
			abort();
	}
}

#define SHOW(...)                                                                        \
	do {                                                                             \
		if (buf_printf(out, __VA_ARGS__) < 0)                                    \
			abort();                                                         \
	} while (0)

static void show_entry(struct buf *out, const struct entry *e)
{
	SHOW("%c ", "fdlhcbps"[e->kind]);
	show_bytes(out, e->path, e->path_len);
	SHOW(" %o %u:%u %" PRId64, e->mode, e->uid, e->gid, e->mtime);
	if (e->mtime_nsec)
		SHOW(".%09u", e->mtime_nsec);
	if (e->kind == ENTRY_FILE)
		SHOW(" %" PRIu64, e->size);
	if (e->size && !e->map)
		SHOW("@%" PRIu64, e->data_off);
	if (e->kind == ENTRY_CHR || e->kind == ENTRY_BLK)
		SHOW(" %u,%u", e->major, e->minor);
	if (e->link) {
		SHOW(" -> ");
		show_bytes(out, e->link, e->link_len);
	}
	for (uint32_t i = 0; e->map && i < e->map->count; i++)
		SHOW(" %" PRIu64 "+%" PRIu64 "@%" PRIu64, e->map->runs[i].file_off,
			e->map->runs[i].len, e->map->runs[i].src_off);
	if (e->map && !e->map->count)
		SHOW(" hole");
	for (uint32_t i = 0; e->xattrs && i < e->xattrs->count; i++) {
		const struct xattr *x = &e->xattrs->list[i];

		SHOW(" %s=", x->name);
		show_bytes(out, x->value, x->value_len);
	}
	SHOW("\n");
}

/* Entries and warnings, or the error after the warnings; the caller frees out. */
static void read_tar(struct buf *out, const struct buf *tar, size_t chunk)
{
	struct ctx ctx = {.log = add_line,
		.arg = out,
		.level = LOG_WARN,
		.threads = 1,
		.limits = LIMITS_DEFAULT};
	struct layer layer = {0};
	struct o2r_err err = {0};
	struct tar_index *t = NULL;
	int r = tar_index_create(&layer, NULL, &ctx, &t, &err);

	for (size_t at = 0; at < tar->len && r == 0; at += chunk) {
		size_t n = tar->len - at < chunk ? tar->len - at : chunk;
		/* a copy, so that the address sanitizer sees any step outside the chunk
		 */
		AUTO_FREE char *copy = malloc(n);

		memcpy(copy, tar->data + at, n);
		r = tar_index_data(t, copy, n, &err);
	}
	if (r == 0)
		r = tar_index_end(t, &err);
	if (r < 0) {
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK_EQ(err.code, r);
		SHOW("error: %s\n", err.text);
	}
	for (size_t i = 0; i < layer.count && r == 0; i++)
		show_entry(out, &layer.entries[i]);
	tar_index_destroy(t);
	layer_finish(&layer);
}

/* The whole and pieces of any size must give the same. */
static void check_tar(const char *what, const struct buf *tar, const char *want)
{
	static const size_t chunks[] = {SIZE_MAX / 2, 1, 511, 512, 513};

	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		AUTO_BUF struct buf out = {0};

		read_tar(&out, tar, chunks[i]);

		const char *got = out.data ? out.data : "";

		if (strcmp(got, want) != 0)
			fprintf(stderr, "case '%s', chunks of %zu:\n", what, chunks[i]);
		CHECK_STR(got, want);
	}
}

struct tar_case {
	const char *what;
	struct part parts[8]; /* the last one stays empty */
	const char *want;
};

static inline void check_cases(const struct tar_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF struct buf tar = {0};

		add_parts(&tar, cases[i].parts);
		check_tar(cases[i].what, &tar, cases[i].want);
	}
}

#endif
