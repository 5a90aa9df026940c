/*
 * Which extended attributes a layer keeps, by their names (docs/layers.md, rule 9). Names
 * need no NUL behind them. Pure.
 */
#ifndef O2R_FS_XATTR_NAME_H
#define O2R_FS_XATTR_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/layer.h"

enum {
	XATTR_NAME_MAX_LEN = 255,
};

/* What belongs to the host or to overlayfs there, not to an image. */
bool xattr_name_is_dropped(const char *name, size_t n);
/* ext4 has an index for it, with something behind it. */
bool xattr_name_is_ext4(const char *name, size_t n);
bool xattr_name_is_access_acl(const char *name, size_t n);
bool xattr_name_is_default_acl(const char *name, size_t n);
bool xattr_name_is_user(const char *name, size_t n);

/* The kernel refuses user.* on anything else: listed, it could not be read. What a hard
 * link is to is not known here. */
bool xattr_kind_has_user(enum entry_kind kind);

#endif
