/* The ids that a user may give to others: /etc/subuid and /etc/subgid (subuid(5)). */
#ifndef O2R_SOURCES_SUBID_H
#define O2R_SOURCES_SUBID_H

#include "base/err.h"
#include "blob/dir_layer.h"

enum {
	SUBID_RANGES_MAX = 340, /* what the kernel takes */
};

/* What the ids of files in a store of user `owner` mean in its images: the owner is root,
 * those after it are the ids of the file, in its order. Without an entry only root. */
int subid_map(const char *file, uint32_t owner, uint32_t owner_id, struct id_map *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
