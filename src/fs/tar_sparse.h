/*
 * Sparse maps of tar: which parts of a file are stored. Old GNU (in the header and in
 * extension blocks), PAX 0.0 and 0.1 (in records), PAX 1.0 (text in front of the data).
 * GNU tar manual, "Storing Sparse Files".
 *
 * The runs come in the order of the file; src_off counts from the first stored byte until
 * tar_sparse_finish makes it an offset in the stream. Not thread-safe.
 */
#ifndef O2R_FS_TAR_SPARSE_H
#define O2R_FS_TAR_SPARSE_H

#include <stdbool.h>

#include "fs/layer.h"
#include "fs/tar_pax.h"

enum {
	TAR_SPARSE_RUNS_MAX = 4 << 20,
};

struct tar_sparse {
	struct data_run *runs; /* no empty ones, neighbours joined */
	size_t count, cap;
	uint64_t real_size; /* of the file, holes and all */
	uint64_t end;       /* of the last run in the file, also an empty one */
	uint64_t stored;    /* sum of the runs */
	/* PAX 1.0: the number being read, and those still to come */
	uint64_t number, offset, left;
	bool digits, counted, half;
};

void tar_sparse_reset(struct tar_sparse *s, uint64_t real_size);
void tar_sparse_free(struct tar_sparse *s);

/* count pairs of 12-byte fields; the first one that begins with NUL ends the map. */
int tar_sparse_fields(struct tar_sparse *s, const unsigned char *p, size_t count,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The map in the records of PAX 0.0 or 0.1. */
int tar_sparse_records(struct tar_sparse *s, const struct tar_pax *pax,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The next bytes of a PAX 1.0 map: 1 when it ends in them, 0 when there is more. */
int tar_sparse_text(struct tar_sparse *s, const unsigned char *p, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The map is complete and its data, stored bytes, begin at data_off of the stream. */
int tar_sparse_finish(struct tar_sparse *s, uint64_t data_off, uint64_t stored,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
