/* What a Docker archive is made of, for docker_archive*.c. */
#ifndef O2R_SOURCES_DOCKER_ARCHIVE_IMPL_H
#define O2R_SOURCES_DOCKER_ARCHIVE_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "sources/docker_archive.h"
#include "sources/json.h"

/* A file that the layout shows under its digest. */
struct shown {
	struct digest digest;
	uint64_t size;
	const char *path; /* in the archive; NULL: data */
	struct buf data;
	struct shown *next;
};

/* Files by their digests; the same one is there once. */
struct shown_set {
	void *tree; /* of tsearch */
	struct shown *all;
	size_t count;
	uint64_t bytes; /* of data */
};

/* One image of manifest.json. */
struct docker_image {
	struct json_ref entry, layers;
	const char *config; /* its path */
	const char **tags;
	size_t tag_count;
	bool wanted;
	struct digest manifest; /* of a wanted one */
	uint64_t manifest_size;
};

struct docker_archive {
	const struct archive_file *archive;
	const struct ctx *ctx;
	struct arena arena;
	struct shown_set shown;
	struct json_doc *doc; /* manifest.json */
	struct json_ref list;
	struct docker_image *images;
	size_t image_count;
	struct buf index; /* index.json */
};

/* ---- files (docker_archive_files.c) */

const struct shown *shown_find(const struct shown_set *set, const struct digest *d);
/* Takes over s->data; its path is copied. */
int shown_add(
	struct docker_archive *d, struct shown *s, struct o2r_err *err) O2R_MUST_CHECK;
void shown_set_finish(struct shown_set *set);

/* A file of the archive that manifest.json names. */
int docker_open_named(const struct docker_archive *d, const char *path, struct blob *out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* The same whole, with a NUL behind it; limit is the name of the option that sets max. */
int docker_read_named(const struct docker_archive *d, const char *path, uint64_t max,
	const char *limit, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;
/* SHA-256 of the whole. */
int docker_hash(const struct docker_archive *d, const struct blob *blob,
	struct digest *out, struct o2r_err *err) O2R_MUST_CHECK;

/* ---- images (docker_archive_image.c) */

/* Makes the image's manifest, and shows it with its config and layers. */
int docker_image_make(struct docker_archive *d, struct docker_image *image,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
