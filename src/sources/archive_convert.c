#include "sources/archive_convert.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/archive_charset.h"
#include "sources/archive_cpio_links.h"
#include "sources/archive_tar_out.h"

enum {
	CONVERT_CHUNK = 256 << 10,
};

static void free_entry(struct archive_entry **e)
{
	archive_entry_free(*e);
}

static void free_reader(struct archive **a)
{
	archive_read_free(*a);
}

/* Formats that hold files themselves (mtree names files of the host), and filters that
 * are built in (others start programs). */
static int accept(struct archive *a)
{
	int (*const all[])(struct archive *) = {
		archive_read_support_format_tar,
		archive_read_support_format_cpio,
		archive_read_support_format_zip,
		archive_read_support_format_7zip,
		archive_read_support_format_iso9660,
		archive_read_support_filter_lzma,
	};
	int r = archive_accept_filters(a);

	for (size_t i = 0; r == ARCHIVE_OK && i < ARRAY_LEN(all); i++)
		r = all[i](a);
	return r;
}

struct conversion {
	struct archive *from;
	struct tar_out *to;
	const struct ctx *ctx;
	char *buf;
	uint64_t bytes; /* of content so far */
	struct cpio_links links;
};

static void conversion_finish(struct conversion *c)
{
	cpio_links_finish(&c->links);
	free(c->buf);
	tar_out_destroy(c->to);
}

static int count_bytes(struct conversion *c, uint64_t n, struct o2r_err *err)
{
	uint64_t max = c->ctx->limits.layer_bytes;

	if (c->bytes > max || n > max - c->bytes)
		return err_corrupt(err,
			"the archive has more than %llu bytes (raise it with --limit "
			"layer-bytes=N)",
			(unsigned long long)max);
	c->bytes += n;
	return 0;
}

/* What does not come libarchive would fill with zeros, however much the header promises.
 * Of a file with holes the data may end before the file does; where there is no data at
 * all the map of its holes is still to be written. */
static int end_data(
	struct conversion *c, struct archive_entry *e, uint64_t had, struct o2r_err *err)
{
	const char *name = archive_entry_pathname(e);

	if (had < (uint64_t)archive_entry_size(e) && archive_entry_sparse_count(e) == 0)
		return err_corrupt(err, "%s ends after %llu of %llu bytes",
			text_quote(name, strlen(name)).s, (unsigned long long)had,
			(unsigned long long)archive_entry_size(e));
	return tar_out_data(c->to, c->buf, 0, err);
}

static int copy_data(struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	uint64_t had = 0;
	int r = 0;

	while (r == 0) {
		la_ssize_t n = archive_read_data(c->from, c->buf, CONVERT_CHUNK);

		if (n < 0)
			return archive_failed(c->from, "the archive is damaged", err);
		if (n == 0)
			return end_data(c, e, had, err);
		had += (uint64_t)n;
		r = ctx_check(c->ctx, err);
		if (r == 0)
			r = count_bytes(c, (uint64_t)n, err);
		if (r == 0)
			r = tar_out_data(c->to, c->buf, (size_t)n, err);
	}
	return r;
}

/* Links to a file that is written again lead to what it was before: they too. */
static int write_names_again(struct conversion *c, const struct cpio_file *f,
	struct archive_entry *e, struct o2r_err *err)
{
	int r = 0;

	for (const struct cpio_name *n = f->names; r == 0 && n; n = n->next) {
		CLEANUP(free_entry) struct archive_entry *link = archive_entry_clone(e);

		if (!link)
			return err_nomem(err);
		archive_entry_set_pathname(link, n->name);
		r = tar_out_header(c->to, link, err);
	}
	return r;
}

/* The content comes with a name that is called a link to the first one, which came
 * empty: the first name is written again, with the content. */
static int write_linked(struct conversion *c, struct cpio_file *f,
	struct archive_entry *e, struct o2r_err *err)
{
	CLEANUP(free_entry) struct archive_entry *first = archive_entry_clone(e);
	int r;

	if (!first)
		return err_nomem(err);
	archive_entry_set_pathname(first, f->first);
	archive_entry_set_hardlink(first, NULL);
	archive_entry_set_filetype(first, AE_IFREG);
	r = tar_out_header(c->to, first, err);
	if (r == 0)
		r = copy_data(c, e, err);
	archive_entry_set_size(e, 0);
	if (r == 0)
		r = tar_out_header(c->to, e, err);
	if (r == 0)
		r = write_names_again(c, f, e, err);
	f->filled = true;
	f->names = NULL;
	return r;
}

