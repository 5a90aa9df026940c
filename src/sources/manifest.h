/*
 * Index and manifest documents (image-spec image-index.md, manifest.md, descriptor.md,
 * and the same things by Docker: manifest list and schema 2), parsed from bytes that the
 * caller has verified. What a document is is told by its mediaType, by that of the
 * descriptor which led to it, and where both are missing by its members; members of both
 * kinds in one document are refused (CVE-2021-41190).
 *
 * A document owns the JSON that its strings point into. No file is looked at.
 */
#ifndef O2R_SOURCES_MANIFEST_H
#define O2R_SOURCES_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"
#include "sources/image.h"
#include "sources/json.h"
#include "sources/media_type.h"
#include "sources/platform.h"

enum {
	INDEX_ENTRIES_MAX = 10000,
	MANIFEST_LAYERS_MAX = 4096,
	MANIFEST_URLS_MAX = 16, /* of one layer */
};

struct descriptor {
	const char *media_type; /* NULL when missing (in an index only) */
	struct digest digest;
	uint64_t size;
	const char *data; /* base64 of the content, or NULL */
	/* of layers: where else the content may be had, ends in NULL; NULL: nowhere */
	const char **urls;
	/* of entries of an index; the strings may be NULL */
	bool has_platform;
	struct platform platform;
	const char *artifact_type;
	const char *ref_name;       /* org.opencontainers.image.ref.name */
	const char *image_name;     /* io.containerd.image.name */
	const char *reference_type; /* vnd.docker.reference.type */
};

struct document {
	enum media_kind kind; /* MEDIA_INDEX or MEDIA_MANIFEST */
	struct json_doc *json;
	const char *media_type;     /* the document's own; NULL when missing */
	const char *artifact_type;  /* NULL when missing */
	struct descriptor *entries; /* of an index: manifests; of a manifest: layers */
	unsigned count;
	struct descriptor config; /* of a manifest */
};

/*
 * led_by: the media type of the descriptor that led here, NULL when there is none or it
 * has none. Malformed documents are of class CORRUPT; schema 1 is refused by name (FAIL).
 */
int document_parse(const char *text, size_t n, const char *led_by,
	const struct limits *limits, struct document *out,
	struct o2r_err *err) O2R_MUST_CHECK;
void document_finish(struct document *doc);

/* An entry that describes another one (buildkit's provenance), not an image. */
bool descriptor_is_attestation(const struct descriptor *d);

/* The bytes of `data`, checked for size and digest. Class CORRUPT. */
int descriptor_inline(
	const struct descriptor *d, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;

/* Do bytes have the descriptor's size and digest? Class CORRUPT. */
int descriptor_verify(const struct descriptor *d, const void *p, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Is this manifest an image made of layers that can be read? Class FAIL names the type of
 * config or layer that says otherwise. */
int manifest_check_types(
	const struct document *manifest, struct o2r_err *err) O2R_MUST_CHECK;

#endif
