#include "sources/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/text.h"

static int parse_digest(const struct json_ref *at, const char *key, struct digest *out,
	struct o2r_err *err)
{
	const char *text = NULL;
	int r = json_need(json_get_string(at, key, &text, err), at, key, err);

	if (r < 0)
		return r;
	r = digest_parse(text, strlen(text), out, err);
	return r < 0 ? err_wrap(err, "%s", json_path(at, key).s) : 0;
}

/* The four members that every descriptor may have. */
static int parse_descriptor(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	int r = json_get_string(at, "mediaType", &d->media_type, err);

	if (r >= 0)
		r = parse_digest(at, "digest", &d->digest, err);
	if (r >= 0)
		r = json_need(json_get_size(at, "size", &d->size, err), at, "size", err);
	if (r >= 0)
		r = json_get_string(at, "data", &d->data, err);
	return r < 0 ? r : 0;
}

static int parse_platform(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	const char *os = NULL, *arch = NULL, *variant = NULL;
	struct json_ref platform;
	int r = json_get_object(at, "platform", &platform, err);

	if (r <= 0)
		return r;
	r = json_get_string(&platform, "os", &os, err);
	if (r >= 0)
		r = json_get_string(&platform, "architecture", &arch, err);
	if (r >= 0)
		r = json_get_string(&platform, "variant", &variant, err);
	if (r >= 0)
		r = platform_make(os, arch, variant, &d->platform, err);
	if (r < 0)
		return err_wrap(err, "%s", json_path(at, "platform").s);
	d->has_platform = r > 0;
	return 0;
}

static int parse_annotations(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	static const char key[] = "annotations";
	struct json_ref notes;
	int r = json_get_object(at, key, &notes, err);

	if (r <= 0)
		return r;
	r = json_get_string(
		&notes, "org.opencontainers.image.ref.name", &d->ref_name, err);
	if (r >= 0)
		r = json_get_string(
			&notes, "io.containerd.image.name", &d->image_name, err);
	if (r >= 0)
		r = json_get_string(
			&notes, "vnd.docker.reference.type", &d->reference_type, err);
	return r < 0 ? r : 0;
}

static int parse_entry(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	int r = parse_descriptor(at, d, err);

	if (r == 0)
		r = parse_platform(at, d, err);
	if (r == 0)
		r = parse_annotations(at, d, err);
	if (r == 0)
		r = json_get_string(at, "artifactType", &d->artifact_type, err);
	return r < 0 ? r : 0;
}

/* The media type is what tells a config from an artifact's, and one layer's codec from
 * another's: not optional there. */
static int parse_part(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	int r = parse_descriptor(at, d, err);

	if (r == 0 && !d->media_type)
		r = json_need(0, at, "mediaType", err);
	return r;
}

/* urls (descriptor.md): of layers that registries may not hold themselves. */
static int parse_urls(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	struct json_ref list, item = {0};
	int r = json_get_array(at, "urls", &list, err);
	size_t n = r > 0 ? json_count(&list) : 0;

	if (r < 0 || n == 0)
		return r < 0 ? r : 0;
	if (n > MANIFEST_URLS_MAX)
		return err_corrupt(err, "%s has %zu entries, more than the %d allowed",
			json_path(&list, NULL).s, n, MANIFEST_URLS_MAX);
	d->urls = calloc(n + 1, sizeof(*d->urls));
	if (!d->urls)
		return err_nomem(err);
	for (size_t i = 0; r >= 0 && json_next(&list, &item); i++)
		r = json_item_string(&item, &d->urls[i], err);
	return r < 0 ? r : 0;
}

static int parse_layer(
	const struct json_ref *at, struct descriptor *d, struct o2r_err *err)
{
	int r = parse_part(at, d, err);

	return r == 0 ? parse_urls(at, d, err) : r;
}

static int parse_list(const struct json_ref *list, size_t max, struct document *doc,
	int (*parse)(const struct json_ref *, struct descriptor *, struct o2r_err *),
	struct o2r_err *err)
{
	struct json_ref item = {0};
	size_t n = json_count(list);
	int r = 0;

