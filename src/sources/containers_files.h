/* The files of containers-storage: its lists of images and layers, and their documents.
 */
#ifndef O2R_SOURCES_CONTAINERS_FILES_H
#define O2R_SOURCES_CONTAINERS_FILES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"

enum {
	STORES_MAX = 64,
	STORED_NAMES_MAX = 10000,   /* of one image */
	STORED_CHAIN_MAX = 500,     /* layers of an image */
	STORED_LIST_MAX = 64 << 20, /* bytes of images.json, layers.json */
};

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

struct stored_image {
	char *id, *layer; /* layer NULL: none */
	char **names;
	size_t name_count, name_cap;
	bool has_digest;
	struct digest digest; /* of the manifest */
	unsigned store;
};

void stored_image_finish(struct stored_image *i);

/* Each image of all stores; fn may take what *i owns. A negative return ends it. */
int stores_images(struct stores *s,
	int (*fn)(void *arg, struct stored_image *i, struct o2r_err *err), void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

struct stored_layer {
	char *id;
	unsigned store;
	bool has_diff;
	struct digest diff;
};

struct stored_chain {
	struct stored_layer *list; /* the lowest first */
	unsigned count;
};

/* A layer (NULL: none) of the store and those below it, which may be in others. */
int stores_chain(struct stores *s, unsigned store, const char *layer,
	struct stored_chain *out, struct o2r_err *err) O2R_MUST_CHECK;
void stored_chain_finish(struct stored_chain *c);

/* A document of an image by its key. */
int stored_data(const struct store_place *p, const char *image, const char *key,
	size_t max, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
