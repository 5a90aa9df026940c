#include "sources/layout.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

enum {
	LAYOUT_FILE_MAX = 64 << 10, /* of oci-layout, which holds one short member */
};

/* One of the limits on documents, with the name of its option. */
struct limit {
	const char *name;
	uint64_t bytes;
};

int layout_open_at(void *arg, const char *path, struct blob *out, struct o2r_err *err)
{
	return blob_open_file(out, *(const int *)arg, path, err);
}

static int too_large(uint64_t size, const struct limit *limit, struct o2r_err *err)
{
	return err_corrupt(err,
		"it has %llu bytes, more than the %llu allowed (raise it with --limit "
		"%s=N)",
		(unsigned long long)size, (unsigned long long)limit->bytes, limit->name);
}

static int read_blob(const struct blob *blob, const struct limit *limit, struct buf *out,
	struct o2r_err *err)
{
	int r;

	if (blob->size > limit->bytes)
		return too_large(blob->size, limit, err);
	out->max = (size_t)blob->size + 1;
	r = buf_reserve(out, (size_t)blob->size);
	if (r < 0)
		return err_nomem(err);
	r = blob_pread(blob, out->data, (size_t)blob->size, 0, err);
	if (r < 0)
		return r;
	out->len = (size_t)blob->size;
	out->data[out->len] = '\0';
	return 0;
}

static int read_file(const struct layout *l, const char *path, const struct limit *limit,
	struct buf *out, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	int r = l->open(l->arg, path, &blob, err);

	return r < 0 ? r : read_blob(&blob, limit, out, err);
}

static int check_version(
	const struct layout *l, const struct buf *text, struct o2r_err *err)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root;
	const char *version = "";
	int r = json_doc_parse(
		text->data, text->len, l->ctx->limits.json_depth, &doc, err);

	if (r >= 0)
		r = json_root(doc, &root, err);
	if (r >= 0)
		r = json_need(json_get_string(&root, "imageLayoutVersion", &version, err),
			&root, "imageLayoutVersion", err);
	if (r < 0)
		return r;
	if (strncmp(version, "1.", 2) != 0)
		return err_set(err, ERR_FAIL, EOPNOTSUPP,
			"the layout has version \"%s\", not 1.x",
			text_quote(version, strlen(version)).s);
	return 0;
}

int layout_check(const struct layout *l, struct o2r_err *err)
{
	const struct limit limit = {"oci-layout", LAYOUT_FILE_MAX};
	AUTO_BUF struct buf text = {0};
	int r = read_file(l, "oci-layout", &limit, &text, err);

	if (r == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s is not an OCI layout: it has no file oci-layout", l->name);
	if (r == 0)
		r = check_version(l, &text, err);
	return r < 0 ? err_wrap(err, "%s: oci-layout", l->name) : 0;
}

static struct limit manifest_limit(const struct layout *l)
{
	return (struct limit){"manifest", l->ctx->limits.manifest};
}

int layout_index(const struct layout *l, struct document *out, struct o2r_err *err)
{
	static const char type[] = "application/vnd.oci.image.index.v1+json";
	const struct limit limit = manifest_limit(l);
	AUTO_BUF struct buf text = {0};
	int r = read_file(l, "index.json", &limit, &text, err);

	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"%s: the layout has no index.json: copy it again", l->name);
	if (r == 0)
		r = document_parse(text.data, text.len, type, &l->ctx->limits, out, err);
	return r < 0 ? err_wrap(err, "%s: index.json", l->name) : 0;
}

static int open_file(const struct layout *l, const struct digest *d, struct blob *out,
	struct o2r_err *err)
{
	/* a digest that was parsed has no path characters in it */
	struct digest_text digest = digest_format(d);
	char path[sizeof("blobs//") + sizeof(digest.s)];
	int r;

	snprintf(path, sizeof(path), "blobs/%s/%s", digest_algo_name(d->algo),
		strchr(digest.s, ':') + 1);
	r = l->open(l->arg, path, out, err);
	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"blob %s is missing from %s: copy the image there again",
			digest.s, l->name);
	return r < 0 ? err_wrap(err, "%s", l->name) : 0;
}

int layout_blob_size(const struct layout *l, const struct digest *digest, uint64_t *size,
	struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	int r = open_file(l, digest, &blob, err);

	if (r == 0)
		*size = blob.size;
	return r;
}

int layout_blob(const struct layout *l, const struct layout_part *part, struct blob *out,
	struct o2r_err *err)
{
	const struct descriptor *d = part->d;
	int r = l->part ? l->part(l->arg, part, out, err)
			: open_file(l, &d->digest, out, err);

	if (r < 0)
		return r;
	if (out->size == d->size)
		return 0;
	r = err_corrupt(err, "blob %s has %llu bytes, its descriptor says %llu",
		digest_format(&d->digest).s, (unsigned long long)out->size,
		(unsigned long long)d->size);
	blob_close(out);
	return r;
}

static int blob_content(const struct layout *l, const struct layout_part *part,
	const struct limit *limit, struct buf *out, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	int r = layout_blob(l, part, &blob, err);

	if (r < 0)
		return r;
	r = read_blob(&blob, limit, out, err);
	if (r == 0)
		r = descriptor_verify(part->d, out->data, out->len, err);
	return r < 0 ? err_wrap(err, "blob %s", digest_format(&part->d->digest).s) : 0;
}

static int read_content(const struct layout *l, const struct layout_part *part,
	const struct limit *limit, struct buf *out, struct o2r_err *err)
{
	const struct descriptor *d = part->d;
	AUTO_BUF struct buf bytes = {0};
	int r;

	if (d->size > limit->bytes)
		r = too_large(d->size, limit, err);
	else if (d->data)
		r = descriptor_inline(d, &bytes, err);
	else
		return blob_content(l, part, limit, out, err);
	if (r < 0)
		return err_wrap(err, "blob %s", digest_format(&d->digest).s);
	*out = bytes;
	bytes = (struct buf){0};
	return 0;
}

int layout_config(const struct layout *l, const struct descriptor *d, struct buf *out,
	struct o2r_err *err)
{
	const struct layout_part part = {.role = LAYOUT_CONFIG, .d = d};
	const struct limit limit = {"config", l->ctx->limits.config};

	return read_content(l, &part, &limit, out, err);
}

int layout_document(const struct layout *l, const struct descriptor *d,
	struct document *out, struct buf *bytes, struct o2r_err *err)
{
	const struct layout_part part = {.role = LAYOUT_DOCUMENT, .d = d};
	const struct limit limit = manifest_limit(l);
	AUTO_BUF struct buf text = {0};
	int r = read_content(l, &part, &limit, &text, err);

	if (r < 0)
		return r;
	r = document_parse(text.data, text.len, d->media_type, &l->ctx->limits, out, err);
	if (r < 0)
		return err_wrap(err, "%s", digest_format(&d->digest).s);
	if (bytes) {
		*bytes = text;
		text = (struct buf){0};
	}
	return 0;
}
