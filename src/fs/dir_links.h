/* Which path a file with several names was seen under first: by device and inode. */
#ifndef O2R_FS_DIR_LINKS_H
#define O2R_FS_DIR_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct dir_link {
	uint64_t dev, ino;
	const char *path; /* NULL: free */
	uint32_t path_len;
};

/* Zero-initialise; finish frees the table, not the paths. */
struct dir_links {
	struct dir_link *slots; /* a power of two of them */
	size_t size, count;
};

void dir_links_finish(struct dir_links *l);
/* The entry of a file, made with `path` (which must last) when it was not there: 1; 0
 * when it was. */
int dir_links_find(struct dir_links *l, uint64_t dev, uint64_t ino, const char *path,
	uint32_t path_len, const struct dir_link **out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
