/* Docker's containerd store: images by digest; the names stand in a database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/docker_impl.h"
#include "sources/image_read.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static int open_content(
	void *arg, const struct layout_part *part, struct blob *out, struct o2r_err *err)
{
	const struct docker *d = arg;
	struct digest_text t = digest_format(&part->d->digest);
	char path[sizeof(DOCKER_CONTENT "//") + sizeof(t.s)];
	int r;

	snprintf(path, sizeof(path), DOCKER_CONTENT "/%s/%s",
		digest_algo_name(part->d->digest.algo), strchr(t.s, ':') + 1);
	r = blob_open_file(out, d->fd, path, err);
	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"%s is missing in Docker's store, which may keep layers only "
			"unpacked: docker-daemon:%s asks Docker instead",
			t.s, quote(d->name).s);
	return r;
}

static int content_size(const struct docker *d, const struct digest *digest,
	uint64_t *size, struct o2r_err *err)
{
	CLEANUP(blob_close) struct blob blob = {0};
	struct descriptor of = {.digest = *digest};
	const struct layout_part part = {.role = LAYOUT_DOCUMENT, .d = &of};
	int r = open_content((void *)d, &part, &blob, err);

	if (r == -ENOENT)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"Docker's store %s has no image %s", quote(d->root).s,
			digest_format(digest).s);
	*size = blob.size;
	return r;
}

int docker_content_open(const struct docker *d, struct image *image,
	const struct wanted *want, struct o2r_err *err)
{
	const char *at = strchr(d->name, '@'), *text = at ? at + 1 : d->name;
	const struct layout layout = {
		.part = open_content, .arg = (void *)d, .name = d->root, .ctx = d->ctx};
	const struct wanted any = {.index = -1, .platform = want->platform};
	struct descriptor of = {0};
	struct document index = {.kind = MEDIA_INDEX, .entries = &of, .count = 1};
	int r;

	if (want->manifest)
		of.digest = *want->manifest;
	else if (digest_parse(text, strlen(text), &of.digest, NULL) < 0)
		return err_set(err, ERR_USAGE, EOPNOTSUPP,
			"%s is a store of containerd, whose names cannot be read: write "
			"docker-daemon:%s, or docker-store:NAME@DIGEST with the digest "
			"that docker images --digests shows",
			quote(d->root).s, quote(d->name).s);
	r = content_size(d, &of.digest, &of.size, err);
	if (r < 0)
		return r;
	if (want->manifest) {
		r = image_read_manifest(image, &layout, &of, err);
	} else {
		image->named = of.digest;
		r = image_read_chosen(image, &layout, &index, &any, err);
	}
	return r < 0 ? r : docker_set_absolute(d, image, &of.digest, err);
}
