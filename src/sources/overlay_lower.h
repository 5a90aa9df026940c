/* Which layers a layer's directory stands on: its file `lower`. */
#ifndef O2R_SOURCES_OVERLAY_LOWER_H
#define O2R_SOURCES_OVERLAY_LOWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum {
	OVERLAY_LAYERS_MAX = 500, /* what the kernel mounts together */
	OVERLAY_ID_MAX = 255,
};

/* Directories of layers from the top down, each once. Zero-initialise. */
struct overlay_stack {
	char *ids[OVERLAY_LAYERS_MAX];
	unsigned count;
};

void overlay_stack_finish(struct overlay_stack *s);

/* A name as drivers make them: one part of a path, no dot in front. */
bool overlay_id_ok(const char *id, size_t n);

/* CORRUPT: not a name, or it is there already, or there are too many. */
int overlay_stack_push(struct overlay_stack *s, const char *id, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The layers that the text names ("l/SHORT:l/SHORT"), by the links in the driver's
 * directory, of which nothing else is believed than the name of the layer. CORRUPT:
 * malformed, dangling, leads elsewhere. */
int overlay_lower_parse(struct overlay_stack *s, int driver, const char *text, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;
/* The same of the file `lower` in dir; without one there are none. */
int overlay_lower_read(
	struct overlay_stack *s, int driver, int dir, struct o2r_err *err) O2R_MUST_CHECK;

#endif
