/* What the files of docker_store.h share. */
#ifndef O2R_SOURCES_DOCKER_IMPL_H
#define O2R_SOURCES_DOCKER_IMPL_H

#include "sources/choices.h"
#include "sources/image.h"
#include "sources/select.h"

/* The classic store's names, configs and layers. */
#define DOCKER_IMAGES "image/overlay2"
/* Blobs of the containerd that Docker runs itself. */
#define DOCKER_CONTENT "containerd/daemon/io.containerd.content.v1.content/blobs"

struct docker {
	int fd; /* of the data root */
	const char *root;
	const char *name;       /* of the image */
	struct dir_rules rules; /* of its directories */
	const struct ctx *ctx;
};

/* ---- which image (docker_names.c) */

struct docker_match {
	struct digest id;
	int rank; /* 0 best, -1 none yet: how it begins */
	bool ambiguous;
	struct choices names;
};

/* All of repositories.json that suits `wanted`. */
int docker_match_names(struct docker_match *m, const char *wanted, const char *text,
	size_t n, const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;
/* The image ID that a name of the classic store means. NOT_FOUND lists the names. */
int docker_find_image(
	const struct docker *d, struct digest *id, struct o2r_err *err) O2R_MUST_CHECK;

/* ---- the two stores (docker_classic.c, docker_content.c) */

int docker_classic_open(const struct docker *d, struct image *image,
	const struct wanted *want, struct o2r_err *err) O2R_MUST_CHECK;
int docker_content_open(const struct docker *d, struct image *image,
	const struct wanted *want, struct o2r_err *err) O2R_MUST_CHECK;

int docker_set_absolute(const struct docker *d, struct image *image,
	const struct digest *id, struct o2r_err *err) O2R_MUST_CHECK;

#endif
