/*
 * What showing a stack of directories as overlayfs does is made of: dir_places.c (the
 * directories of the layers that one name stands for), dir_find.c (what a name is, by all
 * layers), dir_overlay.c (the directories, merged).
 */
#ifndef O2R_FS_DIR_OVERLAY_IMPL_H
#define O2R_FS_DIR_OVERLAY_IMPL_H

#include "fs/dir_index_impl.h"

/* A directory of one layer that is part of a merged one. */
struct dir_place {
	size_t layer; /* 0 is the top */
	char *path;   /* in it; owned */
	struct dir_marks marks;
	int fd;             /* -1: not open */
	struct stat before; /* when it was listed */
};

/* From the top down. Zero-initialise. */
struct dir_places {
	struct dir_place *list;
	size_t count, cap;
};

struct overlay {
	struct dir_indexer x;
	const struct dir_layer *const *stack;
	unsigned *roots; /* of the layers, in files */
	size_t count;
	struct dir_places tops; /* the layers' own directories */
	uint64_t *mounts;       /* what each of those is on */
};

/* What a name turned out to be. */
struct found {
	struct dir_file file; /* of the topmost */
	struct dir_file data; /* of the one that has the content */
	char *file_path, *data_path;
	bool exists, has_data;
	struct dir_places places; /* of a directory: those it is merged of */
	struct dir_places kept;   /* in which file and data stand, after redirects */
};

void dir_places_finish(struct dir_places *p);
/* The directories are opened again when they are asked for. */
void dir_places_close(struct dir_places *p);
int dir_places_add(struct dir_places *p, size_t layer, const char *path,
	const struct dir_marks *marks, struct o2r_err *err) O2R_MUST_CHECK;
/* Opened if it is not: an error when it is gone since it was found. */
int dir_place_open(
	const struct overlay *o, struct dir_place *p, struct o2r_err *err) O2R_MUST_CHECK;

/* The name in the directory that is merged of parents. What is found refers to their
 * descriptors. */
int dir_find(struct overlay *o, struct dir_places *parents, const char *name,
	struct found *out, struct o2r_err *err) O2R_MUST_CHECK;
void dir_found_finish(struct found *f);
/* Is there a .wh..wh..opq in the directory `name`, in one of this layer? 1, 0, or an
 * error. */
int dir_opaque_by_name(const struct dir_layer *in, int fd, const char *name,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
