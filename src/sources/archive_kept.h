/*
 * Archives that were decoded before: their listing in the cache folder, found by the
 * identity and the end of the archive's file (docs/cache.md). Belongs to archive*.c.
 * Whatever does not read well is as good as not kept.
 */
#ifndef O2R_SOURCES_ARCHIVE_KEPT_H
#define O2R_SOURCES_ARCHIVE_KEPT_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "sources/archive_impl.h"

/* The archive's file before it is read, and when that was. */
struct archive_kept {
	struct stat st;
	struct timespec began; /* CLOCK_REALTIME */
	bool whole;            /* a regular file, read from its first byte */
};

/* Look at the archive's file. */
void archive_kept_begin(struct archive_kept *k, const struct archive_file *a);

/* Fill in an archive without members. False: it has to be read; *a is as it was. */
bool archive_kept_find(
	const struct archive_kept *k, struct archive_file *a, const struct ctx *ctx);

/* Keep what was found in it, if the file did not change meanwhile. */
void archive_kept_note(const struct archive_kept *k, const struct archive_file *a,
	const struct ctx *ctx);

#endif
