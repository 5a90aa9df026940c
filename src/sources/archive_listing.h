/*
 * Listing: what was found in an archive that had to be decoded, so that the next run need
 * not decode it again: names, links, the content of small files, the digests of large
 * ones. A pack of two sections (docs/cache.md). Belongs to archive*.c.
 */
#ifndef O2R_SOURCES_ARCHIVE_LISTING_H
#define O2R_SOURCES_ARCHIVE_LISTING_H

#include "base/digest.h"
#include "sources/archive_impl.h"

enum {
	LISTING_MEMBERS_MAX = 64 << 20, /* bytes of the section of names */
	LISTING_DATA_MAX = 16 << 20,    /* bytes of all small files */
};

/* Write it to an empty file. key: what the archive is told by. -EFBIG, without err, for
 * one that is too large to be kept; -ENOTSUP for one whose large files are not in a
 * store. */
int archive_listing_write(const struct archive_file *a, const struct digest *key, int fd,
	struct o2r_err *err) O2R_MUST_CHECK;

/*
 * Add to an archive without members what a listing tells. CORRUPT for what
 * archive_listing_write does not write (-ESTALE: another version does), -EFBIG for more
 * than max bytes in large files; members may have been added then. That large files are
 * in the store is for the caller to see.
 */
int archive_listing_read(struct archive_file *a, const struct digest *key, int fd,
	uint64_t max, struct o2r_err *err) O2R_MUST_CHECK;

#endif
