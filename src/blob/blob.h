/*
 * Blob: immutable bytes at rest (a file, a range of a file, memory). pread is safe from
 * any number of threads. Bounds are checked here, once, for every kind. Files are read,
 * never mapped: a file cut short while in use is an error, not a signal.
 *
 * A file that was given by name is only looked at when the blob is made, and opened by
 * the first read (or blob_ready): whoever finds that he needs no byte of it has not
 * opened it. What is opened must be the file that was looked at.
 */
#ifndef O2R_BLOB_BLOB_H
#define O2R_BLOB_BLOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/err.h"

struct blob_ops {
	/* exactly n bytes, in bounds already; 0 or a negative errno */
	int (*pread)(void *arg, void *buf, size_t n, uint64_t off);
	/* the same with more to say about failures; NULL: pread is asked */
	int (*read)(void *arg, void *buf, size_t n, uint64_t off, struct o2r_err *err);
	/* the same into v[0 .. count), without waiting for a device: -EAGAIN when that
	 * cannot be had; NULL: never */
	int (*preadv_cached)(void *arg, const struct iovec *v, int count, uint64_t off);
	/* open what is not open yet; NULL: there is nothing to open */
	int (*ready)(void *arg, struct o2r_err *err);
	/* the file that the blob is; NULL: it is none */
	int (*identity)(void *arg, struct stat *st);
	/* start getting it ready, without waiting; NULL: there is nothing to start */
	void (*want)(void *arg);
	/* wait until the bytes before `end` can be read, verified or not; NULL: `ready`
	 * is asked instead */
	int (*arrived)(void *arg, uint64_t end, struct o2r_err *err);
	/* does the blob compute its digest itself, while its bytes arrive, so that nobody
	 * else needs to? NULL: no */
	bool (*checks)(void *arg);
	/* see blob_doubt; NULL: nobody has vouched for it */
	void (*doubt)(void *arg, bool sure);
	void (*destroy)(void *arg);
};

/* Zero-initialised means closed. */
struct blob {
	const struct blob_ops *ops;
	void *arg;
	uint64_t size;
};

/* The whole of a regular file, relative to dirfd (symbolic links are followed), of which
 * the blob keeps a duplicate until the file is opened. */
int blob_open_file(
	struct blob *b, int dirfd, const char *path, struct o2r_err *err) O2R_MUST_CHECK;
/* size bytes from offset of fd, which the blob owns from now on, also on failure. */
int blob_open_fd(struct blob *b, int fd, uint64_t offset, uint64_t size,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Memory that the caller keeps alive; copy == 1: a private copy. */
int blob_open_memory(struct blob *b, const void *p, uint64_t size, int copy,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Exactly n bytes from off; past the end is an error of class CORRUPT. Of a blob that
 * arrives once all of it is here and verified. */
int blob_pread(const struct blob *b, void *buf, size_t n, uint64_t off,
	struct o2r_err *err) O2R_MUST_CHECK;

/*
 * The same for who can wait with believing: from a blob that arrives, as soon as these
 * bytes are there, and before its digest is known. They are right if blob_ready returns
 * 0 afterwards. -ESTALE (of this or blob_ready, told once): the blob turned out wrong and
 * is fetched anew; what was read early is void, and reading may begin again.
 */
int blob_pread_early(const struct blob *b, void *buf, size_t n, uint64_t off,
	struct o2r_err *err) O2R_MUST_CHECK;

/* All bytes of v[0 .. count) from off, if they are in memory already (in that of the
 * system, for a file): -EAGAIN when reading them might take time, and
 * for whatever else blob_pread will tell. */
int blob_preadv_cached(const struct blob *b, const struct iovec *v, int count,
	uint64_t off) O2R_MUST_CHECK;

/* It will be read: let what takes time begin. For a blob that arrives from elsewhere. */
void blob_want(const struct blob *b);
/* Whether the blob's maker checks its digest while its bytes arrive: until blob_ready has
 * returned 0 they are not known to be right. */
bool blob_checks(const struct blob *b);

/*
 * Bytes of it are not what they should be, for who vouches for the blob because it was
 * verified earlier: it is not to be believed the next time without looking. sure: its
 * digest was computed and is another one. Any thread, any number of times.
 */
void blob_doubt(const struct blob *b, bool sure);

/* Open the file now, when it is not open yet: from now on it cannot be replaced. CORRUPT
 * when it is another one than the blob was made of. For a blob that arrives: wait until
 * it is whole and verified. */
int blob_ready(const struct blob *b, struct o2r_err *err) O2R_MUST_CHECK;
/* What stat said of the file when the blob was made, with the blob's offset in it, unless
 * that is 0, in st_size; -ENOTSUP for a blob that is no file. */
int blob_identity(const struct blob *b, struct stat *st) O2R_MUST_CHECK;

/* Closing twice is harmless. */
void blob_close(struct blob *b);

#endif
