/*
 * POSIX ACLs: from the form that system calls and tar use (version 2, every entry with an
 * id) to the one on disk (version 1, ids for named users and groups only). Pure.
 */
#ifndef O2R_EXT4_XATTR_ACL_H
#define O2R_EXT4_XATTR_ACL_H

#include <stdint.h>

#include "base/err.h"

/* Size on disk. -EINVAL for what is no ACL of version 2 or has an unknown tag. */
int acl_disk_size(const unsigned char *v, uint32_t n, uint32_t *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Write an ACL that acl_disk_size accepted. */
void acl_to_disk(const unsigned char *v, uint32_t n, unsigned char *out);

#endif
