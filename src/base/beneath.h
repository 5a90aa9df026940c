/*
 * Opening what lies below a directory that others may change meanwhile: no symbolic link
 * on the way is followed, nothing outside is reached.
 */
#ifndef O2R_BASE_BENEATH_H
#define O2R_BASE_BENEATH_H

#include <stdint.h>

#include "base/err.h"

/* path is relative and of any length; "" or "." is the directory itself. flags as for
 * open(2); O_CLOEXEC and O_NOFOLLOW are added. A descriptor or a negative errno (-ELOOP:
 * a link is in the way; -ENOTDIR when it is the last part and a directory is wanted). */
int open_beneath(int dirfd, const char *path, int flags);

/* Which mount a file (not followed; "": dirfd itself) is on. Kernels before 5.8 do not
 * tell: then it is its device. 0 or a negative errno. */
int mount_beneath(int dirfd, const char *name, uint64_t *mount) O2R_MUST_CHECK;

#endif
