/* Files of an archive that has to be decoded: small ones into memory, large ones to disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/archive_impl.h"

/* In the store; where that cannot be written to, as without. */
static int begin_stored(struct spool *s, const struct ctx *ctx, struct o2r_err *err)
{
	struct archive_file *a = s->file;
	struct o2r_err why = {0};
	int r = store_begin(a->store, &s->tmp, &why);

	if (r == 0)
		return digester_init(&s->digest, DIGEST_SHA256, err);
	if (r == -ENOMEM || why.cls == ERR_SPACE) {
		if (err)
			*err = why;
		return r;
	}
	ctx_log(ctx, LOG_WARN, "what the archive holds is not kept for the next time: %s",
		why.text);
	a->read_only = true;
	return 0;
}

static int begin_file(struct spool *s, const struct ctx *ctx, struct o2r_err *err)
{
	struct archive_file *a = s->file;

	if (a->store && !a->read_only) {
		int r = begin_stored(s, ctx, err);

		if (r < 0 || !a->read_only)
			return r;
	}
	if (a->spill < 0)
		a->spill = file_anonymous_large(err);
	return a->spill < 0 ? a->spill : 0;
}

static bool is_stored(const struct spool *s)
{
	return s->tmp.fd >= 0;
}

int spool_begin(struct spool *s, struct archive_file *a, uint64_t size,
	const struct ctx *ctx, struct o2r_err *err)
{
	uint64_t max = ctx->limits.layer_bytes;

	s->file = a;
	s->size = size;
	if (size <= ARCHIVE_SMALL && size <= ARCHIVE_SMALL_TOTAL - a->small) {
		a->small += size;
		s->data = malloc((size_t)size + 1);
		return s->data ? 0 : err_nomem(err);
	}
	if (a->large > max || size > max - a->large)
		return err_corrupt(err,
			"the archive has more than %llu bytes (raise it with --limit "
			"layer-bytes=N)",
			(unsigned long long)max);
	a->large += size;
	return begin_file(s, ctx, err);
}

static int cannot_keep(const struct spool *s, int r, struct o2r_err *err)
{
	const struct store *store = s->file->store;
	bool full = r == -ENOSPC || r == -EDQUOT;

	if (full && is_stored(s))
		return err_set(err, ERR_SPACE, -r,
			"there is no room for its %llu bytes in the cache folder %s: "
			"make some (o2r cache prune) or name another with --cache",
			(unsigned long long)s->size,
			text_quote(store_dir(store), strlen(store_dir(store))).s);
	if (full)
		return err_set(err, ERR_SPACE, -r,
			"there is no room for its %llu bytes: set TMPDIR to a folder on "
			"a larger disk",
			(unsigned long long)s->size);
	return err_errno(
		err, -r, "cannot keep its %llu bytes", (unsigned long long)s->size);
}

int spool_add(struct spool *s, const void *p, size_t n, struct o2r_err *err)
{
	struct archive_file *a = s->file;
	int r = 0;

	if (n > s->size - s->have)
		return err_corrupt(err, "it has more bytes than its header says");
	if (s->data)
		memcpy(s->data + s->have, p, n);
	else if (is_stored(s))
		r = write_full(s->tmp.fd, p, n);
	else
		r = pwrite_full(a->spill, p, n, a->spilled + s->have);
	if (r < 0)
		return cannot_keep(s, r, err);
	s->have += n;
	return !is_stored(s) ? 0 : digester_update(&s->digest, p, n, err);
}

/* Under its digest, which is right: nobody needs to compute it again. */
static int keep_stored(struct spool *s, struct member *m, struct o2r_err *err)
{
	struct store *store = s->file->store;
	struct stat st;
	int r = digester_final(&s->digest, &m->digest, err);

	if (r == 0)
		r = store_publish(store, &s->tmp, STORE_BLOB, &m->digest, err);
	if (r < 0)
		return r;
	if (fstat(s->tmp.fd, &st) == 0)
		store_note_seen(store, &m->digest, &st, NULL);
	m->kind = MEMBER_STORED;
	return 0;
}

int spool_end(struct spool *s, struct member *m, struct o2r_err *err)
{
	struct archive_file *a = s->file;

	if (s->have != s->size)
		return err_corrupt(err, "the archive is cut short in it");
	if (s->data) {
		m->kind = MEMBER_MEMORY;
		m->data = STEAL(s->data);
		return 0;
	}
	if (is_stored(s))
		return keep_stored(s, m, err);
	m->kind = MEMBER_SPILL;
	m->offset = a->spilled;
	a->spilled += s->size;
	return 0;
}

void spool_finish(struct spool *s)
{
	free(s->data);
	tmpfile_finish(&s->tmp);
	digester_finish(&s->digest);
}
