/*
 * The JSON reader and what is read by it: the input as any document, as an index or
 * manifest, and as a config.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/config.h"
#include "sources/json.h"
#include "sources/manifest.h"

static const struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What fails says so, in one line, and only input is to blame. */
static void check_err(int r, const struct o2r_err *err)
{
	must(r < 0 && err->code == r && err->text[0]);
	must(!strchr(err->text, '\n'));
	must(err->cls == ERR_CORRUPT || err->cls == ERR_FAIL);
}

static bool try_json(const char *text, size_t size)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct o2r_err err = {0};
	struct json_ref root, list, item = {0};
	const char *s;
	uint64_t v;
	int r = json_doc_parse(text, size, ctx.limits.json_depth, &doc, &err);

	if (r < 0) {
		check_err(r, &err);
		return false;
	}
	if (json_root(doc, &root, &err) < 0)
		return true;
	if (json_get_size(&root, "size", &v, &err) > 0)
		must(v < 1ULL << 53);
	if (json_get_array(&root, "layers", &list, &err) > 0)
		while (json_next(&list, &item))
			if (json_item_string(&item, &s, &err) == 0)
				must(strlen(s) <= size);
	return true;
}

static void try_document(const char *text, size_t size, const char *led_by)
{
	CLEANUP(document_finish) struct document doc = {0};
	struct o2r_err err = {0};
	int r = document_parse(text, size, led_by, &ctx.limits, &doc, &err);

	if (r < 0) {
		check_err(r, &err);
		return;
	}
	must(doc.kind == MEDIA_INDEX || doc.kind == MEDIA_MANIFEST);
	if (doc.kind == MEDIA_MANIFEST) {
		r = manifest_check_types(&doc, &err);
		if (r < 0)
			check_err(r, &err);
	}
	for (unsigned i = 0; i < doc.count; i++) {
		AUTO_BUF struct buf out = {0};
		struct descriptor *d = &doc.entries[i];

		must(d->digest.algo != DIGEST_NONE && d->size < 1ULL << 53);
		descriptor_is_attestation(d);
		if (d->data && descriptor_inline(d, &out, &err) == 0)
			must(out.len == d->size);
	}
}

static void try_config(const char *text, size_t size)
{
	CLEANUP(config_finish) struct image_config config = {0};
	AUTO_FREE struct digest *ids = NULL;
	struct platform platform;
	struct o2r_err err = {0};
	unsigned count = 0;
	int r = config_parse(text, size, &ctx, &config, &ids, &count, &err);

	if (r < 0) {
		check_err(r, &err);
		return;
	}
	must(config.env && config.cmd && config.entrypoint);
	must(config.created_nsec < 1000000000);
	must(config_platform(text, size, &ctx, &platform, &err) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly that size, so that a read behind it is seen */
	AUTO_FREE char *text = malloc(size ? size : 1);

	must(text);
	if (size)
		memcpy(text, data, size);
	if (!try_json(text, size))
		return 0;
	try_document(text, size, NULL);
	try_document(text, size, "application/vnd.oci.image.index.v1+json");
	try_config(text, size);
	return 0;
}
