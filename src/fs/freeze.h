/* From the mutable tree to the immutable one. */
#ifndef O2R_FS_FREEZE_H
#define O2R_FS_FREEZE_H

#include "fs/build.h"
#include "fs/tree.h"

/* Takes b's strings, sets and maps over; b is empty afterwards, also on failure. */
int build_freeze(struct build *b, unsigned layer_count, struct tree **out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
