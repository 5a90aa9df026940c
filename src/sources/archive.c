/* Entries of an outer archive, one after the other. */
#include "sources/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/archive_charset.h"
#include "sources/archive_impl.h"
#include "sources/archive_kept.h"
#include "sources/archive_tar_out.h"
#include "sources/archive_input.h"

enum {
	READ_SIZE = 256 << 10,
	TAR_BLOCK = 512,
};

struct reader {
	struct archive_file *file;
	struct archive *a;
	struct archive_input input;
	const struct ctx *ctx;
	bool begun;        /* there was an entry */
	bool plain;        /* entries are ranges of the file */
	uint64_t base;     /* where the archive begins in it */
	uint64_t file_end; /* of a regular file */
	size_t waiting;    /* the member whose place is known by the next header's; else
			      SIZE_MAX */
	char *buf;
};

static int failed(const struct reader *r, struct o2r_err *err)
{
	const char *why = archive_error_string(r->a);
	int code = archive_errno(r->a);

	if (code == ENOMEM)
		return err_nomem(err);
	if (code == EINTR && ctx_check(r->ctx, err) < 0)
		return -EINTR;
	if (code > 0 && code != EINVAL && code != EILSEQ && code != ERANGE)
		return err_errno(err, code, "cannot read the archive");
	return err_corrupt(err, "%s: %s",
		r->begun ? "the archive is damaged or cut short"
			 : "it is no tar archive, or damaged",
		why ? text_quote(why, strlen(why)).s : "it cannot be read");
}

static int accept_formats(struct archive *a)
{
	int r = archive_read_support_format_tar(a);

	if (r == ARCHIVE_OK)
		r = archive_read_support_format_empty(a);
	return r == ARCHIVE_OK ? archive_accept_filters(a) : r;
}

static void reader_finish(struct reader *r)
{
	archive_read_free(r->a);
	archive_input_finish(&r->input);
	free(r->buf);
}

/* The place of a plain entry's data: it ends, padded, where the next header begins. */
static int settle(struct reader *r, struct o2r_err *err)
{
	struct member *m;
	uint64_t next = (uint64_t)archive_read_header_position(r->a), padded, end;

	if (r->waiting == SIZE_MAX)
		return 0;
	m = &r->file->members[r->waiting];
	r->waiting = SIZE_MAX;
	if (!align_u64(m->size, TAR_BLOCK, &padded) || padded > next ||
		!add_u64(r->base, next, &end) || end - padded + m->size > r->file_end)
		return err_corrupt(err,
			"the archive is cut short: %s reaches past its end",
			text_quote(m->name, strlen(m->name)).s);
	m->offset = end - padded;
	return 0;
}

/* Into memory or a file, whole. */
static int copy_data(struct reader *r, struct member *m, struct o2r_err *err)
{
	CLEANUP(spool_finish) struct spool s = SPOOL_INIT;
	int ret = spool_begin(&s, r->file, m->size, r->ctx, err);

	while (ret == 0) {
		la_ssize_t n = archive_read_data(r->a, r->buf, READ_SIZE);

		if (n < 0)
			return failed(r, err);
		if (n == 0)
			break;
		ret = ctx_check(r->ctx, err);
		if (ret == 0)
			ret = spool_add(&s, r->buf, (size_t)n, err);
	}
	return ret < 0 ? ret : spool_end(&s, m, err);
}

static int add_file(
	struct reader *r, const char *name, struct archive_entry *e, struct o2r_err *err)
{
	la_int64_t size = archive_entry_size(e);
	struct member m = {.kind = MEMBER_RANGE, .size = (uint64_t)size};
	int ret;

