/*
 * The kernel's table of mounts, and which mount a path is in. Nothing here asks a
 * filesystem anything, so it works on a view whose server is dead, hangs, or lets nobody
 * else in. Any thread.
 */
#ifndef O2R_BASE_MOUNTINFO_H
#define O2R_BASE_MOUNTINFO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Of views of o2r. */
#define MOUNT_TYPE_VIEW "fuse.o2r"

/* One line of /proc/self/mountinfo (proc(5)), with escapes undone. */
struct mount_entry {
	uint64_t id;
	unsigned major, minor;
	char *root, *point, *type, *source;
	char *super; /* options of the filesystem */
};

/* Take a line apart in place; false when it is not one. */
bool mount_parse(char *line, struct mount_entry *out);
/* "user_id=N" of the filesystem's options: who mounted it. False when it is not there. */
bool mount_user(const struct mount_entry *e, uint64_t *uid);

/* An entry and what it points into. */
struct mounted {
	char *line;
	struct mount_entry e;
};
void mounted_finish(struct mounted *m);
#define AUTO_MOUNTED CLEANUP(mounted_finish)

/* The mount of a device number, of which the last one counts: 1, 0 for none. */
int mounts_find_device(unsigned major, unsigned minor, struct mounted *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The mount that a path is in (symbolic links are followed), and whether the path is its
 * root. Errors name the path. */
int mounts_find_path(const char *path, struct mounted *out, bool *at_root,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
