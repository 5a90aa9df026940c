/* The names in a directory, sorted by their bytes. */
#ifndef O2R_FS_DIR_LIST_H
#define O2R_FS_DIR_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct dir_list {
	char **names; /* without "." and ".." */
	size_t count;
	char *text; /* what they point into */
};

/* fd stays open; max: names. Errors are -E2BIG, -ENOMEM or a negative errno. */
int dir_list_read(int fd, uint64_t max, struct dir_list *out) O2R_MUST_CHECK;
void dir_list_finish(struct dir_list *l);

#endif
