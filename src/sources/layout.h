/*
 * OCI image layout (image-spec image-layout.md): the files of a layout directory, read
 * and verified. Which of its images is meant is decided in select.h.
 *
 * Files are reached through one function only, so that a layout may also lie elsewhere
 * than in a directory (a test's memory). Symbolic links inside a directory are followed:
 * bazel makes blobs that way, and content is checked by digest whatever the path. Extra
 * files do not matter. One thread.
 */
#ifndef O2R_SOURCES_LAYOUT_H
#define O2R_SOURCES_LAYOUT_H

#include "base/buf.h"
#include "base/ctx.h"
#include "blob/blob.h"
#include "sources/manifest.h"

struct layout {
	/* Open a file by its path in the layout; -ENOENT when there is none. */
	int (*open)(void *arg, const char *path, struct blob *out, struct o2r_err *err);
	void *arg;
	const char *name; /* where it is, for messages */
	const struct ctx *ctx;
};

/* One of the limits on documents, with the name of its option. */
struct layout_limit {
	const char *name;
	uint64_t bytes;
};

/* The file oci-layout is there and of a known version. NOT_FOUND without it. */
int layout_check(const struct layout *l, struct o2r_err *err) O2R_MUST_CHECK;

/* index.json, parsed. */
int layout_index(
	const struct layout *l, struct document *out, struct o2r_err *err) O2R_MUST_CHECK;

/*
 * The content of a descriptor, verified: `data` when it has any, else the blob. A blob
 * that is not there is class CORRUPT with the code -ENOENT. Errors name the digest.
 */
int layout_content(const struct layout *l, const struct descriptor *d,
	struct layout_limit limit, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;

/* layout_content and document_parse. *bytes may be NULL. */
int layout_document(const struct layout *l, const struct descriptor *d,
	struct document *out, struct buf *bytes, struct o2r_err *err) O2R_MUST_CHECK;

/* The blob of a descriptor, of the right size; its content is not looked at. */
int layout_blob(const struct layout *l, const struct descriptor *d, struct blob *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* How large a blob is that only its digest is known of. */
int layout_blob_size(const struct layout *l, const struct digest *digest, uint64_t *size,
	struct o2r_err *err) O2R_MUST_CHECK;

/* `open` for a directory; arg points to its descriptor. */
int layout_open_at(void *arg, const char *path, struct blob *out, struct o2r_err *err);

#endif
