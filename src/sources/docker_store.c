#include "sources/docker_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "sources/choices.h"
#include "sources/image_read.h"
#include "sources/json.h"
#include "sources/manifest.h"
#include "sources/overlay_dir.h"
#include "sources/platform.h"
#include "sources/ref.h"
#include "sources/synthetic.h"

#define IMAGES "image/overlay2"
#define CONTENT "containerd/daemon/io.containerd.content.v1.content/blobs"

enum {
	NAMES_FILE_MAX = 64 << 20, /* repositories.json of a large host */
	SMALL_FILE_MAX = 4096,
	ID_HEX_MIN = 4, /* digits of an abbreviated image ID */
};

struct docker {
	int fd; /* of the data root */
	const char *root;
	const char *name; /* of the image */
	const struct ctx *ctx;
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* ---- which image */

struct match {
	struct digest id;
	int rank; /* 0 best, -1 none yet */
	bool ambiguous;
	struct choices names;
};

static void offer(struct match *m, const struct digest *id, int rank)
{
	if (m->rank >= 0 && rank > m->rank)
		return;
	m->ambiguous = m->rank == rank && !digest_equal(&m->id, id);
	m->id = *id;
	m->rank = rank;
}

static bool is_hex(const char *s)
{
	size_t n = strlen(s);

	return n >= ID_HEX_MIN && n <= 64 && strspn(s, "0123456789abcdef") == n;
}

/* How well an entry suits what was asked for; -1: not. */
static int rank_of(const char *wanted, const char *reference, const struct digest *id)
{
	const char *hex = strncmp(wanted, "sha256:", 7) == 0 ? wanted + 7 : wanted;

	if (strcmp(wanted, reference) == 0 || ref_same_image(wanted, reference))
		return 0;
	if (is_hex(hex) &&
		strncmp(strchr(digest_format(id).s, ':') + 1, hex, strlen(hex)) == 0)
		return 1;
	return -1;
}

static int match_one(const struct docker *d, struct match *m, const char *reference,
	const char *id_text, struct o2r_err *err)
{
	struct digest id;
	int rank, r = digest_parse(id_text, strlen(id_text), &id, err);

	if (r < 0)
		return err_wrap(err, "%s", quote(reference).s);
	choices_add(&m->names, reference);
	rank = rank_of(d->name, reference, &id);
	if (rank >= 0)
		offer(m, &id, rank);
	return 0;
}

static int match_names(const struct docker *d, struct match *m, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root, all, repository = {0};
	int r = file_read(d->fd, IMAGES "/repositories.json", NAMES_FILE_MAX, &text, err);

	if (r == 0)
		r = json_doc_parse(
			text.data, text.len, d->ctx->limits.json_depth, &doc, err);
	if (r == 0)
		r = json_root(doc, &root, err);
	if (r == 0)
		r = json_get_object(&root, "Repositories", &all, err);
	if (r <= 0)
		return r;
	r = 0;
	while (r == 0 && json_next_member(&all, &repository)) {
		struct json_ref item = {0};
		const char *id = NULL;

		r = json_item_object(&repository, err);
		while (r == 0 && json_next_member(&repository, &item)) {
			r = json_item_string(&item, &id, err);
			if (r == 0)
				r = match_one(d, m, item.key, id, err);
		}
	}
	return r;
}

/* An ID that has no name: its config is there. */
static void match_id(const struct docker *d, struct match *m)
{
	const char *hex = strncmp(d->name, "sha256:", 7) == 0 ? d->name + 7 : d->name;
	char path[sizeof(IMAGES "/imagedb/content/sha256/") + 64], text[8 + 64];
	struct digest id;
	struct stat st;

	if (m->rank >= 0 || !is_hex(hex) || strlen(hex) != 64)
		return;
	snprintf(path, sizeof(path), IMAGES "/imagedb/content/sha256/%s", hex);
	snprintf(text, sizeof(text), "sha256:%s", hex);
	if (fstatat(d->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		digest_parse(text, strlen(text), &id, NULL) == 0)
		offer(m, &id, 1);
}

static int find_image(const struct docker *d, struct digest *id, struct o2r_err *err)
{
	struct match m = {.rank = -1};
	int r = match_names(d, &m, err);

	if (r < 0)
		return err_wrap(err, "%s/" IMAGES "/repositories.json", quote(d->root).s);
	match_id(d, &m);
	if (m.rank < 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"Docker's store %s has no image \"%s\", only %s",
			quote(d->root).s, quote(d->name).s, choices_text(&m.names));
	if (m.ambiguous)
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" is the beginning of several image IDs: give more of it",
			quote(d->name).s);
	*id = m.id;
	return 0;
}

/* ---- its layers */

/* chainID of a layer and those below (image-spec config.md, "Layer ChainID"). */
static int next_chain(struct digest *chain, const struct digest *diff_id, unsigned i,
	struct o2r_err *err)
{
	char text[2 * sizeof(struct digest_text)];

