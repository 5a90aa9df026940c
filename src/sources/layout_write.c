#include "sources/layout_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/pool.h"
#include "base/text.h"
#include "base/tmpdir.h"

enum {
	COPY_BYTES = 1 << 20, /* at a time */
};

/* One blob of the layout. */
struct part {
	const struct digest *digest;
	const struct blob *blob;
	int layer; /* its number, from 0; -1: manifest or config */
};

struct writer {
	const struct image *image;
	const struct ctx *ctx;
	const char *name; /* of the directory, quoted */
	int dir;
	struct part *parts;
	size_t count;
	struct blob manifest, config;
	uint64_t total;
	_Atomic uint64_t copied;
	_Atomic unsigned layers_done;
	unsigned layers; /* distinct */
	_Atomic bool failed;
	pthread_mutex_t reporting;
};

/* ---- which blobs */

/* A layout is made of blobs: files in a directory, and what the user laid on top, are in
 * no manifest. */
static int check_blobs(const struct image *image, struct o2r_err *err)
{
	bool whole = image->manifest_digest.algo != DIGEST_NONE &&
		     image->config_digest.algo != DIGEST_NONE;

	for (unsigned i = 0; whole && i < image->layer_count; i++)
		whole = !image->layers[i].dir &&
			image->layers[i].digest.algo != DIGEST_NONE;
	if (whole)
		return 0;
	return err_set(err, ERR_USAGE, ENOTSUP,
		"%s: an image with layers that are no blobs of its manifest "
		"(directories, "
		"and what was added to it) cannot be saved as a layout",
		text_quote(image->reference, strlen(image->reference)).s);
}

static bool is_listed(const struct writer *w, const struct digest *digest)
{
	for (size_t i = 0; i < w->count; i++)
		if (digest_equal(w->parts[i].digest, digest))
			return true;
	return false;
}

static void list_part(
	struct writer *w, const struct digest *digest, const struct blob *blob, int layer)
{
	if (is_listed(w, digest))
		return;
	w->parts[w->count++] = (struct part){digest, blob, layer};
	w->total += blob->size;
	w->layers += layer >= 0;
}

static int list_parts(struct writer *w, struct o2r_err *err)
{
	const struct image *image = w->image;
	int r = blob_open_memory(
		&w->manifest, image->manifest.data, image->manifest.len, 0, err);

	if (r == 0)
		r = blob_open_memory(
			&w->config, image->config.data, image->config.len, 0, err);
	if (r < 0)
		return r;
	w->parts = calloc(image->layer_count + 2, sizeof(*w->parts));
	if (!w->parts)
		return err_nomem(err);
	for (unsigned i = 0; i < image->layer_count; i++)
		list_part(w, &image->layers[i].digest, &image->layers[i].blob, (int)i);
	list_part(w, &image->config_digest, &w->config, -1);
	list_part(w, &image->manifest_digest, &w->manifest, -1);
	return 0;
}

/* ---- files */

static int make_file(const struct writer *w, const char *path, struct o2r_err *err)
{
	int fd = openat(w->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	return fd < 0 ? err_errno(err, errno, "cannot make %s/%s", w->name, path) : fd;
}

/* Network filesystems and quotas may speak up only here. */
static int close_file(
	const struct writer *w, int *fd, const char *path, struct o2r_err *err)
{
	if (close(steal_fd(fd)) < 0 && errno != EINTR)
		return err_errno(err, errno, "cannot finish %s/%s", w->name, path);
	return 0;
}

static int put_text(const struct writer *w, const char *path, const struct buf *text,
	struct o2r_err *err)
{
	AUTO_FD int fd = make_file(w, path, err);
	int r = fd < 0 ? fd : write_full(fd, text->data, text->len);

	if (fd < 0)
		return fd;
	return r < 0 ? err_errno(err, -r, "cannot write %s/%s", w->name, path)
		     : close_file(w, &fd, path, err);
}

static int make_folder(const struct writer *w, const char *path, struct o2r_err *err)
{
	return mkdirat(w->dir, path, 0777) < 0 && errno != EEXIST
		       ? err_errno(err, errno, "cannot make %s/%s", w->name, path)
		       : 0;
}

static int make_folders(const struct writer *w, struct o2r_err *err)
{
	int r = make_folder(w, "blobs", err);

	for (size_t i = 0; r == 0 && i < w->count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "blobs/%s",
			digest_algo_name(w->parts[i].digest->algo));
		r = make_folder(w, path, err);
	}
	return r;
}

