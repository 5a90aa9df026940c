/*
 * Tar member: what one entry says after its header block, the PAX records and the GNU
 * long names have been put together, with every number checked. Names are still as they
 * stand in the archive. Pure; the strings point into what it was built from.
 *
 * Which one wins: GNU.sparse.name, then a GNU long name, then a PAX record, then the
 * header (the order of Go's reader, which the container engines use).
 */
#ifndef O2R_FS_TAR_MEMBER_H
#define O2R_FS_TAR_MEMBER_H

#include "fs/layer.h"
#include "fs/tar_header.h"
#include "fs/tar_pax.h"

enum tar_map {
	TAR_MAP_NONE,
	TAR_MAP_OLD_GNU,
	TAR_MAP_RECORDS, /* PAX 0.0, 0.1 */
	TAR_MAP_DATA,    /* PAX 1.0 */
};

struct tar_member {
	struct pax_str path, link;
	const struct tar_pax *pax; /* xattrs and ACLs */
	uint64_t stored;           /* bytes behind the header */
	uint64_t size;             /* FILE: of the file; stored, unless it is sparse */
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t uid, gid, major, minor;
	uint16_t mode;
	enum entry_kind kind;
	enum tar_map map;
};

struct tar_member_parts {
	const struct tar_header *header;
	const struct tar_pax *pax;
	struct pax_str long_name, long_link; /* GNU L and K; n is 0 when not given */
};

/* m->path is set first, so that the caller can name the entry when this fails. */
int tar_member_build(const struct tar_member_parts *parts, struct tar_member *m,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
