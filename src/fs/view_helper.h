/*
 * fusermount3, the setuid program that mounts and unmounts for ordinary users. It is run
 * without a shell; what it says on stderr becomes our error.
 */
#ifndef O2R_FS_VIEW_HELPER_H
#define O2R_FS_VIEW_HELPER_H

#include "base/ctx.h"
#include "fs/view_point.h"

/* options: as after -o. */
int view_helper_mount(struct view_point *p, const char *options, const struct ctx *ctx,
	int *fd, struct o2r_err *err) O2R_MUST_CHECK;

/* 0, or a negative errno. */
int view_helper_unmount(const struct view_point *p, bool lazy, struct o2r_err *err);

/* After unmounting: the helper that waits for our end is let go. */
void view_helper_release(struct view_point *p);

#endif
