/*
 * The -o options of a view: ours, those of mount(2), those that FUSE knows. Pure. What is
 * dangerous or would make the view lie is refused, so is what nobody knows.
 */
#ifndef O2R_FS_VIEW_OPTIONS_H
#define O2R_FS_VIEW_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum view_rdp {
	VIEW_RDP_ALWAYS,
	VIEW_RDP_AUTO,
	VIEW_RDP_OFF,
};

struct view_mount_flags {
	unsigned long flags; /* MS_* of mount(2) */
	/* The same and the kernel's own options as words for fusermount3, the latter
	 * alone for mount(2); each word begins with a comma. */
	struct buf words, data;
	uint64_t max_read; /* 0: as the kernel likes */
	enum view_rdp rdp;
	bool no_xattr;
	bool allow_other, allow_root, default_permissions, auto_unmount, debug;
	bool suid, dev; /* asked for */
};

/* options: comma-separated ("\," is a comma), may be NULL; out: zeroed, finish it in any
 * case. */
int view_options_parse(const char *options, struct view_mount_flags *out,
	struct o2r_err *err) O2R_MUST_CHECK;
void view_options_finish(struct view_mount_flags *f);

/* Append s as the value of an option: commas and backslashes escaped. */
int view_options_escape(struct buf *b, const char *s) O2R_MUST_CHECK;

#endif
