/*
 * What tells that a file still is the one that was read, without reading it again
 * (docs/cache.md, "Is the blob still the same?"): device, inode, size, mtime and ctime.
 * Pure.
 */
#ifndef O2R_BASE_FILE_IDENTITY_H
#define O2R_BASE_FILE_IDENTITY_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

enum {
	FILE_IDENTITY_SIZE = 48,
};

/* Kept in files: the layout does not change. Equal identities: the same bytes. */
void file_identity_encode(const struct stat *st, unsigned char p[FILE_IDENTITY_SIZE]);

/*
 * Could the file change once more without its identity telling, after `began`
 * (CLOCK_REALTIME)? Clocks of filesystems are coarse, so that is so for a file whose
 * ctime is younger than the time before, less a moment.
 */
bool file_identity_is_racy(const struct stat *st, const struct timespec *began);

#endif