	if (n > max)
		return err_corrupt(err, "%s has %zu entries, more than the %zu allowed",
			json_path(list, NULL).s, n, max);
	doc->entries = calloc(n ? n : 1, sizeof(*doc->entries));
	if (!doc->entries)
		return err_nomem(err);
	while (r == 0 && json_next(list, &item)) {
		r = json_item_object(&item, err);
		if (r == 0)
			r = parse(&item, &doc->entries[doc->count++], err);
	}
	return r;
}

static int parse_index(
	const struct json_ref *root, struct document *doc, struct o2r_err *err)
{
	struct json_ref list;
	int r = json_need(
		json_get_array(root, "manifests", &list, err), root, "manifests", err);

	return r < 0 ? r : parse_list(&list, INDEX_ENTRIES_MAX, doc, parse_entry, err);
}

static int parse_manifest(
	const struct json_ref *root, struct document *doc, struct o2r_err *err)
{
	struct json_ref config, list;
	int r = json_need(
		json_get_object(root, "config", &config, err), root, "config", err);

	if (r == 0)
		r = parse_part(&config, &doc->config, err);
	if (r < 0)
		return r;
	/* no layers, which Go writes as null; the config must have no diff_ids then */
	r = json_get_array(root, "layers", &list, err);
	return r <= 0 ? r : parse_list(&list, MANIFEST_LAYERS_MAX, doc, parse_layer, err);
}

static int refuse_schema1(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EOPNOTSUPP,
		"it is a Docker schema 1 manifest, which is not supported: convert it, "
		"for example by `skopeo copy --format oci`");
}

/* A version other than 2 is another format; a missing one is let pass, as everywhere. */
static int check_version(const struct json_ref *root, struct o2r_err *err)
{
	uint64_t version = 2;
	int r = json_get_size(root, "schemaVersion", &version, err);

	if (r < 0)
		return r;
	if (version == 1 || json_has(root, "fsLayers"))
		return refuse_schema1(err);
	if (version != 2)
		return err_corrupt(
			err, "schemaVersion is %llu, not 2", (unsigned long long)version);
	return 0;
}

/* What the type's name says: 1 with *kind set, 0 when there is no name. */
static int kind_by_type(const char *type, enum media_kind *kind, struct o2r_err *err)
{
	if (!type || !*type)
		return 0;
	*kind = media_kind_of(type);
	if (*kind == MEDIA_INDEX || *kind == MEDIA_MANIFEST)
		return 1;
	if (*kind == MEDIA_SCHEMA1)
		return refuse_schema1(err);
	return err_set(err, ERR_FAIL, EOPNOTSUPP,
		"its media type \"%s\" is neither an image index nor an image manifest",
		text_quote(type, strlen(type)).s);
}

static int kind_by_members(
	const struct json_ref *root, enum media_kind *kind, struct o2r_err *err)
{
	bool index = json_has(root, "manifests");
	bool manifest = json_has(root, "config") || json_has(root, "layers");

	if (index && manifest)
		return err_corrupt(err, "the document has members of an index "
					"(manifests) and of a manifest "
					"(config, layers)");
	if (!index && !manifest)
		return 0;
	*kind = index ? MEDIA_INDEX : MEDIA_MANIFEST;
	return 1;
}

static int agree(
	enum media_kind a, enum media_kind b, const char *what, struct o2r_err *err)
{
	if (a == b)
		return 0;
	return err_corrupt(err, "the document is %s by its %s and %s otherwise",
		b == MEDIA_INDEX ? "an index" : "a manifest", what,
		a == MEDIA_INDEX ? "an index" : "a manifest");
}

static int tell_kind(const struct json_ref *root, const char *led_by,
	struct document *doc, struct o2r_err *err)
{
	enum media_kind led = MEDIA_UNKNOWN, own = MEDIA_UNKNOWN, content = MEDIA_UNKNOWN;
	int r = check_version(root, err);

