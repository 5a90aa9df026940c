/*
 * Ranges: which bytes of a blob a partial file holds. A bounded set of disjoint ranges in
 * slots: a range that grows is one small write in place, so that what was fetched in any
 * order survives a kill up to the last write. Pure; docs/cache.md has the format.
 *
 * What a file says is checked, and what does not check is as good as absent: a range that
 * is missing is fetched once more, one that is wrong is found by the blob's digest.
 */
#ifndef O2R_SOURCES_STORE_RANGES_H
#define O2R_SOURCES_STORE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

enum {
	RANGES_MAX = 128,
	RANGES_HEADER = 128, /* bytes of the header, */
	RANGES_SLOT = 24,    /* of each slot behind it, */
	RANGES_FILE = RANGES_HEADER + RANGES_MAX * RANGES_SLOT, /* of all */
};

/* [first, end). Empty: a free slot. */
struct range {
	uint64_t first, end;
};

struct ranges {
	uint64_t size; /* of the blob */
	struct range slot[RANGES_MAX];
};

/* Note [first, end), of which nothing is there yet. The numbers of the slots that have
 * changed, in the order in which they are to be written: that many are returned (1 or 2),
 * or -ENOBUFS when no slot is free. */
int ranges_add(struct ranges *r, uint64_t first, uint64_t end,
	unsigned changed[2]) O2R_MUST_CHECK;

/* The first bytes that are missing, at or behind `from`. */
bool ranges_missing(const struct ranges *r, uint64_t from, struct range *out);
uint64_t ranges_front(const struct ranges *r); /* all before it is there */
uint64_t ranges_bytes(const struct ranges *r);
unsigned ranges_room(const struct ranges *r); /* free slots */

void ranges_write_header(const struct ranges *r, const struct digest *blob,
	unsigned char out[RANGES_HEADER]);
void ranges_write_slot(
	const struct ranges *r, unsigned i, unsigned char out[RANGES_SLOT]);

/* Those of a blob of this digest and size whose file has `have` bytes. Sets *r in any
 * case: empty when it is not what it should be (-EBADMSG). */
int ranges_parse(struct ranges *r, const void *p, size_t n, const struct digest *blob,
	uint64_t size, uint64_t have) O2R_MUST_CHECK;

#endif
