/*
 * POSIX ACLs in the form of the xattrs system.posix_acl_access and _default: a version
 * (2), then entries of tag, permissions and id, little-endian (kernel:
 * include/uapi/linux/posix_acl_xattr.h). And the text that tar writers put into PAX
 * headers. Pure.
 */
#ifndef O2R_FS_POSIX_ACL_H
#define O2R_FS_POSIX_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	POSIX_ACL_HEADER = 4,
	POSIX_ACL_ENTRY = 8,
};

/* 0 when the kernel would take it, -EINVAL otherwise. Without entries (or bytes) it is
 * valid and means: no ACL. */
int posix_acl_check(const unsigned char *acl, size_t n) O2R_MUST_CHECK;

/* A valid ACL that says no more than the mode bits do, or nothing at all. */
bool posix_acl_is_mode(const unsigned char *acl, size_t n);

/* What chmod(2) does to an access ACL: owner, mask (without one: group) and other take
 * the bits of the mode. acl: valid. */
void posix_acl_chmod(unsigned char *acl, size_t n, unsigned mode);

/*
 * Text ("user::rwx,user:joe:r-x:1000,..." with commas or newlines, long or short tags,
 * comments after '#', the number as qualifier or behind the permissions) to the xattr's
 * form, sorted as the kernel wants it, with the mask that is needed but missing (the
 * union of the group class, as setfacl has it), and checked. out: room for
 * POSIX_ACL_ROOM(n). -EINVAL: malformed; -ENOENT: a user or group has a name and no
 * number.
 */
#define POSIX_ACL_ROOM(n) (POSIX_ACL_HEADER + ((n) / 4 + 2) * POSIX_ACL_ENTRY)
int posix_acl_from_text(
	const char *p, size_t n, unsigned char *out, size_t *len) O2R_MUST_CHECK;

#endif
