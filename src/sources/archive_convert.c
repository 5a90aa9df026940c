#include "sources/archive_convert.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/vec.h"
#include "sources/archive_charset.h"
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
		archive_read_support_filter_gzip,
		archive_read_support_filter_bzip2,
		archive_read_support_filter_xz,
		archive_read_support_filter_lzma,
		archive_read_support_filter_zstd,
	};
	int r = ARCHIVE_OK;

	for (size_t i = 0; r == ARCHIVE_OK && i < ARRAY_LEN(all); i++)
		r = all[i](a);
	return r;
}

/* Names that came as links to a file whose content is still to come. */
struct early_link {
	char *name, *target;
};

struct conversion {
	struct archive *from;
	struct tar_out *to;
	const struct ctx *ctx;
	char *buf;
	uint64_t bytes; /* of content so far */
	struct early_link *links;
	size_t count, cap;
};

static void conversion_finish(struct conversion *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->links[i].name);
		free(c->links[i].target);
	}
	free(c->links);
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

static int copy_data(struct conversion *c, struct o2r_err *err)
{
	int r = 0;

	while (r == 0) {
		la_ssize_t n = archive_read_data(c->from, c->buf, CONVERT_CHUNK);

		if (n < 0)
			return archive_failed(c->from, "the archive is damaged", err);
		if (n == 0)
			return 0;
		r = ctx_check(c->ctx, err);
		if (r == 0)
			r = count_bytes(c, (uint64_t)n, err);
		if (r == 0)
			r = tar_out_data(c->to, c->buf, (size_t)n, err);
	}
	return r;
}

static int note_link(struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	struct early_link *l;

	if (VEC_RESERVE(c->links, c->count, c->cap, 1, SIZE_MAX / sizeof(*l)) < 0)
		return err_nomem(err);
	l = &c->links[c->count++];
	l->name = strdup(archive_entry_pathname(e));
	l->target = strdup(archive_entry_hardlink(e));
	return l->name && l->target ? 0 : err_nomem(err);
}

/* Links to a file that has been written again lead to what it was before. */
static int write_links_again(
	struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	const char *target = archive_entry_hardlink(e);
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->count; i++) {
		CLEANUP(free_entry) struct archive_entry *link = NULL;

		if (strcmp(c->links[i].target, target) != 0)
			continue;
		link = archive_entry_clone(e);
		if (!link)
			return err_nomem(err);
		archive_entry_set_pathname(link, c->links[i].name);
		r = tar_out_header(c->to, link, err);
	}
	return r;
}

/*
 * A cpio gives the content with the last name of a file and calls that a hard link to the
 * first one, which came empty: the first name is written again, with the content.
 */
static int write_linked(
	struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	CLEANUP(free_entry) struct archive_entry *first = archive_entry_clone(e);
	int r;

	if (!first)
		return err_nomem(err);
	archive_entry_set_pathname(first, archive_entry_hardlink(e));
	archive_entry_set_hardlink(first, NULL);
	archive_entry_set_filetype(first, AE_IFREG);
	r = tar_out_header(c->to, first, err);
	if (r == 0)
		r = copy_data(c, err);
	archive_entry_set_size(e, 0);
	if (r == 0)
		r = tar_out_header(c->to, e, err);
	return r < 0 ? r : write_links_again(c, e, err);
}

static int write_link(struct conversion *c, struct archive_entry *e, struct o2r_err *err)
{
	int r = tar_out_header(c->to, e, err);

	if (r < 0 || (archive_format(c->from) & ARCHIVE_FORMAT_BASE_MASK) !=
			     ARCHIVE_FORMAT_CPIO)
		return r;
	return note_link(c, e, err);
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
		return archive_entry_size(e) > 0 ? write_linked(c, e, err)
						 : write_link(c, e, err);
	if (file && !archive_entry_size_is_set(e))
		return err_corrupt(err,
			"the archive does not say how large %s is: unpack it and pack it "
			"as a tar",
			text_quote(name, strlen(name)).s);
	r = tar_out_header(c->to, e, err);
	return r < 0 || !file ? r : copy_data(c, err);
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
