#include "ext4/xattr_acl.h"

#include <errno.h>
#include <stdbool.h>

#include "base/le.h"

enum {
	CALL_VERSION = 2,
	DISK_VERSION = 1,
	HEADER = 4,
	CALL_ENTRY = 8,
	DISK_SHORT = 4,
};

/* Size of an entry on disk, 0 for an unknown tag (include/uapi/linux/posix_acl.h). */
static uint32_t disk_entry(uint16_t tag)
{
	switch (tag) {
	case 0x01: /* owner */
	case 0x04: /* group of the file */
	case 0x10: /* mask */
	case 0x20: /* others */
		return DISK_SHORT;
	case 0x02: /* a user */
	case 0x08: /* a group */
		return CALL_ENTRY;
	}
	return 0;
}

int acl_disk_size(const unsigned char *v, uint32_t n, uint32_t *out, struct o2r_err *err)
{
	uint32_t size = HEADER;

	if (n < HEADER || (n - HEADER) % CALL_ENTRY != 0)
		return err_set(err, ERR_FAIL, EINVAL, "an ACL cannot have %u bytes", n);
	if (get_le32(v) != CALL_VERSION)
		return err_set(
			err, ERR_FAIL, EINVAL, "unknown ACL version %u", get_le32(v));
	for (uint32_t i = HEADER; i < n; i += CALL_ENTRY) {
		uint32_t e = disk_entry(get_le16(v + i));

		if (!e)
			return err_set(err, ERR_FAIL, EINVAL, "unknown ACL tag 0x%x",
				get_le16(v + i));
		size += e;
	}
	*out = size;
	return 0;
}

void acl_to_disk(const unsigned char *v, uint32_t n, unsigned char *out)
{
	put_le32(out, DISK_VERSION);
	out += HEADER;
	for (uint32_t i = HEADER; i < n; i += CALL_ENTRY) {
		uint32_t e = disk_entry(get_le16(v + i));

		memcpy(out, v + i, e);
		out += e;
	}
}
