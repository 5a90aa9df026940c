/*
 * A layout directory made by a test, blob by blob. Texts are printf formats; every string
 * returned lives until layout_case_end. Whatever fails here ends the program.
 */
#ifndef O2R_TESTS_LAYOUT_CASE_H
#define O2R_TESTS_LAYOUT_CASE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ctx.h"
#include "sources/image.h"

#define OCI_TYPE "application/vnd.oci.image."
#define OCI_INDEX OCI_TYPE "index.v1+json"
#define OCI_MANIFEST OCI_TYPE "manifest.v1+json"
#define OCI_CONFIG OCI_TYPE "config.v1+json"
#define OCI_LAYER OCI_TYPE "layer.v1.tar"
#define DOCKER_TYPE "application/vnd.docker."

struct layout_case {
	char dir[64];
	char warnings[2000]; /* what was logged, line by line */
	struct ctx ctx;
	struct o2r_err err; /* of the last layout_case_open */
};

/* An empty layout: the file oci-layout and the folders. */
void layout_case_begin(struct layout_case *l);
void layout_case_end(struct layout_case *l);

/* A string that is freed at the end. */
const char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Write a file, its path relative to the layout; NULL removes it. */
void layout_case_file(struct layout_case *l, const char *path, const char *content);
/* Store a blob; its descriptor without the braces: "mediaType":T,"digest":D,"size":N. A
 * NULL type is left out. */
const char *layout_case_blob(
	struct layout_case *l, const char *type, const char *content);
/* The digest and the path of a blob's content. */
const char *digest_text(const char *content);
const char *blob_path(const char *content);

/* An image of one layer: the descriptor of its manifest, as above. platform is the text
 * of config members, such as "\"os\":\"linux\",". */
const char *layout_case_image(
	struct layout_case *l, const char *platform, const char *layer);
/* index.json of these entries (JSON objects with commas). */
void layout_case_index(struct layout_case *l, const char *entries);

/* Open "oci:DIR" + suffix; NULL on failure. platform NULL: linux/amd64. */
struct image *layout_case_open(
	struct layout_case *l, const char *suffix, const char *platform);
/* Open it: is there an error of the class with that text in it? Says what there is if
 * not. */
bool layout_case_fails(struct layout_case *l, const char *suffix, const char *platform,
	enum err_class cls, const char *message);
/* Open it: is it the image whose only layer has this content? */
bool layout_case_gives(struct layout_case *l, const char *suffix, const char *platform,
	const char *layer);

#endif
