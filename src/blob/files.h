/*
 * Files: a blob whose bytes are those of many files, one behind the other; nothing is
 * copied. Files are opened when they are read, without following links, a bounded number
 * at a time, and must still be what they were when they were added (device, inode, size,
 * mtime, ctime, before and after the read): otherwise the read fails and names the file.
 *
 * Built by one thread; the blob may be read from any.
 */
#ifndef O2R_BLOB_FILES_H
#define O2R_BLOB_FILES_H

#include <sys/stat.h>

#include "blob/blob.h"

struct files;

int files_create(struct files **out, struct o2r_err *err) O2R_MUST_CHECK;
void files_destroy(struct files *f);

/* A directory that paths are relative to: its number. fd is duplicated; name is for
 * messages. */
int files_add_root(struct files *f, int fd, const char *name, unsigned *root,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The next file; st is what fstat said of it. *offset: of its first byte in the blob. */
int files_add(struct files *f, unsigned root, const char *path, const struct stat *st,
	uint64_t *offset, struct o2r_err *err) O2R_MUST_CHECK;

/* The blob of them all, which takes f over (also on failure). */
int files_blob(struct files *f, struct blob *out, struct o2r_err *err) O2R_MUST_CHECK;

bool files_is(const struct blob *b);
/* Where byte `off` of such a blob stands: a descriptor (the caller's, to be closed) of
 * the file, its offset in it, and how many bytes follow there. */
int files_locate(const struct blob *b, uint64_t off, int *fd, uint64_t *fd_off,
	uint64_t *len, struct o2r_err *err) O2R_MUST_CHECK;
/* After bytes were taken from such a descriptor: is it still the file that was added? */
int files_check(
	const struct blob *b, uint64_t off, int fd, struct o2r_err *err) O2R_MUST_CHECK;
/* The name of that file in front of an error. */
void files_wrap(const struct blob *b, uint64_t off, struct o2r_err *err);

#endif
