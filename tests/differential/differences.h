/*
 * Where our reader and libarchive (3.6) are known to differ, each with its reason.
 * Everything else is a failure.
 */
#ifndef O2R_TESTS_DIFFERENCES_H
#define O2R_TESTS_DIFFERENCES_H

#include <stdbool.h>

#include "tar_record.h"

/* What is in the archive, as far as the rules want to know. */
struct facts {
	bool mutated;   /* damaged on purpose */
	bool global;    /* PAX global headers */
	bool piled;     /* several extension headers for one entry, or empty ones */
	bool link_body; /* a hard link with a size */
	bool gnu_map;   /* sparse fields in a GNU header that is of another type than S */
	bool odd_sum;   /* a checksum field with a byte that is no digit, space or NUL */
	bool acl_text;  /* SCHILY.acl somewhere */
	bool sparse_text; /* GNU.sparse somewhere */
};

void facts_gather(struct facts *facts, const void *tar, size_t n, bool mutated);

/* Each returns the reason, or NULL when the difference is not listed. */
const char *known_field_difference(enum record_field field, const struct record *ours,
	const struct record *theirs, const struct facts *facts);

/* Ours refuses, libarchive goes on; only damaged archives may be refused. */
const char *known_refusal(const char *our_text);

/* libarchive gives up, ours goes on. */
const char *known_their_failure(const char *their_text, const struct facts *facts);

/* Both read to the end and found different numbers of entries. */
const char *known_count_difference(const struct reading *ours,
	const struct reading *theirs, const struct facts *facts);

#endif
