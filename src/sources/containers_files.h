/*
 * The files of containers-storage: where its stores are, their lists of images and
 * layers, and the documents of images. Nothing is locked: the tools that write these
 * lists rename whole files into place.
 */
#ifndef O2R_SOURCES_CONTAINERS_FILES_H
#define O2R_SOURCES_CONTAINERS_FILES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"
#include "blob/dir_layer.h"

enum {
	STORES_MAX = 64,
	STORED_NAMES_MAX = 10000,   /* of one image */
	STORED_DIGESTS_MAX = 1000,  /* of manifests of one image */
	STORED_CHAIN_MAX = 500,     /* layers of an image */
	STORED_LAYERS_MAX = 200000, /* of one store */
	STORED_LIST_MAX = 64 << 20, /* bytes of images.json, layers.json */
};

/* ---- stores (containers_places.c) */

/* One root and one driver of it. */
struct store_place {
	char *root;
	const char *driver; /* "overlay" or "vfs" */
	int fd;             /* of root */
};

struct stores {
	struct store_place list[STORES_MAX];
	unsigned count;
	const struct ctx *ctx;
};

/* root as in a reference ([DRIVER@]ROOT[+RUNROOT][:OPTIONS]), NULL: by storage.conf.
 * NOT_FOUND when there is none, or of a driver that is not read. */
int stores_open(struct stores *s, const char *root, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;
void stores_finish(struct stores *s);
bool store_place_is_overlay(const struct store_place *p);

/* ---- lists (containers_list.c) */

struct json_ref;

/* An object of a list. A negative return ends it. */
typedef int stored_item_fn(void *arg, const struct json_ref *o, struct o2r_err *err);

/* Each object of DRIVER-FILE ("layers/layers.json") below the root of store `at`; none
 * when there is no such file. Errors name it. */
int stores_list(const struct stores *s, unsigned at, const char *file, stored_item_fn *fn,
	void *arg, struct o2r_err *err) O2R_MUST_CHECK;

/* ---- images (containers_images.c) */

struct stored_image {
	char *id, *layer; /* layer NULL: none */
	char **names;
	size_t name_count, name_cap;
	struct digest *digests; /* of its manifests: first the one that was chosen */
	size_t digest_count, digest_cap;
	unsigned store;
};

void stored_image_finish(struct stored_image *i);

/* May take what *i owns. A negative return ends it. */
typedef int stored_image_fn(void *arg, struct stored_image *i, struct o2r_err *err);

/* Each image of all stores. */
int stores_images(struct stores *s, stored_image_fn *fn, void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

/* ---- layers (containers_layers.c) */

struct stored_layer {
	char *id, *parent; /* parent NULL: none */
	unsigned store;
	bool has_diff, is_mapped; /* ids of its files are shifted for one container */
	struct digest diff;
};

/* Zero-initialise. Once sorted: by ID. */
struct stored_layers {
	struct stored_layer *list;
	size_t count, cap;
};

void stored_layers_finish(struct stored_layers *l);
/* Adds those of a file of store `at`, as stores_list; not sorted. */
int stored_layers_read(struct stored_layers *l, const struct stores *s, unsigned at,
	const char *file, struct o2r_err *err) O2R_MUST_CHECK;
void stored_layers_sort(struct stored_layers *l);
const struct stored_layer *stored_layers_find(
	const struct stored_layers *l, const char *id);

struct stored_chain {
	struct stored_layers layers[STORES_MAX]; /* what the list points into */
	bool loaded[STORES_MAX];
	const struct stored_layer *list[STORED_CHAIN_MAX]; /* the lowest first */
	unsigned count;
};

/* A layer (NULL: none) of the store and those below it, which may be in others. */
int stores_chain(struct stores *s, unsigned store, const char *layer,
	struct stored_chain *out, struct o2r_err *err) O2R_MUST_CHECK;
void stored_chain_finish(struct stored_chain *c);

/* ---- documents (containers_data.c) */

/* The file that holds a document: keys of plain characters are their own names. */
int stored_data_name(const char *key, struct buf *out, struct o2r_err *err);
/* A document of an image by its key. */
int stored_data(const struct store_place *p, const char *image, const char *key,
	size_t max, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;

/* 64 hexadecimal digits */
bool stored_id_ok(const char *id);

#endif
