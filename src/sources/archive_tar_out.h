/* Parts of a tar that is written, for those files that know libarchive. */
#ifndef O2R_SOURCES_ARCHIVE_TAR_OUT_H
#define O2R_SOURCES_ARCHIVE_TAR_OUT_H

#include <stddef.h>

#include "sources/archive_convert.h"

struct archive;
struct archive_entry;

/* The compressions that libarchive has built in; for others it would start programs. An
 * ARCHIVE_ code. */
int archive_accept_filters(struct archive *a);

/* What libarchive says went wrong, as an error of ours. */
int archive_failed(struct archive *a, const char *what, struct o2r_err *err);

/* An entry; all of it must fit. */
int tar_out_header(
	struct tar_out *w, struct archive_entry *e, struct o2r_err *err) O2R_MUST_CHECK;
/* The next bytes of its content. */
int tar_out_data(
	struct tar_out *w, const void *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;

#endif