	if (i == 0) {
		*chain = *diff_id;
		return 0;
	}
	snprintf(text, sizeof(text), "%s %s", digest_format(chain).s,
		digest_format(diff_id).s);
	return digest_of(DIGEST_SHA256, text, strlen(text), chain, err);
}

static int read_small(
	const struct docker *d, const char *path, struct buf *out, struct o2r_err *err)
{
	int r = file_read(d->fd, path, SMALL_FILE_MAX, out, err);

	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"%s/%s is missing: pull the image again", quote(d->root).s, path);
	return r < 0 ? err_wrap(err, "%s", quote(d->root).s) : 0;
}

static int add_layer(const struct docker *d, struct image *image, unsigned i, int driver,
	const struct digest *chain, struct o2r_err *err)
{
	const struct dir_rules rules = {
		.overlay = true, .trusted = overlay_dir_is_roots(d->root)};
	AUTO_FREE char *where = NULL;
	AUTO_BUF struct buf cache_id = {0};
	char path[sizeof(IMAGES "/layerdb/sha256//cache-id") + 128];
	int r;

	snprintf(path, sizeof(path), IMAGES "/layerdb/sha256/%s/cache-id",
		strchr(digest_format(chain).s, ':') + 1);
	r = read_small(d, path, &cache_id, err);
	if (r < 0)
		return r;
	if (asprintf(&where, "%s/overlay2", d->root) < 0) {
		where = NULL;
		return err_nomem(err);
	}
	return overlay_dir_layer(image, i, driver, where,
		cache_id.data ? cache_id.data : "", "diff", &rules, err);
}

static int add_layers(const struct docker *d, struct image *image,
	const struct digest *diff_ids, unsigned count, struct o2r_err *err)
{
	AUTO_FD int driver = open_beneath(d->fd, "overlay2", O_RDONLY | O_DIRECTORY);
	struct digest chain = {0};
	int r = 0;

	if (driver < 0)
		return err_errno(
			err, -driver, "cannot open %s/overlay2", quote(d->root).s);
	image->layers = calloc(count + 1, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; r == 0 && i < count; i++) {
		image->layer_count = i + 1;
		image->layers[i].diff_id = diff_ids[i];
		r = next_chain(&chain, &diff_ids[i], i, err);
		if (r == 0)
			r = add_layer(d, image, i, driver, &chain, err);
		if (r < 0)
			err_wrap(err, "layer %u of %u", i + 1, count);
	}
	return r;
}

static int read_config(const struct docker *d, struct image *image,
	const struct digest *id, struct o2r_err *err)
{
	char path[sizeof(IMAGES "/imagedb/content/sha256/") + 64];
	struct digest is;
	int r;

	if (id->algo != DIGEST_SHA256)
		return err_corrupt(err, "the image ID is no SHA-256");
	snprintf(path, sizeof(path), IMAGES "/imagedb/content/sha256/%s",
		strchr(digest_format(id).s, ':') + 1);
	r = file_read(d->fd, path, (size_t)d->ctx->limits.config, &image->config, err);
	if (r == 0)
		r = digest_of(
			DIGEST_SHA256, image->config.data, image->config.len, &is, err);
	if (r < 0)
		return err_wrap(err, "%s", quote(d->root).s);
	return digest_equal(&is, id)
		       ? 0
		       : err_corrupt(err, "%s/%s does not have the digest of its name",
				 quote(d->root).s, path);
}

