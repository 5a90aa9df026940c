/* What an archive is made of, for archive*.c. */
#ifndef O2R_SOURCES_ARCHIVE_IMPL_H
#define O2R_SOURCES_ARCHIVE_IMPL_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "sources/archive.h"

enum member_kind {
	MEMBER_RANGE,  /* offset in the archive's file */
	MEMBER_MEMORY, /* data */
	MEMBER_FD,     /* all of fd */
	MEMBER_HARD_LINK,
	MEMBER_SYMLINK,
};

struct member {
	const char *name;   /* cut, in the arena */
	const char *target; /* of a link: as it stands */
	enum member_kind kind;
	size_t order; /* in the archive */
	uint64_t offset, size;
	unsigned char *data;
	int fd; /* -1: none */
};

struct archive_file {
	int fd;
	struct arena arena;
	struct member *members; /* sorted by name once read */
	size_t count, cap;
};

/* fd is the archive's unless this fails (NULL). */
struct archive_file *archive_create(int fd);
/* Takes over what *m owns; a name that cannot be looked up is left out (m is finished).
 * A copy of the strings is made. */
int archive_add(struct archive_file *a, const char *name, const char *target,
	struct member *m, struct o2r_err *err) O2R_MUST_CHECK;
void archive_sort(struct archive_file *a);
void member_finish(struct member *m);

/* A file on its way out of an archive that cannot be read at offsets. */
struct spool {
	struct store *store;
	uint64_t size, have;
	unsigned char *data; /* small ones */
	int fd;              /* large ones, without a store */
	struct tmpfile tmp;  /* large ones, with */
	struct digester digest;
};

/* small, large: what all of them have so far (bytes, number), counted up. */
int spool_begin(struct spool *s, struct store *store, uint64_t size, uint64_t *small,
	uint64_t *large, struct o2r_err *err) O2R_MUST_CHECK;
int spool_add(
	struct spool *s, const void *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;
/* Fills m's kind, data or fd. */
int spool_end(struct spool *s, struct member *m, struct o2r_err *err) O2R_MUST_CHECK;
void spool_finish(struct spool *s);

#endif
