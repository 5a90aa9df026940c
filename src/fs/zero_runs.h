/*
 * Zero runs: while the data of a file passes by, find long rows of zero bytes and leave
 * them out of the file's map, so that they become holes. Rows of ZERO_RUN_BLOCKS whole
 * blocks of the file (aligned in it; the last one may be shorter) count; data is looked
 * at only as far as needed to see that a block is not zero. One thread.
 */
#ifndef O2R_FS_ZERO_RUNS_H
#define O2R_FS_ZERO_RUNS_H

#include <stdbool.h>

#include "base/err.h"
#include "fs/layer.h"

enum {
	ZERO_BLOCK = 4096,
	ZERO_RUN_BLOCKS = 16,
};

struct zero_runs {
	struct data_run *runs; /* the result, once all data has passed */
	size_t count, cap;
	/* what the archive stores, and where in it we are */
	const struct data_run *stored;
	size_t stored_left;
	uint64_t size;      /* of the file */
	uint64_t pos;       /* in the file */
	uint64_t keep_from; /* data not yet put out begins here */
	uint64_t zero_from,
		zero_to; /* the row of zero blocks that ends at the last block */
	bool block_zero; /* so far; meaningful inside a block */
};

/* stored: the runs of the archive, borrowed until the last byte has been seen. */
void zero_runs_begin(
	struct zero_runs *z, uint64_t size, const struct data_run *stored, size_t count);

/* The next n bytes of the data, not more in all than the runs hold. */
int zero_runs_data(struct zero_runs *z, const unsigned char *p, size_t n,
	struct o2r_err *err) O2R_MUST_CHECK;
void zero_runs_free(struct zero_runs *z);

#endif