	if (r < 0)
		return r;

	int by_descriptor = kind_by_type(led_by, &led, err);
	int by_own = by_descriptor < 0 ? by_descriptor
				       : kind_by_type(doc->media_type, &own, err);
	int by_members = by_own < 0 ? by_own : kind_by_members(root, &content, err);

	if (by_members < 0)
		return by_members;
	if (!by_descriptor && !by_own && !by_members)
		return err_corrupt(
			err, "the document is neither an index nor a manifest");
	doc->kind = by_descriptor ? led : by_own ? own : content;
	if (by_own)
		r = agree(doc->kind, own, "mediaType", err);
	if (r == 0 && by_members)
		r = agree(doc->kind, content, "members", err);
	return r;
}

int document_parse(const char *text, size_t n, const char *led_by,
	const struct limits *limits, struct document *out, struct o2r_err *err)
{
	CLEANUP(document_finish) struct document doc = {0};
	struct json_ref root;
	int r = json_doc_parse(text, n, limits->json_depth, &doc.json, err);

	if (r >= 0)
		r = json_root(doc.json, &root, err);
	if (r >= 0)
		r = json_get_string(&root, "mediaType", &doc.media_type, err);
	if (r >= 0)
		r = json_get_string(&root, "artifactType", &doc.artifact_type, err);
	if (r >= 0)
		r = tell_kind(&root, led_by, &doc, err);
	if (r >= 0)
		r = doc.kind == MEDIA_INDEX ? parse_index(&root, &doc, err)
					    : parse_manifest(&root, &doc, err);
	if (r < 0)
		return r;
	*out = doc;
	doc = (struct document){0};
	return 0;
}

void document_finish(struct document *doc)
{
	for (unsigned i = 0; i < doc->count; i++)
		free(doc->entries[i].urls);
	free(doc->entries);
	json_doc_destroy(doc->json);
	*doc = (struct document){0};
}

bool descriptor_is_attestation(const struct descriptor *d)
{
	return d->reference_type ||
	       (d->has_platform && platform_is_unknown(&d->platform));
}

int descriptor_verify(
	const struct descriptor *d, const void *p, size_t n, struct o2r_err *err)
{
	struct digest got;
	int r;

	if (n != d->size)
		return err_corrupt(err, "it has %zu bytes, its descriptor says %llu", n,
			(unsigned long long)d->size);
	r = digest_of(d->digest.algo, p, n, &got, err);
	if (r < 0)
		return r;
	if (!digest_equal(&got, &d->digest))
		return err_corrupt(
			err, "its content has the digest %s", digest_format(&got).s);
	return 0;
}

int descriptor_inline(const struct descriptor *d, struct buf *out, struct o2r_err *err)
{
	size_t n = strlen(d->data), len = 0;
	int r = buf_reserve(out, n);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err)
				    : err_corrupt(err, "its inline data is too long");
	if (!base64_decode(d->data, n, (unsigned char *)out->data + out->len, &len))
		return err_corrupt(err, "its inline data is not base64");
	out->len += len;
	out->data[out->len] = '\0';
	r = descriptor_verify(d, out->data, out->len, err);
	return r < 0 ? err_wrap(err, "inline data") : 0;
}

int manifest_check_types(const struct document *manifest, struct o2r_err *err)
{
	const char *type = manifest->config.media_type;

	if (media_kind_of(type) != MEDIA_CONFIG)
		return err_set(err, ERR_FAIL, EOPNOTSUPP,
			"it is not a container image but an artifact: its config is of "
			"the type "
			"\"%s\"",
			text_quote(type, strlen(type)).s);
	for (unsigned i = 0; i < manifest->count; i++) {
		type = manifest->entries[i].media_type;
		if (media_kind_of(type) != MEDIA_LAYER)
			return err_set(err, ERR_FAIL, EOPNOTSUPP,
				"layers[%u] is of the type \"%s\", which is not a layer "
				"that "
				"can be read",
				i, text_quote(type, strlen(type)).s);
	}
	return 0;
}
