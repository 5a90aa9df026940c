/*
 * File helpers: whole reads and writes, small files, output files that appear only when
 * they are whole.
 */
#ifndef O2R_BASE_FILE_H
#define O2R_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/err.h"

/* Read exactly n bytes; a short file is -ENODATA. Returns 0 or a negative errno. */
int pread_full(int fd, void *buf, size_t n, uint64_t off) O2R_MUST_CHECK;
int pwrite_full(int fd, const void *buf, size_t n, uint64_t off) O2R_MUST_CHECK;
/* Consumes the iovec array (it is changed). Any count. */
int pwritev_full(int fd, struct iovec *iov, int count, uint64_t off) O2R_MUST_CHECK;
/* The same to where fd stands; waits for a pipe that is full and does not block. */
int writev_full(int fd, struct iovec *iov, int count) O2R_MUST_CHECK;
int write_full(int fd, const void *buf, size_t n) O2R_MUST_CHECK;

/* Read a whole regular file of at most max bytes, relative to dirfd. */
int file_read(int dirfd, const char *path, size_t max, struct buf *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/*
 * A file written under a temporary name beside its target and renamed when whole.
 * Created 0666 & ~umask; close-on-exec.
 */
struct tmpfile {
	int fd;
	int dirfd;
	char *tmp_name;    /* in dirfd; NULL once published or discarded */
	char *target_name; /* in dirfd */
};

#define TMPFILE_INIT                                                                     \
	{                                                                                \
		.fd = -1, .dirfd = -1                                                    \
	}

/* An existing target is refused (-EEXIST, class ERR_USAGE) unless replace; anything but
 * a regular file or a symbolic link (which is replaced, not followed) always. */
int tmpfile_open(struct tmpfile *t, const char *target, bool replace,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Close, and rename to the target; without replace, never over a file that appeared
 * meanwhile. fd is -1 afterwards, also on failure. */
int tmpfile_publish(struct tmpfile *t, bool replace, struct o2r_err *err) O2R_MUST_CHECK;
/* Close, and unlink what was not published. Safe to call twice. */
void tmpfile_finish(struct tmpfile *t);

/* An unlinked file in $TMPDIR or /tmp, for spill-over. Returns fd or a negative errno. */
int file_anonymous(struct o2r_err *err) O2R_MUST_CHECK;
/* The same in $TMPDIR or /var/tmp, for whole blobs: /tmp may be memory. */
int file_anonymous_large(struct o2r_err *err) O2R_MUST_CHECK;

#endif
