/*
 * Image: what a source resolved a reference to: verified manifest and config, and the
 * ordered layers as blobs at rest (not yet read). Read-only after image_open; its blobs
 * may be read from any thread.
 */
#ifndef O2R_SOURCES_IMAGE_H
#define O2R_SOURCES_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"
#include "blob/blob.h"
#include "blob/dir_layer.h"

/* "os/arch[/variant]", normalised as docs/platforms.md says; fields are never NULL. */
struct platform {
	char os[32];
	char arch[32];
	char variant[32];
};

struct image_layer {
	/* Where its files are: in an archive (blob), or unpacked in a directory, and then
	 * digest is DIGEST_NONE, size 0, and there is no blob. */
	struct dir_layer *dir; /* owned; NULL: blob */
	struct blob blob;
	struct digest digest; /* of the blob, from the manifest; DIGEST_NONE: not known */
	struct digest diff_id; /* of the decoded bytes, from the config; DIGEST_NONE */
	char *media_type;      /* as the manifest gives it */
	int codec;     /* enum codec that the media type names, or -1: not named */
	uint64_t size; /* of the blob, equals blob.size */
};

/* Parsed config (image-spec config.md). Strings NULL and lists empty where absent. */
struct image_config {
	char **entrypoint, **cmd,
		**env; /* NULL-terminated lists, never NULL themselves */
	char *working_dir, *user;
	char *created; /* as it stands, RFC 3339 */
	bool created_valid;
	int64_t created_sec;
	uint32_t created_nsec;
	struct platform platform; /* all empty where absent */
};

/* What the user lays on top (--layer, --add), in this order. */
struct image_extra {
	enum { EXTRA_LAYER, EXTRA_FILE } kind;
	/* a directory, an archive, or a reference with a prefix ("oci:DIR"); the file to
	 * add */
	const char *path;
	const char *dest; /* EXTRA_FILE: its path in the image */
	long mode;        /* EXTRA_FILE: 07777, -1: as the file has it */
	uint32_t uid, gid;
	struct digest manifest; /* of a reference: exactly this one; DIGEST_NONE: as it
				   says now */
};

struct image {
	char *reference; /* as the user gave it, for messages */
	/* A reference that opens the same source from any directory: "oci:/abs/dir", or
	 * the bare path where the prefixed form would read it otherwise (a colon in it),
	 * or "docker://NAME@DIGEST".
	 * Which image of the source is meant is for manifest_digest to say. */
	char *absolute;
	struct digest manifest_digest;
	struct digest config_digest;
	/* What the reference names: an index, or the manifest; DIGEST_NONE: that is not
	 * told apart. */
	struct digest named;
	char *manifest_type;
	struct buf manifest; /* exact bytes */
	struct buf config;   /* exact bytes */
	struct image_config parsed;
	struct image_layer *layers; /* bottom first */
	unsigned layer_count;
	/* What of that was laid on top, so that it can be laid there again from any
	 * directory; its strings are ours. */
	struct image_extra *extras;
	size_t extra_count;
	struct image *taken; /* images whose layers these were, one after the other */
	/* What the blobs need as long as they are open, and who frees it; NULL: nothing.
	 */
	void *keep;
	void (*keep_destroy)(void *keep);
};

struct store;
struct registry_settings;

struct image_options {
	const char *platform; /* "os/arch[/variant]" or NULL: the host's */
	/* Exactly this manifest, whatever tags and platforms say now; NULL: as the
	 * reference and the platform choose. */
	const struct digest *manifest;
	const struct registry_settings *registry; /* NULL: all as usual */
	const struct image_extra *extras;
	size_t extra_count;
	/* The content store, opened when first asked for; returns NULL when there is
	 * none. Borrowed: it outlives the image. */
	struct store *(*store)(void *arg);
	void *store_arg;
};

/*
 * Resolve a reference (docs/references.md): "oci:DIR[:TAG|:@N]", a path that begins with
 * '/', './' or '../' (or is "." or "..") whose kind is detected, else
 * "[docker://]NAME[:TAG][@DIGEST]" in a registry. Nothing is believed before its size and
 * digest match. The extras come on top; when one of them can be read only once, absolute
 * is NULL. Errors: NOT_FOUND (no such path, repository or tag: lists the tags of a
 * layout), PLATFORM (lists what there is), CORRUPT, USAGE (ambiguous: lists the choices;
 * not a reference), and of registries ACCESS and FAIL.
 */
int image_open(const char *reference, const struct image_options *o,
	const struct ctx *ctx, struct image **out, struct o2r_err *err) O2R_MUST_CHECK;
void image_destroy(struct image *image);
/* Back to what it was before it was opened: its reference only. */
void image_clear(struct image *image);

#endif
