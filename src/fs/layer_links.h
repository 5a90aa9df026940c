/*
 * Hard links of one layer (docs/layers.md, rule 5), private to this room: to what is
 * there already, to what comes later in the layer, to files of the layers below.
 */
#ifndef O2R_FS_LAYER_LINKS_H
#define O2R_FS_LAYER_LINKS_H

#include "fs/layer_walk.h"
#include "fs/warn.h"

struct layer_links {
	struct layer_walk *walk;
	struct warn *warn;
	struct pending_link *pending; /* in the order of the layer */
	size_t count, cap;
	/* to be applied at the end: of links whose target was there, then of pending ones
	 */
	struct link_header *headers;
	size_t header_count, header_cap;
};

void layer_links_init(struct layer_links *k, struct layer_walk *walk, struct warn *warn);
void layer_links_finish(struct layer_links *k);

/* The node that the link's name gets: the target's when the layer has it by now,
 * otherwise a new one with NODE_PENDING, whose name is then handed to layer_links_defer.
 */
int layer_links_node(struct layer_links *k, const struct entry *e, uint32_t *node,
	struct o2r_err *err) O2R_MUST_CHECK;
int layer_links_defer(
	struct layer_links *k, uint32_t name, struct o2r_err *err) O2R_MUST_CHECK;

/* The layer has been read: every pending name gets its node, or an error. */
int layer_links_resolve(struct layer_links *k, struct o2r_err *err) O2R_MUST_CHECK;

#endif