	if (!archive_entry_size_is_set(e) || size < 0 ||
		archive_entry_sparse_count(e) > 0)
		return err_corrupt(err, "%s is a sparse file, or has no size",
			text_quote(name, strlen(name)).s);
	if (m.size > r->ctx->limits.layer_bytes)
		return err_corrupt(err,
			"%s has more than %llu bytes (raise it with --limit "
			"layer-bytes=N)",
			text_quote(name, strlen(name)).s,
			(unsigned long long)r->ctx->limits.layer_bytes);
	if (!r->plain) {
		ret = copy_data(r, &m, err);
		if (ret < 0)
			return err_wrap(err, "%s", text_quote(name, strlen(name)).s);
	}
	ret = archive_add(r->file, name, NULL, &m, err);
	if (ret < 0)
		member_finish(&m);
	else if (r->plain)
		r->waiting = r->file->count - 1;
	return ret;
}

static int add_entry(struct reader *r, struct archive_entry *e, struct o2r_err *err)
{
	const char *name = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
	const char *soft = archive_entry_symlink(e);
	struct member link = {0};

	if (!name || !archive_name_counts(name))
		return 0;
	if (hard || (archive_entry_filetype(e) == AE_IFLNK && soft)) {
		link.kind = hard ? MEMBER_HARD_LINK : MEMBER_SYMLINK;
		return archive_add(r->file, name, hard ? hard : soft, &link, err);
	}
	return archive_entry_filetype(e) == AE_IFREG ? add_file(r, name, e, err) : 0;
}

static int read_entries(struct reader *r, struct o2r_err *err)
{
	struct archive_entry *e;
	uint64_t count = 0;
	int got, ret = 0;

	while (ret == 0) {
		got = archive_read_next_header(r->a, &e);
		if (got != ARCHIVE_OK && got != ARCHIVE_WARN && got != ARCHIVE_EOF)
			return failed(r, err);
		if (archive_format(r->a) == ARCHIVE_FORMAT_EMPTY)
			return err_corrupt(err, "there is nothing in it to read");
		r->begun = true;
		if (count++ == 0)
			r->plain = r->file_end &&
				   archive_filter_code(r->a, 0) == ARCHIVE_FILTER_NONE;
		ret = settle(r, err);
		if (ret < 0 || got == ARCHIVE_EOF)
			break;
		if (count > ARCHIVE_ENTRIES_MAX)
			return err_corrupt(err, "the archive has more than %d entries",
				ARCHIVE_ENTRIES_MAX);
		ret = ctx_check(r->ctx, err);
		if (ret == 0)
			ret = add_entry(r, e, err);
	}
	return ret;
}

static int start(struct reader *r, struct o2r_err *err)
{
	int fd = r->file->fd;
	off_t at = lseek(fd, 0, SEEK_CUR);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat it");
	if (S_ISREG(st.st_mode) && at >= 0) {
		r->base = (uint64_t)at;
		r->file_end = (uint64_t)st.st_size;
	}
	r->input = (struct archive_input){
		.fd = fd, .ctx = r->ctx, .left = r->file_end - MIN(r->base, r->file_end)};
	r->waiting = SIZE_MAX;
	r->a = archive_read_new();
	r->buf = malloc(READ_SIZE);
	if (!r->a || !r->buf)
		return err_nomem(err);
	if (accept_formats(r->a) != ARCHIVE_OK ||
		archive_input_open(r->a, &r->input) != ARCHIVE_OK)
		return failed(r, err);
	return 0;
}

static void close_archive(struct archive_file **a)
{
	archive_close(*a);
}

int archive_open(int fd, const char *name, struct store *store, const struct ctx *ctx,
	struct archive_file **out, struct o2r_err *err)
{
	CLEANUP(close_archive) struct archive_file *file = archive_create(fd, store);
	CLEANUP(reader_finish)
	struct reader r = {.file = file, .ctx = ctx};
	UTF8_NAMES(charset);
	struct archive_kept kept;
	int ret;

	if (!file) {
		close(fd);
		return err_nomem(err);
	}
	archive_kept_begin(&kept, file);
	if (!archive_kept_find(&kept, file, ctx)) {
		ret = start(&r, err);
		if (ret == 0)
			ret = read_entries(&r, err);
		if (ret < 0)
			return err_wrap(err, "%s", text_quote(name, strlen(name)).s);
		archive_sort(file);
		if (!r.plain)
			archive_kept_note(&kept, file, ctx);
	}
	*out = STEAL(file);
	return 0;
}
