#include "sources/registry/documents.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "sources/registry/document_turn.h"

void documents_finish(struct documents *d)
{
	for (unsigned i = 0; i < DOCUMENTS_RECENT; i++)
		buf_finish(&d->recent[i].bytes);
}

static uint64_t limit_of(const struct documents *d, enum layout_role role)
{
	const struct limits *l = &d->ctx->limits;

	return role == LAYOUT_CONFIG ? l->config : l->manifest;
}

/* Takes *bytes over. */
static const struct buf *hold(
	struct documents *d, const struct digest *digest, struct buf *bytes)
{
	struct document_bytes *place = &d->recent[d->next];

	d->next = (d->next + 1) % DOCUMENTS_RECENT;
	buf_finish(&place->bytes);
	place->digest = *digest;
	place->bytes = *bytes;
	*bytes = (struct buf){0};
	return &place->bytes;
}

static const struct buf *find_recent(struct documents *d, const struct digest *digest)
{
	for (unsigned i = 0; i < DOCUMENTS_RECENT; i++)
		if (d->recent[i].bytes.data && digest_equal(&d->recent[i].digest, digest))
			return &d->recent[i].bytes;
	return NULL;
}

/* A store that cannot keep is no reason to stop. */
static void keep(
	struct documents *d, const struct digest *digest, const struct buf *bytes)
{
	struct o2r_err why = {0};

	if (!d->store || store_put(d->store, STORE_BLOB, digest, bytes->data, bytes->len,
				 &why) == 0)
		return;
	ctx_log(d->ctx, d->keep_failed ? LOG_DEBUG : LOG_WARN,
		"a manifest is not kept in the cache folder: %s", why.text);
	d->keep_failed = true;
}

static int read_whole(int fd, uint64_t max, struct buf *out, struct o2r_err *err)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "fstat");
	if ((uint64_t)st.st_size > max)
		return err_set(err, ERR_CORRUPT, EFBIG, "it has %lld bytes",
			(long long)st.st_size);
	out->max = (size_t)st.st_size + 1;
	r = buf_reserve(out, (size_t)st.st_size);
	if (r < 0)
		return err_nomem(err);
	r = pread_full(fd, out->data, (size_t)st.st_size, 0);
	if (r < 0)
		return err_errno(err, -r, "reading");
	out->len = (size_t)st.st_size;
	out->data[out->len] = '\0';
	return 0;
}

/* -ENOENT when it is not kept; what is kept and wrong is thrown away. */
static int from_store(struct documents *d, const struct digest *digest, uint64_t max,
	struct buf *out, struct o2r_err *err)
{
	AUTO_BUF struct buf bytes = {0};
	AUTO_FD int fd = -1;
	struct digest got;
	int r;

	if (!d->store)
		return -ENOENT;
	fd = store_get(d->store, STORE_BLOB, digest, err);
	if (fd < 0)
		return fd;
	r = read_whole(fd, max, &bytes, err);
	if (r == 0)
		r = digest_of(digest->algo, bytes.data, bytes.len, &got, err);
	if (r == -EFBIG)
		return r;
	if (r < 0 || !digest_equal(&got, digest)) {
		ctx_log(d->ctx, LOG_WARN,
			"%s in the cache folder is damaged, and dropped",
			digest_format(digest).s);
		store_drop(d->store, STORE_BLOB, digest);
		return -ENOENT;
	}
	*out = bytes;
	bytes = (struct buf){0};
	return 0;
}

static int not_kept(const struct documents *d, const char *what, struct o2r_err *err)
{
	if (!d->store)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s: there is no cache folder that it could be taken from, and "
			"--offline allows nothing else",
			d->name);
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"%s: %s is not in the cache folder %s, and --offline allows nothing "
		"else: fill "
		"it by `o2r pull %s`",
		d->name, what, store_dir(d->store), d->name);
}