/* Is it for another machine than the one wanted? */
static int check_platform(const struct image *image, const struct platform *want,
	const char *name, struct o2r_err *err)
{
	const struct platform *have = &image->parsed.platform;

	if (!have->os[0] || platform_rank(want, have) >= 0)
		return 0;
	return err_set(err, ERR_PLATFORM, ENOENT,
		"%s is for %s, not for %s: choose with --platform", quote(name).s,
		platform_format(have).s, platform_format(want).s);
}

static int open_classic(struct docker *d, struct image *image, const struct wanted *want,
	struct o2r_err *err)
{
	AUTO_FREE struct digest *diff_ids = NULL;
	struct digest id;
	unsigned count = 0;
	int r = find_image(d, &id, err);

	if (r == 0)
		r = read_config(d, image, &id, err);
	if (r == 0)
		r = synthetic_make(
			image, &want->platform, d->ctx, &diff_ids, &count, err);
	if (r == 0)
		r = check_platform(image, &want->platform, d->name, err);
	if (r == 0 && count > MANIFEST_LAYERS_MAX)
		r = err_corrupt(err, "the image has too many layers");
	if (r == 0)
		r = add_layers(d, image, diff_ids, count, err);
	if (r == 0 && asprintf(&image->absolute, "docker-store:[%s]%s", d->root,
			      digest_format(&id).s) < 0) {
		image->absolute = NULL;
		r = err_nomem(err);
	}
	return r;
}

/* ---- the containerd store */

static int open_content(
	void *arg, const struct layout_part *part, struct blob *out, struct o2r_err *err)
{
	const struct docker *d = arg;
	struct digest_text t = digest_format(&part->d->digest);
	char path[sizeof(CONTENT "//") + sizeof(t.s)];

	snprintf(path, sizeof(path), CONTENT "/%s/%s",
		digest_algo_name(part->d->digest.algo), strchr(t.s, ':') + 1);
	return blob_open_file(out, d->fd, path, err);
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

static int open_containerd(struct docker *d, struct image *image,
	const struct wanted *want, struct o2r_err *err)
{
	const char *at = strchr(d->name, '@'), *text = at ? at + 1 : d->name;
	const struct layout layout = {
		.part = open_content, .arg = d, .name = d->root, .ctx = d->ctx};
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
	if (r == 0 && asprintf(&image->absolute, "docker-store:[%s]%s", d->root,
			      digest_format(&of.digest).s) < 0) {
		image->absolute = NULL;
		r = err_nomem(err);
	}
	return r;
}

static bool has(const struct docker *d, const char *path)
{
	return faccessat(d->fd, path, F_OK, AT_EACCESS) == 0;
}

int docker_store_open(struct image *image, const char *root, const char *name,
	const struct wanted *want, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE char *real = realpath(root ? root : DOCKER_STORE_ROOT, NULL);
	struct docker d = {.root = real, .name = name, .ctx = ctx};
	AUTO_FD int fd = -1;

	if (!real)
		return err_errno(err, errno, "cannot open Docker's store %s",
			quote(root ? root : DOCKER_STORE_ROOT).s);
	fd = d.fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno,
			"cannot open Docker's store %s (docker-daemon:%s asks Docker "
			"instead)",
			quote(real).s, quote(name).s);
	if (has(&d, IMAGES "/repositories.json"))
		return open_classic(&d, image, want, err);
	if (has(&d, CONTENT))
		return open_containerd(&d, image, want, err);
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"%s is not a data root of Docker that can be read: it has neither " IMAGES
		" nor " CONTENT "; docker-daemon:%s asks Docker, whatever its store",
		quote(real).s, quote(name).s);
}
