/*
 * The mount point of a view: judged, mounted (by mount(2), or by fusermount3 where that
 * is not permitted), unmounted. Knows the kernel's FUSE mounts, nothing of what is
 * served.
 */
#ifndef O2R_FS_VIEW_POINT_H
#define O2R_FS_VIEW_POINT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ctx.h"
#include "fs/view_options.h"

struct view_point {
	char *path;      /* absolute, without symbolic links */
	uint64_t device; /* st_dev of the mount, 0: not mounted */
	bool helped;     /* mounted by fusermount3, which has to unmount it too */
	/* auto_unmount: it waits at the other end of this socket for our end; -1: none */
	int watch;
	pid_t watcher;
};

#define VIEW_POINT_INIT                                                                  \
	{                                                                                \
		.watch = -1                                                              \
	}

/* May anything be mounted there? Fills path. Errors say what to do. */
int view_point_check(struct view_point *p, const char *dir, const struct ctx *ctx,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Mount; *fd is the connection to the kernel, whose first request waits in it. */
int view_point_mount(struct view_point *p, const char *source,
	const struct view_mount_flags *f, const struct ctx *ctx, int *fd,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Unmount, lazily when busy, if what stands there is still ours; free. */
void view_point_finish(struct view_point *p, const struct ctx *ctx);

#endif
