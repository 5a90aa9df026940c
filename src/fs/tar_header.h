/*
 * One tar header block, taken apart: which dialect it is, its names, type and size. The
 * other numbers stay raw, since an extension header may replace them; tar_member.h reads
 * those that count. Pure; the names point into the block or into the struct itself.
 */
#ifndef O2R_FS_TAR_HEADER_H
#define O2R_FS_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	TAR_BLOCK = 512,
	/* prefix, slash, name, NUL */
	TAR_NAME_MAX = 155 + 1 + 100 + 1,
};

enum tar_format {
	TAR_V7,
	TAR_USTAR, /* and PAX */
	TAR_GNU,
	TAR_STAR,
};

/* Offsets of the fields; their widths. POSIX.1-2017 pax, "ustar Interchange Format", and
 * the GNU tar manual, "Basic Tar Format". */
enum {
	TAR_AT_NAME = 0,
	TAR_AT_MODE = 100,
	TAR_AT_UID = 108,
	TAR_AT_GID = 116,
	TAR_AT_SIZE = 124,
	TAR_AT_MTIME = 136,
	TAR_AT_CHKSUM = 148,
	TAR_AT_TYPE = 156,
	TAR_AT_LINK = 157,
	TAR_AT_MAGIC = 257,
	TAR_AT_MAJOR = 329,
	TAR_AT_MINOR = 337,
	TAR_AT_PREFIX = 345,
	TAR_AT_GNU_ATIME = 345,
	TAR_AT_GNU_CTIME = 357,
	TAR_AT_GNU_SPARSE = 386,
	TAR_AT_GNU_EXTENDED = 482,
	TAR_AT_GNU_REALSIZE = 483,
	TAR_AT_STAR_MAGIC = 508,
};

struct tar_header {
	const unsigned char *block;
	const char *name, *link; /* not NUL-terminated */
	size_t name_len, link_len;
	uint64_t size; /* at most INT64_MAX */
	enum tar_format format;
	unsigned char type;
	char joined[TAR_NAME_MAX]; /* prefix and name */
};

bool tar_block_is_zero(const unsigned char *block);

/* The sum of all bytes, with the checksum field taken as spaces, unsigned or (as some old
 * writers have it) signed. */
bool tar_checksum_ok(const unsigned char *block);

/* block: a header whose checksum is right. An error when the size is no size. */
int tar_header_parse(const unsigned char *block, struct tar_header *h,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
