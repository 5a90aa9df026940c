/* What a temporary directory is made of, for tmpdir*.c. */
#ifndef O2R_BASE_TMPDIR_IMPL_H
#define O2R_BASE_TMPDIR_IMPL_H

#include <stdbool.h>

/* Of a stem (cut, so that what is made of it is a valid name too) and a random number. */
#define TMPDIR_NAME ".%.200s.%08x.tmp"

/* With all that is in it; what cannot be removed stays. */
void tmpdir_remove(int parent, const char *name);

/* Lock an open directory as in use. False: somebody else has it; where directories cannot
 * be locked that is never so. */
bool tmpdir_lock(int fd);

/* Is the directory of that name the open one? */
bool tmpdir_is_named(int parent, const char *name, int fd);

/*
 * Remove what was left of temporary directories of this stem by processes that were
 * killed: ours, locked by nobody, and with nothing in them but `names` (which end in
 * NULL). Only on filesystems of this machine: elsewhere another machine's locks may not
 * be seen.
 */
void tmpdir_remove_stale(int parent, const char *stem, const char *const *names);

#endif
