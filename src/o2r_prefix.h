/* The lower layers of an image, merged without the last of them and with it. */
#ifndef O2R_PREFIX_H
#define O2R_PREFIX_H

#include "handle.h"

struct o2r_prefix {
	struct tree *below, *with;
	struct stream **streams; /* one a layer, of both */
	unsigned count;
};

/*
 * Layers 0 .. index - 1 to `below` and 0 .. index to `with`. Each is indexed once for
 * both; nothing of the image's own tree is touched, so that it need not be loaded, and
 * no layer above is looked at. o2r_prefix_finish in any case.
 */
int o2r_load_prefix(struct o2r_image *image, unsigned index, struct o2r_prefix *out,
	struct o2r_err *err) O2R_MUST_CHECK;
void o2r_prefix_finish(struct o2r_prefix *p);

#endif
