/* Files of a Docker archive: found by name, shown by digest. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/docker_archive_impl.h"

enum {
	HASH_CHUNK = 256 << 10,
};

static int by_digest(const void *pa, const void *pb)
{
	const struct shown *a = pa, *b = pb;

	return memcmp(a->digest.bytes, b->digest.bytes, digest_size(DIGEST_SHA256));
}

const struct shown *shown_find(const struct shown_set *set, const struct digest *d)
{
	const struct shown key = {.digest = *d};
	struct shown *const *at = tfind(&key, &set->tree, by_digest);

	/* all are SHA-256 */
	return at && digest_equal(&(*at)->digest, d) ? *at : NULL;
}

static int check_room(const struct shown_set *set, size_t bytes, struct o2r_err *err)
{
	if (set->count >= DOCKER_ARCHIVE_FILES_MAX)
		return err_corrupt(err, "the images have more than %d layers and configs",
			DOCKER_ARCHIVE_FILES_MAX);
	if (bytes > DOCKER_ARCHIVE_BYTES_MAX - set->bytes)
		return err_corrupt(err, "the configs have more than %d bytes together",
			DOCKER_ARCHIVE_BYTES_MAX);
	return 0;
}

int shown_add(struct docker_archive *d, struct shown *s, struct o2r_err *err)
{
	struct shown_set *set = &d->shown;
	struct shown *mine;
	int r;

	if (s->digest.algo != DIGEST_SHA256)
		return err_set(err, ERR_FAIL, EOPNOTSUPP,
			"it has the digest %s: in an archive of Docker only sha256 is "
			"read",
			digest_format(&s->digest).s);
	if (shown_find(set, &s->digest))
		return 0;
	r = check_room(set, s->data.len, err);
	if (r < 0)
		return r;
	mine = arena_alloc(&d->arena, sizeof(*mine), _Alignof(struct shown));
	if (!mine)
		return err_nomem(err);
	*mine = (struct shown){.digest = s->digest, .size = s->size, .next = set->all};
	if (s->path) {
		mine->path = arena_dup(&d->arena, s->path, strlen(s->path));
		if (!mine->path)
			return err_nomem(err);
	}
	if (!tsearch(mine, &set->tree, by_digest))
		return err_nomem(err);
	mine->data = s->data;
	s->data = (struct buf){0};
	set->all = mine;
	set->count++;
	set->bytes += mine->data.len;
	return 0;
}

static void not_ours(void *node)
{
	(void)node;
}

void shown_set_finish(struct shown_set *set)
{
	tdestroy(set->tree, not_ours);
	for (struct shown *s = set->all; s; s = s->next)
		buf_finish(&s->data);
	*set = (struct shown_set){0};
}

int docker_open_named(const struct docker_archive *d, const char *path, struct blob *out,
	struct o2r_err *err)
{
	int r = archive_blob(d->archive, path, out, err);

	return r == -ENOENT ? err_corrupt(err,
				      "%s is not in the archive: save the image again",
				      text_quote(path, strlen(path)).s)
			    : r;
}

int docker_read_named(const struct docker_archive *d, const char *path, uint64_t max,
	const char *limit, struct buf *out, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	int r = docker_open_named(d, path, &blob, err);

	if (r < 0)
		return r;
	if (blob.size > max)
		return err_corrupt(err,
			"%s has %llu bytes, more than the %llu allowed (raise it with "
			"--limit %s=N)",
			text_quote(path, strlen(path)).s, (unsigned long long)blob.size,
			(unsigned long long)max, limit);
	out->max = (size_t)blob.size + 1;
	if (buf_reserve(out, (size_t)blob.size) < 0)
		return err_nomem(err);
	r = blob_pread(&blob, out->data, (size_t)blob.size, 0, err);
	if (r < 0)
		return r;
	out->len = (size_t)blob.size;
	out->data[out->len] = '\0';
	return 0;
}

int docker_hash(const struct docker_archive *d, const struct blob *blob,
	struct digest *out, struct o2r_err *err)
{
	CLEANUP(digester_finish) struct digester h = {0};
	AUTO_FREE unsigned char *buf = malloc(HASH_CHUNK);
	int r = buf ? digester_init(&h, DIGEST_SHA256, err) : err_nomem(err);

	for (uint64_t off = 0; r == 0 && off < blob->size; off += HASH_CHUNK) {
		size_t n = (size_t)MIN(blob->size - off, HASH_CHUNK);

		r = ctx_check(d->ctx, err);
		if (r == 0)
			r = blob_pread(blob, buf, n, off, err);
		if (r == 0)
			r = digester_update(&h, buf, n, err);
	}
	return r < 0 ? r : digester_final(&h, out, err);
}