/* ---- blobs */

static void report(struct writer *w)
{
	struct progress p = {.stage = "save", .total = w->total, .layers = w->layers};

	if (!w->ctx->progress)
		return;
	/* read and told under one lock, so that it never seems to go back */
	pthread_mutex_lock(&w->reporting);
	p.done = atomic_load(&w->copied);
	p.layers_done = atomic_load(&w->layers_done);
	ctx_progress(w->ctx, &p);
	pthread_mutex_unlock(&w->reporting);
}

static int copy_bytes(struct writer *w, const struct blob *from, int to,
	struct digester *digester, struct o2r_err *err)
{
	AUTO_FREE unsigned char *buf = malloc(COPY_BYTES);

	if (!buf)
		return err_nomem(err);
	for (uint64_t at = 0; at < from->size && !atomic_load(&w->failed);) {
		uint64_t left = from->size - at;
		size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
		int r = ctx_check(w->ctx, err);

		if (r == 0)
			r = blob_pread(from, buf, n, at, err);
		if (r == 0)
			r = digester_update(digester, buf, n, err);
		if (r < 0)
			return r;
		r = write_full(to, buf, n);
		if (r < 0)
			return err_errno(err, -r, "cannot write to %s", w->name);
		at += n;
		atomic_fetch_add(&w->copied, n);
		report(w);
	}
	return 0;
}

static int copy_verified(
	struct writer *w, const struct part *p, int to, struct o2r_err *err)
{
	CLEANUP(digester_finish) struct digester digester = {0};
	struct digest got;
	int r = digester_init(&digester, p->digest->algo, err);

	if (r == 0)
		r = copy_bytes(w, p->blob, to, &digester, err);
	if (r == 0)
		r = digester_final(&digester, &got, err);
	/* what another thread's failure has stopped is not whole */
	if (r < 0 || atomic_load(&w->failed))
		return r;
	if (digest_equal(&got, p->digest))
		return 0;
	blob_doubt(p->blob, true);
	return err_corrupt(err, "its content has the digest %s", digest_format(&got).s);
}

static int copy_part(struct writer *w, const struct part *p, struct o2r_err *err)
{
	struct digest_text name = digest_format(p->digest);
	char path[sizeof(name.s) + 8];
	int r = blob_ready(p->blob, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "blobs/%s", name.s);
	*strchr(path, ':') = '/';

	AUTO_FD int fd = make_file(w, path, err);

	if (fd < 0)
		return fd;
	r = copy_verified(w, p, fd, err);
	return r < 0 ? r : close_file(w, &fd, path, err);
}

static int wrap_part(const struct writer *w, const struct part *p, struct o2r_err *err)
{
	struct digest_text digest = digest_format(p->digest);
	const char *name = w->image->reference;

	if (p->layer < 0)
		err_wrap(err, "%s", p->blob == &w->config ? "config" : "manifest");
	else
		err_wrap(err, "layer %d of %u (%.19s)", p->layer + 1,
			w->image->layer_count, digest.s);
	return err_wrap(err, "%s", text_quote(name, strlen(name)).s);
}

static int copy_task(void *arg, size_t task, struct o2r_err *err)
{
	struct writer *w = arg;
	const struct part *p = &w->parts[task];
	int r;

	if (atomic_load(&w->failed))
		return 0;
	r = copy_part(w, p, err);
	if (r < 0) {
		atomic_store(&w->failed, true);
		return wrap_part(w, p, err);
	}
	atomic_fetch_add(&w->layers_done, p->layer >= 0);
	report(w);
	return 0;
}

static int copy_all(struct writer *w, struct o2r_err *err)
{
	for (size_t i = 0; i < w->count; i++)
		blob_want(w->parts[i].blob);
	return pool_run(w->ctx->threads, w->count, copy_task, w, err);
}

/* ---- documents */

