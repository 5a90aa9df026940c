/* Where containers-storage keeps images: containers-storage.conf(5), as far as reading
 * needs it. */
#ifndef O2R_SOURCES_STORAGE_CONF_H
#define O2R_SOURCES_STORAGE_CONF_H

#include <stddef.h>

#include "base/err.h"

enum {
	STORAGE_ROOTS_MAX = 32,
};

struct storage_roots {
	char *driver;                  /* NULL: whichever is there */
	char *list[STORAGE_ROOTS_MAX]; /* the graph root, then additional image stores */
	size_t count;
};

/* $CONTAINERS_STORAGE_CONF, else the user's file (not for root), else
 * /etc/containers/storage.conf, else /usr/share/containers/storage.conf; what they do not
 * say is as usual. CORRUPT: a file that cannot be understood (named). */
int storage_roots_find(struct storage_roots *out, struct o2r_err *err) O2R_MUST_CHECK;
void storage_roots_finish(struct storage_roots *r);
int storage_roots_add(struct storage_roots *r, const char *path, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
