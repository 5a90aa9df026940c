/*
 * Images for tests: a tree is planned and written to a file in a temporary directory that
 * is removed at the end of the program; plan_check, e2fsck and dumpe2fs judge it.
 */
#ifndef O2R_TESTS_MKIMAGE_H
#define O2R_TESTS_MKIMAGE_H

#include <stdbool.h>

#include "ext4/ext4.h"
#include "fs/tree.h"

enum mkimage_how {
	MKIMAGE_METADATA, /* file data is left out: e2fsck does not look at it */
	MKIMAGE_FILE,   /* spans of data in a mixed order, as threads would write them */
	MKIMAGE_DEVICE, /* the same over a file full of junk, as a device is */
	MKIMAGE_STREAM, /* front to back */
};

/* Options with a UUID, a hash seed and all else at its default. */
struct ext4_options mkimage_options(void);

/* A path in the temporary directory; the text is overwritten four calls later. */
const char *mkimage_path(const char *name);

/* Write the tree. Returns 0, or prints why and returns a negative number. summary may be
 * NULL. */
int mkimage(const struct tree *t, const struct ext4_options *o, enum mkimage_how how,
	const char *path, struct ext4_summary *summary);

/* `e2fsck -fn` says nothing but its five pass lines and the summary; otherwise prints
 * what it says. */
bool mkimage_clean(const char *path);

/* The number behind "NAME:" in `dumpe2fs -h`; UINT64_MAX: there is none. */
uint64_t mkimage_dump(const char *path, const char *name);

/* Is the program installed? Says so when not. */
bool mkimage_have(const char *program);

#endif