static int put_version(const struct writer *w, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	struct json j;

	json_begin(&j, &text);
	json_open(&j, NULL, '{');
	json_string(&j, "imageLayoutVersion", "1.0.0");
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : put_text(w, "oci-layout", &text, err);
}

static void add_platform(struct json *j, const struct platform *p)
{
	if (!p->os[0] || !p->arch[0])
		return;
	json_open(j, "platform", '{');
	json_string(j, "architecture", p->arch);
	json_string(j, "os", p->os);
	if (p->variant[0])
		json_string(j, "variant", p->variant);
	json_close(j, '}');
}

static void add_descriptor(
	struct json *j, const struct image *image, const char *ref_name)
{
	json_open(j, NULL, '{');
	json_string(j, "mediaType", image->manifest_type);
	json_string(j, "digest", digest_format(&image->manifest_digest).s);
	json_uint(j, "size", image->manifest.len);
	if (ref_name) {
		json_open(j, "annotations", '{');
		json_string(j, "org.opencontainers.image.ref.name", ref_name);
		json_close(j, '}');
	}
	add_platform(j, &image->parsed.platform);
	json_close(j, '}');
}

static int put_index(const struct writer *w, const char *ref_name, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	struct json j;

	json_begin(&j, &text);
	json_open(&j, NULL, '{');
	json_uint(&j, "schemaVersion", 2);
	json_string(&j, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_open(&j, "manifests", '[');
	add_descriptor(&j, w->image, ref_name);
	json_close(&j, ']');
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : put_text(w, "index.json", &text, err);
}

/* ---- the layout */

static void writer_finish(struct writer *w)
{
	blob_close(&w->manifest);
	blob_close(&w->config);
	free(w->parts);
	pthread_mutex_destroy(&w->reporting);
}

/* They stay: with other types it would be another image, of another digest. */
static void warn_docker(const struct writer *w)
{
	if (!strstr(w->image->manifest_type, "vnd.docker."))
		return;
	ctx_log(w->ctx, LOG_WARN,
		"the image has Docker's media types, and so has the layout: umoci does "
		"not "
		"read it, skopeo does without a name (oci:%s); `skopeo copy oci:%s "
		"oci:DIR:TAG` converts it",
		w->name, w->name);
}

static int fill(struct writer *w, const char *ref_name, struct o2r_err *err)
{
	int r = list_parts(w, err);

	if (r == 0)
		r = put_version(w, err);
	if (r == 0)
		r = make_folders(w, err);
	if (r == 0)
		r = copy_all(w, err);
	if (r == 0)
		r = put_index(w, ref_name, err);
	return r;
}

int layout_write(const struct image *image, const char *dir, const char *ref_name,
	const struct ctx *ctx, struct o2r_err *err)
{
	/* who sees an index.json sees the rest */
	static const char *const names[] = {"blobs", "oci-layout", "index.json", NULL};
	CLEANUP(tmpdir_finish) struct tmpdir target = TMPDIR_INIT;
	struct quoted name = text_quote(dir, strlen(dir));
	CLEANUP(writer_finish)
	struct writer w = {.image = image,
		.ctx = ctx,
		.name = name.s,
		.reporting = PTHREAD_MUTEX_INITIALIZER};
	int r = check_blobs(image, err);

	if (r == 0)
		r = tmpdir_open(&target, dir, names, err);
	if (r < 0)
		return r;
	w.dir = target.fd;
	r = fill(&w, ref_name, err);
	if (r == 0)
		r = ctx_check(ctx, err);
	if (r == 0)
		r = tmpdir_publish(&target, err);
	if (r == 0)
		warn_docker(&w);
	return r;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits, with one separator (or "--") between them at a time. */
int layout_check_ref_name(const char *ref_name, struct o2r_err *err)
{
	const char *p = ref_name;

	while (is_alphanumeric(*p)) {
		while (is_alphanumeric(*p))
			p++;
		if (!*p)
			return 0;
		if (!strchr("-._:@/+", *p))
			break;
		p += p[0] == '-' && p[1] == '-' ? 2 : 1;
	}
	return err_set(err, ERR_USAGE, EINVAL,
		"\"%s\" is no name for an image in a layout: letters and digits with one "
		"of - . _ : @ / + between them",
		text_quote(ref_name, strlen(ref_name)).s);
}
