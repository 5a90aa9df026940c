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
	MEMBER_SPILL,  /* offset in the spill file */
	MEMBER_STORED, /* digest: of a file in the store */
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
	struct digest digest;
};

struct archive_file {
	int fd;
	struct store *store; /* for large files that have to be decoded; NULL: spill */
	bool read_only;      /* it cannot be written to: spill */
	int spill;           /* an unlinked file that holds them; -1: none yet */
	uint64_t spilled;
	uint64_t small; /* bytes in memory */
	uint64_t large; /* bytes decoded to disk */
	struct arena arena;
	struct member *members; /* sorted by name once read */
	size_t count, cap;
};

/* fd is the archive's unless this fails (NULL). */
struct archive_file *archive_create(int fd, struct store *store);
/* Is it a name that can be looked up? */
bool archive_name_counts(const char *name);
/* Takes over what *m owns; a name that cannot be looked up is left out (m is finished).
 * A copy of the strings is made. */
int archive_add(struct archive_file *a, const char *name, const char *target,
	struct member *m, struct o2r_err *err) O2R_MUST_CHECK;
void archive_sort(struct archive_file *a);
/* Take all members out. */
void archive_clear(struct archive_file *a);
void member_finish(struct member *m);

/* A file on its way out of an archive that cannot be read at offsets. */
struct spool {
	struct archive_file *file;
	uint64_t size, have;
	unsigned char *data; /* small ones */
	struct tmpfile tmp;  /* large ones, with a store */
	struct digester digest;
};

#define SPOOL_INIT                                                                       \
	{                                                                                \
		.tmp = TMPFILE_INIT                                                      \
	}

/* Of large files all together have no more bytes than a layer may have. */
int spool_begin(struct spool *s, struct archive_file *a, uint64_t size,
	const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;
int spool_add(
	struct spool *s, const void *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;
/* Fills in where m is. */
int spool_end(struct spool *s, struct member *m, struct o2r_err *err) O2R_MUST_CHECK;
void spool_finish(struct spool *s);

#endif
