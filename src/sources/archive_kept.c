#include "sources/archive_kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file_identity.h"
#include "sources/archive_listing.h"

enum {
	TAIL_MAX = 256 << 10,
};

void archive_kept_begin(struct archive_kept *k, const struct archive_file *a)
{
	*k = (struct archive_kept){0};
	k->whole = clock_gettime(CLOCK_REALTIME, &k->began) == 0 &&
		   fstat(a->fd, &k->st) == 0 && S_ISREG(k->st.st_mode) &&
		   lseek(a->fd, 0, SEEK_CUR) == 0;
}

/*
 * Listings are files called by the SHA-256 of an identity and of the archive's end. There
 * are filesystems whose ctime is no ctime, but comes from the image that they are in as
 * the mtime does (squashfs, a view of ours, an ext4 that we wrote), and nothing else
 * would notice that all of a listing is another archive's. Packers write their checksum
 * at the end, and archives what names the image.
 */
static int key_of(const struct archive_file *a, const struct stat *st, struct digest *key)
{
	size_t tail = (size_t)MIN((uint64_t)st->st_size, TAIL_MAX);
	AUTO_FREE unsigned char *p = malloc(FILE_IDENTITY_SIZE + TAIL_MAX);
	int r;

	if (!p)
		return -ENOMEM;
	file_identity_encode(st, p);
	r = pread_full(a->fd, p + FILE_IDENTITY_SIZE, tail, (uint64_t)st->st_size - tail);
	return r < 0 ? r
		     : digest_of(DIGEST_SHA256, p, FILE_IDENTITY_SIZE + tail, key, NULL);
}

/* Large files may have been pruned since. */
static bool all_there(const struct archive_file *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->members[i].kind == MEMBER_STORED &&
			!store_has(a->store, STORE_BLOB, &a->members[i].digest))
			return false;
	return true;
}

bool archive_kept_find(
	const struct archive_kept *k, struct archive_file *a, const struct ctx *ctx)
{
	struct o2r_err err = {0};
	struct digest key;
	int r;

	if (!k->whole || !a->store || key_of(a, &k->st, &key) < 0)
		return false;

	AUTO_FD int fd = store_get(a->store, STORE_ARCHIVE, &key, NULL);

	if (fd < 0)
		return false;
	r = archive_listing_read(a, &key, fd, ctx->limits.layer_bytes, &err);
	if (r == 0 && all_there(a)) {
		ctx_log(ctx, LOG_DEBUG,
			"the archive was decoded before: its files are "
			"read from the cache folder");
		return true;
	}
	archive_clear(a);
	/* another limit, or no memory, says nothing against it */
	if (r < 0 && err.cls == ERR_CORRUPT)
		store_drop(a->store, STORE_ARCHIVE, &key);
	return false;
}

void archive_kept_note(
	const struct archive_kept *k, const struct archive_file *a, const struct ctx *ctx)
{
	CLEANUP(tmpfile_finish) struct tmpfile t = TMPFILE_INIT;
	struct digest before, after;
	struct o2r_err err = {0};
	struct stat st;
	int r;

	if (!k->whole || !a->store || a->read_only ||
		file_identity_is_racy(&k->st, &k->began) || fstat(a->fd, &st) < 0 ||
		key_of(a, &k->st, &before) < 0 || key_of(a, &st, &after) < 0 ||
		!digest_equal(&before, &after))
		return;
	r = store_begin(a->store, &t, &err);
	if (r == 0)
		r = archive_listing_write(a, &before, t.fd, &err);
	if (r == 0)
		r = store_publish(a->store, &t, STORE_ARCHIVE, &before, &err);
	if (r < 0)
		ctx_log(ctx, LOG_DEBUG, "what the archive holds is not kept: %s",
			err.text[0] ? err.text : "it is too much");
}
