/*
 * override_stat: owner, mode and type of a file that a rootless store could not give it,
 * as text in an attribute: "UID:GID:MODE[:TYPE]", the mode octal, the type one of file,
 * dir, symlink, pipe, socket, char-MAJOR-MINOR, block-MAJOR-MINOR (containers-storage and
 * fuse-overlayfs). Pure.
 */
#ifndef O2R_FS_DIR_STAT_TEXT_H
#define O2R_FS_DIR_STAT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct stat_text {
	uint32_t uid, gid;
	uint16_t mode;         /* 07777 */
	uint32_t type;         /* S_IFREG ..., 0: as the file has it */
	uint32_t major, minor; /* of devices */
};

/* -EINVAL: malformed. */
int stat_text_parse(const char *p, size_t n, struct stat_text *out) O2R_MUST_CHECK;

#endif
