#include "sources/registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/image_read.h"
#include "sources/registry/client.h"
#include "sources/registry/documents.h"
#include "sources/registry/fetcher.h"
#include "sources/registry/settings.h"

/* What the layers of an open image need: the fetcher, and below it the client. */
struct keep {
	struct client *client; /* NULL: offline */
	struct fetcher *fetcher;
};

struct source {
	struct keep *keep;
	struct documents documents;
};

static void keep_destroy(void *arg)
{
	struct keep *k = arg;

	if (!k)
		return;
	fetcher_destroy(k->fetcher);
	client_destroy(k->client);
	free(k);
}

static void source_finish(struct source *s)
{
	documents_finish(&s->documents);
}

static void session_cleanup(struct client_session **s)
{
	client_session_destroy(*s);
}

static int open_layer(struct source *s, const struct layout_part *part, struct blob *out,
	struct o2r_err *err)
{
	const struct fetch_item item = {
		.digest = part->d->digest,
		.size = part->d->size,
		.urls = part->d->urls,
		.layer = part->number,
		.layers = part->count,
	};

	return fetcher_blob(s->keep->fetcher, &item, out, err);
}

static int open_part(
	void *arg, const struct layout_part *part, struct blob *out, struct o2r_err *err)
{
	struct source *s = arg;
	const struct buf *bytes;
	int r;

	if (part->role == LAYOUT_LAYER)
		return open_layer(s, part, out, err);
	r = documents_get(
		&s->documents, part->role, &part->d->digest, part->d->size, &bytes, err);
	return r < 0 ? r : blob_open_memory(out, bytes->data, bytes->len, 1, err);
}

/* The client, unless nothing is to be asked, and what fetches the layers by it. */
static int make_keep(struct image *image, const struct name *name,
	const struct registry_settings *settings, struct store *store,
	const struct ctx *ctx, struct o2r_err *err)
{
	struct keep *k = calloc(1, sizeof(*k));
	unsigned parallel = settings->parallel ? settings->parallel : REGISTRY_PARALLEL;
	int r = 0;

	if (!k)
		return err_nomem(err);
	/* the image's from now on, which closes its blobs before */
	image->keep = k;
	image->keep_destroy = keep_destroy;
	if (!settings->offline)
		r = client_create(name, settings, ctx, &k->client, err);
	if (r == 0)
		r = fetcher_create(k->client, store, parallel, ctx, &k->fetcher, err);
	return r;
}

/* What the name means: *d is the descriptor that an index above it would have. */
static int resolve(struct source *s, const struct name *name, struct descriptor *d,
	char **media_type, struct o2r_err *err)
{
	const struct buf *bytes;
	int r = 0;

	d->digest = name->digest;
	if (name->digest.algo == DIGEST_NONE)
		r = documents_resolve(
			&s->documents, name->tag, &d->digest, media_type, err);
	if (r == 0)
		r = documents_get(
			&s->documents, LAYOUT_DOCUMENT, &d->digest, 0, &bytes, err);
	if (r < 0)
		return r;
	d->media_type = *media_type;
	d->size = bytes->len;
	return 0;
}

static int read_image(struct source *s, struct image *image, const struct name *name,
	const struct wanted *want, struct o2r_err *err)
{
	const struct layout layout = {
		.part = open_part,
		.arg = s,
		.name = s->documents.name,
		.ctx = s->documents.ctx,
	};
	const struct wanted any = {.index = -1, .platform = want->platform};
	AUTO_FREE char *media_type = NULL;
	struct descriptor d = {0};
	struct document index = {.kind = MEDIA_INDEX, .entries = &d, .count = 1};
	const struct buf *bytes;
	int r;

	if (!want->manifest) {
		r = resolve(s, name, &d, &media_type, err);
		image->named = d.digest;
		return r < 0 ? r : image_read_chosen(image, &layout, &index, &any, err);
	}
	/* whatever the tag means by now */
	d.digest = *want->manifest;
	image->named = name->digest.algo == DIGEST_NONE ? d.digest : name->digest;
	r = documents_get(&s->documents, LAYOUT_DOCUMENT, &d.digest, 0, &bytes, err);
	if (r < 0)
		return r;
	d.size = bytes->len;
	r = image_read_manifest(image, &layout, &d, err);
	return r < 0 ? err_wrap(err, "%s", layout.name) : 0;
}

static int set_absolute(struct image *image, const struct name *name, struct o2r_err *err)
{
	struct name exact = *name;

	exact.digest = image->named;

	AUTO_FREE char *text = name_format(&exact);

	if (!text || asprintf(&image->absolute, "docker://%s", text) < 0) {
		image->absolute = NULL;
		return err_nomem(err);
	}
	return 0;
}

int registry_open(struct image *image, const struct name *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err)
{
	static const struct registry_settings usual;
	const struct registry_settings *settings =
		options && options->registry ? options->registry : &usual;
	struct store *store =
		options && options->store ? options->store(options->store_arg) : NULL;
	AUTO_FREE char *text = name_format(name);
	CLEANUP(session_cleanup) struct client_session *session = NULL;
	CLEANUP(source_finish) struct source s = {0};
	int r;

	if (!text)
		return err_nomem(err);
	r = make_keep(image, name, settings, store, ctx, err);
	s.keep = image->keep;
	if (r == 0 && s.keep->client)
		r = client_session_create(s.keep->client, NULL, &session, err);
	s.documents = (struct documents){
		.name = text, .session = session, .store = store, .ctx = ctx};
	if (r == 0)
		r = read_image(&s, image, name, want, err);
	return r < 0 ? r : set_absolute(image, name, err);
}
