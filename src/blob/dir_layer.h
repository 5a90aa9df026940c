/*
 * A layer that lies unpacked in a directory: where, and how to read it. Plain data,
 * filled by sources (Docker's overlay2, containers-storage, a directory of the user),
 * read by fs/dir_index.h.
 */
#ifndef O2R_BLOB_DIR_LAYER_H
#define O2R_BLOB_DIR_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Ids as stat shows them to ids of the image; what no range holds has none. */
struct id_range {
	uint32_t seen, meant, count;
};

struct id_map {
	struct id_range *ranges; /* count 0: all ids mean themselves */
	size_t count;
};

/* False: the id means nothing. */
bool id_map_meant(const struct id_map *m, uint32_t seen, uint32_t *meant);

/* How whiteouts and the like are told apart from files. */
struct dir_rules {
	/* overlayfs: devices 0:0 and, in directories marked for them, xwhiteouts; opaque,
	 * redirect and metacopy by trusted.overlay.* or user.overlay.*; fuse-overlayfs's
	 * user.fuseoverlayfs.* */
	bool overlay;
	bool names; /* .wh.NAME and .wh..wh..opq */
	/* the store of root, whose marks are in trusted.*: who cannot see them must not
	 * read it */
	bool trusted;
	/* owner, mode and type are those of user.containers.override_stat or
	 * user.fuseoverlayfs.override_stat where there is one */
	bool override_stat;
	/* the directory's own owner, mode, time and attributes are those of the image's
	 * root; otherwise they are its keeper's */
	bool root;
	struct id_map uids, gids;
};

struct dir_layer {
	int fd;     /* of the directory, owned */
	char *path; /* for messages */
	struct dir_rules rules;
};

void dir_layer_finish(struct dir_layer *l);

#endif