static bool is_cpio(const struct conversion *c)
{
	return (archive_format(c->from) & ARCHIVE_FORMAT_BASE_MASK) ==
	       ARCHIVE_FORMAT_CPIO;
}

static int write_link(struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	struct cpio_file *f;
	int r;

	if (!is_cpio(c)) {
		archive_entry_set_size(e, 0);
		return tar_out_header(c->to, e, err);
	}
	f = cpio_links_file(&c->links, archive_entry_hardlink(e));
	if (!f)
		return err_nomem(err);
	if (!f->filled && archive_entry_size(e) > 0)
		return write_linked(c, f, e, err);
	/* of content that is there again nothing is read */
	archive_entry_set_size(e, 0);
	r = tar_out_header(c->to, e, err);
	return r < 0 || f->filled
		       ? r
		       : cpio_links_add(&c->links, f, archive_entry_pathname(e), err);
}

/* A file of a cpio with more names to come. */
static int note_file(struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	struct cpio_file *f;

	if (!is_cpio(c) || archive_entry_nlink(e) < 2)
		return 0;
	f = cpio_links_file(&c->links, archive_entry_pathname(e));
	if (!f)
		return err_nomem(err);
	f->filled = archive_entry_size(e) > 0;
	f->names = NULL;
	return 0;
}

static int convert_entry(
	struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	const char *name = archive_entry_pathname(e);
	bool file = archive_entry_filetype(e) == AE_IFREG;
	int r;

	if (!name)
		return err_corrupt(err, "the archive has a name that cannot be told");
	if (archive_entry_hardlink(e))
		return write_link(c, e, err);
	if (file && !archive_entry_size_is_set(e))
		return err_corrupt(err,
			"the archive does not say how large %s is: unpack it and pack it "
			"as a tar",
			text_quote(name, strlen(name)).s);
	r = tar_out_header(c->to, e, err);
	if (r == 0 && file)
		r = note_file(c, e, err);
	return r < 0 || !file ? r : copy_data(c, e, err);
}

static bool is_layer(struct archive *a)
{
	int filter = archive_filter_code(a, 0);

	return (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR &&
	       archive_filter_count(a) <= 2 &&
	       (filter == ARCHIVE_FILTER_NONE || filter == ARCHIVE_FILTER_GZIP ||
		       filter == ARCHIVE_FILTER_ZSTD);
}

static int convert(struct archive *from, struct archive_entry *e, const struct ctx *ctx,
	int *out, struct o2r_err *err)
{
	CLEANUP(conversion_finish)
	struct conversion c = {.from = from, .ctx = ctx, .buf = malloc(CONVERT_CHUNK)};
	int got, r = c.buf ? tar_out_begin(&c.to, err) : err_nomem(err);

	for (uint64_t count = 0; r == 0; count++) {
		if (count > ctx->limits.entries)
			return err_corrupt(err,
				"the archive has more than %llu entries (raise it with "
				"--limit entries=N)",
				(unsigned long long)ctx->limits.entries);
		r = ctx_check(ctx, err);
		if (r == 0)
			r = convert_entry(&c, e, err);
		if (r < 0)
			break;
		got = archive_read_next_header(from, &e);
		if (got == ARCHIVE_EOF)
			return tar_out_end(c.to, out, err);
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return archive_failed(
				from, "the archive is damaged or cut short", err);
	}
	return r;
}

int archive_convert(int fd, const struct ctx *ctx, int *out, struct o2r_err *err)
{
	UTF8_NAMES(charset);
	CLEANUP(free_reader) struct archive *from = archive_read_new();
	struct archive_entry *e;
	int got;

	if (!from)
		return err_nomem(err);
	if (accept(from) != ARCHIVE_OK ||
		archive_read_open_fd(from, fd, CONVERT_CHUNK) != ARCHIVE_OK)
		return archive_failed(from, "it is no archive that can be read", err);
	got = archive_read_next_header(from, &e);
	if (got != ARCHIVE_EOF && got != ARCHIVE_OK && got != ARCHIVE_WARN)
		return archive_failed(
			from, "it is no archive that can be read, or damaged", err);
	/* an empty one has no entries for the loop */
	if (got == ARCHIVE_EOF || is_layer(from))
		return 1;
	return convert(from, e, ctx, out, err);
}
