/*
 * Layout: where documents, configs and layers are had by their descriptors, verified.
 * Which of its images is meant is decided in select.h. Mostly it is an OCI image layout
 * (image-spec image-layout.md), the files of a directory; a registry is one too, but for
 * the files that only directories have.
 *
 * Content is reached through the two functions of struct layout only. Symbolic links
 * inside a directory are followed: bazel makes blobs that way, and content is checked by
 * digest whatever the path. Extra files do not matter. One thread.
 */
#ifndef O2R_SOURCES_LAYOUT_H
#define O2R_SOURCES_LAYOUT_H

#include "base/buf.h"
#include "base/ctx.h"
#include "blob/blob.h"
#include "sources/manifest.h"

/* What is asked for, by its descriptor. */
struct layout_part {
	enum layout_role {
		LAYOUT_DOCUMENT, /* an index or a manifest */
		LAYOUT_CONFIG,
		LAYOUT_LAYER,
	} role;
	const struct descriptor *d;
	unsigned number, count; /* of a layer: which, from 0, and of how many */
};

struct layout {
	/* Open a file by its path in the layout; -ENOENT when there is none. */
	int (*open)(void *arg, const char *path, struct blob *out, struct o2r_err *err);
	/* Open a part; -ENOENT when there is none. Nothing need be verified. NULL: it is
	 * the file blobs/ALGORITHM/HEX. */
	int (*part)(void *arg, const struct layout_part *part, struct blob *out,
		struct o2r_err *err);
	void *arg;
	const char *name;   /* where it is, for messages */
	const char *choose; /* how one of its images is named; NULL: as in a directory */
	const struct ctx *ctx;
};

/* The file oci-layout is there and of a known version. NOT_FOUND without it. */
int layout_check(const struct layout *l, struct o2r_err *err) O2R_MUST_CHECK;

/* index.json, parsed. */
int layout_index(
	const struct layout *l, struct document *out, struct o2r_err *err) O2R_MUST_CHECK;

/*
 * The content of a config, verified: `data` when it has any, else the blob. A blob that
 * is not there has the code -ENOENT. Errors name the digest.
 */
int layout_config(const struct layout *l, const struct descriptor *d, struct buf *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The same of an index or a manifest, and document_parse. *bytes may be NULL. */
int layout_document(const struct layout *l, const struct descriptor *d,
	struct document *out, struct buf *bytes, struct o2r_err *err) O2R_MUST_CHECK;

/* A part, of the right size; its content is not looked at. */
int layout_blob(const struct layout *l, const struct layout_part *part, struct blob *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* How large a blob is that only its digest is known of. */
int layout_blob_size(const struct layout *l, const struct digest *digest, uint64_t *size,
	struct o2r_err *err) O2R_MUST_CHECK;

/* `open` for a directory; arg points to its descriptor. */
int layout_open_at(void *arg, const char *path, struct blob *out, struct o2r_err *err);

#endif
