/*
 * A tar file made by a test, member by member, in memory; then as a file. Whatever fails
 * here ends the program.
 */
#ifndef O2R_TESTS_ARCHIVE_CASE_H
#define O2R_TESTS_ARCHIVE_CASE_H

#include "base/buf.h"

/* A member of a type ('0' file, '1' hard link, '2' symbolic link, '5' directory); of a
 * file content is what is in it, of a link what it is to. */
void archive_case_add(struct buf *tar, char type, const char *name, const char *content);
void archive_case_data(struct buf *tar, const char *name, const void *p, size_t n);
/* The two blocks of zeros. */
void archive_case_end(struct buf *tar);

/* An unlinked file that holds these bytes, from its start. */
int archive_case_file(const struct buf *tar);
/* The end to read from of a pipe that holds them (as many as fit into one). */
int archive_case_pipe(const struct buf *tar);

#endif