static int from_registry(struct documents *d, enum layout_role role,
	const struct digest *digest, uint64_t size, struct buf *out, struct o2r_err *err)
{
	CLEANUP(client_document_finish) struct client_document got = {0};
	int r;

	if (!d->session)
		return not_kept(d, digest_format(digest).s, err);
	if (role == LAYOUT_CONFIG)
		return client_blob_whole(d->session, digest, size, out, err);
	r = client_manifest(d->session, NULL, digest, limit_of(d, role), &got, err);
	if (r < 0)
		return r;
	*out = got.bytes;
	got.bytes = (struct buf){0};
	return 0;
}

/* From the store, or else from the registry, by one of the commands that want it. */
static int fetch(struct documents *d, enum layout_role role, const struct digest *digest,
	uint64_t size, struct buf *out, struct o2r_err *err)
{
	CLEANUP(document_turn_end)
	struct document_turn turn = {
		/* offline nothing is waited for */
		.store = d->session ? d->store : NULL,
		.digest = digest,
		.size = size,
		.ctx = d->ctx,
	};
	uint64_t max = limit_of(d, role);
	int r = from_store(d, digest, max, out, err);

	for (int mine = 0; r < 0 && r != -EFBIG && !mine;) {
		mine = document_turn_take(&turn, err);
		if (mine < 0)
			return mine;
		/* whoever had it before may have ended meanwhile */
		if (turn.store)
			r = from_store(d, digest, max, out, err);
	}
	if (r == -EFBIG)
		return err_wrap(err,
			"%s: %s is larger than allowed (raise it with --limit %s=N)",
			d->name, digest_format(digest).s,
			role == LAYOUT_CONFIG ? "config" : "manifest");
	if (r == 0)
		return 0;
	r = from_registry(d, role, digest, size, out, err);
	if (r == 0)
		keep(d, digest, out);
	return r;
}

int documents_get(struct documents *d, enum layout_role role, const struct digest *digest,
	uint64_t size, const struct buf **out, struct o2r_err *err)
{
	const struct buf *recent = find_recent(d, digest);
	AUTO_BUF struct buf bytes = {0};
	int r;

	if (recent) {
		*out = recent;
		return 0;
	}
	r = fetch(d, role, digest, size, &bytes, err);
	if (r < 0)
		return r;
	*out = hold(d, digest, &bytes);
	return 0;
}

static int resolve_offline(struct documents *d, struct digest *digest, char **media_type,
	struct o2r_err *err)
{
	int r = d->store ? store_find_name(d->store, d->name, digest, media_type, err)
			 : -ENOENT;

	return r == -ENOENT ? not_kept(d, "what it names", err) : r;
}

static void note_name(struct documents *d, const struct client_document *got)
{
	struct o2r_err why = {0};

	if (d->store && store_note_name(d->store, d->name, &got->digest, got->media_type,
				&why) < 0)
		ctx_log(d->ctx, LOG_WARN, "what %s names is not noted for --offline: %s",
			d->name, why.text);
}

/* The registry cannot be reached, and the answer may be known: for the user to decide,
 * since the tag may have moved. */
static void hint_offline(const struct documents *d, int code, struct o2r_err *err)
{
	AUTO_FREE char *media_type = NULL;
	struct digest digest;

	if ((code != -ECONNREFUSED && code != -EHOSTUNREACH && code != -ETIMEDOUT &&
		    code != -ECONNRESET) ||
		!err || !d->store ||
		store_find_name(d->store, d->name, &digest, &media_type, NULL) < 0)
		return;

	size_t at = strlen(err->text);

	snprintf(err->text + at, sizeof(err->text) - at,
		"; what it named when it was last asked is in the cache folder: "
		"--offline");
}

int documents_resolve(struct documents *d, const char *tag, struct digest *digest,
	char **media_type, struct o2r_err *err)
{
	CLEANUP(client_document_finish) struct client_document got = {0};
	int r;

	if (!d->session)
		return resolve_offline(d, digest, media_type, err);
	r = client_manifest(
		d->session, tag, NULL, limit_of(d, LAYOUT_DOCUMENT), &got, err);
	if (r < 0) {
		hint_offline(d, r, err);
		return r;
	}
	/* the bytes before the name that leads to them */
	keep(d, &got.digest, &got.bytes);
	note_name(d, &got);
	hold(d, &got.digest, &got.bytes);
	*digest = got.digest;
	*media_type = STEAL(got.media_type);
	return 0;
}
