/* Tars that we write: pax, in an unlinked file. */
#include "sources/archive_convert.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "sources/archive_tar_out.h"

enum {
	COPY_CHUNK = 256 << 10,
	XATTR_LIST_MAX = 64 << 10,
	XATTR_VALUE_MAX = 64 << 10,
};

struct tar_out {
	struct archive *a;
	int fd;
	bool stopped;
};

int archive_accept_filters(struct archive *a)
{
	int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip,
		archive_read_support_filter_bzip2,
		archive_read_support_filter_xz,
		archive_read_support_filter_zstd,
	};
	int r = ARCHIVE_OK;

	for (size_t i = 0; r == ARCHIVE_OK && i < ARRAY_LEN(filters); i++)
		r = filters[i](a);
	return r;
}

int archive_failed(struct archive *a, const char *what, struct o2r_err *err)
{
	const char *why = archive_error_string(a);
	int code = archive_errno(a);

	if (code == ENOMEM)
		return err_nomem(err);
	if (code == ENOSPC || code == EDQUOT || code == EIO)
		return err_errno(err, code, "%s", what);
	return why ? err_corrupt(err, "%s: %s", what, text_quote(why, strlen(why)).s)
		   : err_corrupt(err, "%s", what);
}

void tar_out_destroy(struct tar_out *w)
{
	if (!w)
		return;
	w->stopped = true;
	archive_write_free(w->a);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

static void cleanup_writer(struct tar_out **w)
{
	tar_out_destroy(*w);
}

/* libarchive fills an entry that was broken off with zeros to the size that it was to
 * have, which may be more than any disk holds: not once this is to end. */
static la_ssize_t write_more(struct archive *a, void *arg, const void *p, size_t n)
{
	struct tar_out *w = arg;
	int r = w->stopped ? -ECANCELED : write_full(w->fd, p, n);

	if (r == 0)
		return (la_ssize_t)n;
	archive_set_error(a, -r, "cannot be written");
	return -1;
}

int tar_out_begin(struct tar_out **out, struct o2r_err *err)
{
	CLEANUP(cleanup_writer) struct tar_out *w = calloc(1, sizeof(*w));

	if (!w)
		return err_nomem(err);
	w->fd = file_anonymous_large(err);
	w->a = archive_write_new();
	if (w->fd < 0)
		return w->fd;
	if (!w->a)
		return err_nomem(err);
	/* names are bytes; attributes in the one way that all readers know */
	if (archive_write_set_format_pax(w->a) != ARCHIVE_OK ||
		archive_write_set_options(w->a,
			"pax:hdrcharset=BINARY,pax:xattrheader=SCHILY") != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(w->a, 1) != ARCHIVE_OK ||
		archive_write_open(w->a, w, NULL, write_more, NULL) != ARCHIVE_OK)
		return archive_failed(w->a, "cannot write a tar", err);
	*out = STEAL(w);
	return 0;
}

/* In a tar a slash at the end of its name makes a directory of a file. */
static int drop_slashes(struct archive_entry *e, struct o2r_err *err)
{
	const char *name = archive_entry_pathname(e);
	size_t n = name ? strlen(name) : 0, keep = n;
	AUTO_FREE char *without = NULL;

	while (keep > 1 && name[keep - 1] == '/')
		keep--;
	if (keep == n || archive_entry_filetype(e) == AE_IFDIR)
		return 0;
	without = strndup(name, keep);
	if (!without)
		return err_nomem(err);
	archive_entry_copy_pathname(e, without);
	return 0;
}

int tar_out_header(struct tar_out *w, struct archive_entry *e, struct o2r_err *err)
{
	const char *name;
	int r = drop_slashes(e, err);

	if (r < 0)
		return r;
	name = archive_entry_pathname(e);
	r = archive_write_header(w->a, e);
	/* a warning means that something of the entry is lost */
	if (r == ARCHIVE_OK)
		return 0;
	archive_failed(w->a, "it does not fit a tar", err);
	return err_wrap(err, "%s", name ? text_quote(name, strlen(name)).s : "an entry");
}

int tar_out_data(struct tar_out *w, const void *p, size_t n, struct o2r_err *err)
{
	la_ssize_t r = archive_write_data(w->a, p, n);

	return r == (la_ssize_t)n ? 0 : archive_failed(w->a, "cannot write a tar", err);
}

static int add_xattr(
	struct archive_entry *e, int fd, const char *name, struct o2r_err *err)
{
	AUTO_FREE char *value = malloc(XATTR_VALUE_MAX);
	ssize_t n;

	if (!value)
		return err_nomem(err);
	n = fgetxattr(fd, name, value, XATTR_VALUE_MAX);
	if (n < 0)
		return err_errno(err, errno, "cannot read the attribute %s",
			text_quote(name, strlen(name)).s);
	archive_entry_xattr_add_entry(e, name, value, (size_t)n);
	return 0;
}

static int add_xattrs(struct archive_entry *e, int fd, struct o2r_err *err)
{
	AUTO_FREE char *list = malloc(XATTR_LIST_MAX);
	ssize_t n;
	int r = 0;

	if (!list)
		return err_nomem(err);
	n = flistxattr(fd, list, XATTR_LIST_MAX);
	if (n < 0)
		return errno == ENOTSUP ? 0
					: err_errno(err, errno, "cannot list attributes");
	for (char *p = list; r == 0 && p < list + n; p += strlen(p) + 1)
		/* labels and ACLs are this host's; capabilities and user.* are the file's
		 */
		if (strcmp(p, "security.capability") == 0 || strncmp(p, "user.", 5) == 0)
			r = add_xattr(e, fd, p, err);
	return r;
}

static int copy_content(struct tar_out *w, int fd, uint64_t size, const struct ctx *ctx,
	struct o2r_err *err)
{
	AUTO_FREE char *buf = malloc(COPY_CHUNK);
	int r = buf ? 0 : err_nomem(err);

	for (uint64_t off = 0; r == 0 && off < size;) {
		size_t n = (size_t)MIN(size - off, COPY_CHUNK);

		r = ctx_check(ctx, err);
		if (r == 0 && (r = pread_full(fd, buf, n, off)) < 0)
			return err_errno(err, -r, "cannot read it");
		if (r == 0)
			r = tar_out_data(w, buf, n, err);
		off += n;
	}
	return r;
}

static void free_entry(struct archive_entry **e)
{
	archive_entry_free(*e);
}

int tar_out_file(struct tar_out *w, int fd, const char *name, unsigned mode, uint32_t uid,
	uint32_t gid, const struct ctx *ctx, struct o2r_err *err)
{
	CLEANUP(free_entry) struct archive_entry *e = archive_entry_new();
	struct stat st, now;
	int r;

	if (!e)
		return err_nomem(err);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat it");
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, (mode_t)mode);
	archive_entry_set_uid(e, uid);
	archive_entry_set_gid(e, gid);
	archive_entry_set_size(e, st.st_size);
	archive_entry_set_mtime(e, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	r = add_xattrs(e, fd, err);
	if (r == 0)
		r = tar_out_header(w, e, err);
	if (r == 0)
		r = copy_content(w, fd, (uint64_t)st.st_size, ctx, err);
	if (r < 0)
		return r;
	if (fstat(fd, &now) < 0 || now.st_size != st.st_size ||
		now.st_mtim.tv_sec != st.st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != st.st_mtim.tv_nsec)
		return err_set(err, ERR_FAIL, EBUSY, "it changed while it was read");
	return 0;
}

int tar_out_end(struct tar_out *w, int *fd, struct o2r_err *err)
{
	if (archive_write_close(w->a) != ARCHIVE_OK)
		return archive_failed(w->a, "cannot write a tar", err);
	*fd = steal_fd(&w->fd);
	return 0;
}
