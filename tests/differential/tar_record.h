/*
 * One entry of a tar as a row of texts, made by either reader, so that two readings can
 * be compared field by field. The content field is a sum over the bytes that are not
 * zero, so it does not tell holes from zeros.
 */
#ifndef O2R_TESTS_TAR_RECORD_H
#define O2R_TESTS_TAR_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum record_field {
	FIELD_PATH,
	FIELD_KIND,
	FIELD_MODE,
	FIELD_UID,
	FIELD_GID,
	FIELD_MTIME,
	FIELD_SIZE,
	FIELD_LINK,
	FIELD_DEVICE,
	FIELD_XATTRS,
	FIELD_ACL, /* named users and groups of the access ACL, default ACL whole */
	FIELD_CONTENT,
	FIELD_COUNT,
};

extern const char *const record_field_names[FIELD_COUNT];

struct record {
	char *field[FIELD_COUNT];
};

struct reading {
	struct record *records;
	size_t count, cap;
	int failed;      /* the reader gave up behind the records */
	char text[1000]; /* what it said then */
	int has_warning; /* libarchive: it was not sure about the last record */
};

void reading_free(struct reading *r);

/* Printed into the field; aborts when out of memory. */
void record_set(struct record *rec, enum record_field field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Bytes with everything but letters escaped, appended. */
void record_add_bytes(
	struct record *rec, enum record_field field, const void *p, size_t n);

/* The next record of the reading, all fields "". */
struct record *reading_add(struct reading *r);
void reading_drop(struct reading *r); /* the last one */

/* One piece of a file's content. */
uint64_t content_sum(uint64_t sum, uint64_t file_off, const void *p, size_t n);

/* An ACL as xattr, for FIELD_ACL: which is 'a' (the entries that do not come from the
 * mode) or 'd'. */
void record_add_acl(struct record *rec, char which, const unsigned char *acl, size_t n);

void read_ours(const void *tar, size_t n, struct reading *out);
void read_theirs(const void *tar, size_t n, struct reading *out);

#endif
