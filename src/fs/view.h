/*
 * View: serves a frozen tree through FUSE (low-level libfuse 3). Stateless: the node
 * number is the inode index, open and opendir are answered with ENOSYS, forget does
 * nothing. File data comes from a span cache, which replies on its own threads, so
 * metadata never waits for data. docs/view.md says how the kernel sees it.
 *
 * One thread mounts, serves and destroys; view_stop may be called from any thread.
 * Built where libfuse 3 is there (HAVE_VIEW); otherwise view_mount fails with ENOTSUP.
 */
#ifndef O2R_FS_VIEW_H
#define O2R_FS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ctx.h"
#include "blob/span_cache.h"
#include "fs/tree.h"

struct view;

struct view_options {
	const char *source; /* for the mount table: "REFERENCE@DIGEST" */
	/* -o options as the user gave them, comma-separated, NULL: none. Ours (rdp=,
	 * xattr=) are taken out, dangerous ones refused (class USAGE), the rest goes to
	 * libfuse. */
	const char *options;
	unsigned threads; /* that answer requests; 0: min(processors, 8) */
};

/* Mount; nothing is answered before view_serve. tree and cache are borrowed. Errors say
 * what is wrong with the mount point. */
int view_mount(const struct tree *tree, struct span_cache *cache, const char *dir,
	const struct view_options *o, const struct ctx *ctx, struct view **out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The device number of the mount (st_dev of what is in it), known once `ready` is called;
 * 0 before. */
uint64_t view_device(const struct view *v);

/*
 * Answer requests until the view is unmounted (by anybody) or stopped. `ready` (may be
 * NULL) is called on this thread when the kernel and we have agreed: from then on every
 * request gets its answer. A non-zero return of it stops the view. Returns 0 after a
 * normal end.
 */
int view_serve(struct view *v, int (*ready)(void *arg), void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Make view_serve return soon. Async-signal-safe. */
void view_stop(struct view *v);

/* Unmount (lazily when busy) unless that has been done, and free. NULL is fine. */
void view_destroy(struct view *v);

#endif
