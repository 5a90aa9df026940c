/*
 * Hard links of a cpio archive: it may give the content of a file with any of its names,
 * mostly the last. Files by their first name, with the names that came before the content
 * did. Zero-initialised means empty.
 */
#ifndef O2R_SOURCES_ARCHIVE_CPIO_LINKS_H
#define O2R_SOURCES_ARCHIVE_CPIO_LINKS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct cpio_name {
	const char *name;
	struct cpio_name *next;
};

struct cpio_file {
	const char *first;
	bool filled;             /* its content has come */
	struct cpio_name *names; /* other ones, before that */
};

struct cpio_links {
	void *tree; /* of tsearch */
	struct arena arena;
};

/* The file of that first name; NULL: out of memory. */
struct cpio_file *cpio_links_file(struct cpio_links *l, const char *first);
int cpio_links_add(struct cpio_links *l, struct cpio_file *f, const char *name,
	struct o2r_err *err) O2R_MUST_CHECK;
void cpio_links_finish(struct cpio_links *l);

#endif
