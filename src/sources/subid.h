/* What the ids of files in a store of an ordinary user, or of an engine that maps the ids
 * of its containers, mean in images. */
#ifndef O2R_SOURCES_SUBID_H
#define O2R_SOURCES_SUBID_H

#include "base/err.h"
#include "base/subid.h"
#include "blob/dir_layer.h"

/* owner_id, the id of the store's owner, is root; the subordinate ids of the user
 * `owner` by `file` are those after it, in the file's order. Without an entry only root.
 */
int subid_map(const char *file, uint32_t owner, uint32_t owner_id, struct id_map *out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* The same of whichever user's ids begin with `first`, which is root (Docker's
 * userns-remap). Without one the map is left empty. */
int subid_map_first(const char *file, uint32_t first, struct id_map *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
