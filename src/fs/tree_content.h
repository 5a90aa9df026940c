/* What files hold, as digests, private to this room. */
#ifndef O2R_FS_TREE_CONTENT_H
#define O2R_FS_TREE_CONTENT_H

#include "fs/tree_diff.h"

struct content_digest {
	uint32_t ino;
	unsigned char hash[32];
};

/*
 * The digests of count files (regular, with data, in data order), into out[0 .. count).
 * Two files of one size have the same digest when their bytes are the same, whatever of
 * their zeros are holes.
 */
int tree_content(const struct diff_side *s, const uint32_t *inos, uint32_t count,
	const struct ctx *ctx, struct content_digest *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
