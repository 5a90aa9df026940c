/*
 * Partial: a blob of which a part was fetched. The bytes stand at their offsets in
 * partial/sha256/HEX of the store, and HEX.ranges beside it tells which are there, so
 * that another run goes on where one stopped or was killed. Bytes are written before they
 * are noted; nothing of either file is believed: the blob's digest decides.
 *
 * Who has a partial open has it alone (an exclusive lock on HEX, which nobody else gets
 * until it is closed or given up). Without a store it is an unlinked file, and all of
 * this is for one run.
 *
 * Functions may be called from any thread, partial_close after all others.
 */
#ifndef O2R_SOURCES_STORE_PARTIAL_H
#define O2R_SOURCES_STORE_PARTIAL_H

#include "sources/store.h"
#include "sources/store_ranges.h"

struct partial;

/*
 * With what is there of the blob. -EWOULDBLOCK: somebody else is fetching it; look into
 * the store after a while. s may be NULL: none; borrowed.
 */
int partial_open(struct store *s, const struct digest *d, uint64_t size,
	struct partial **out, struct o2r_err *err) O2R_MUST_CHECK;
/* What is there stays for the next time. */
void partial_close(struct partial *p);
/* Let somebody else have it; the descriptor can still be read from. */
void partial_give_up(struct partial *p);

/* For reading what is there; it is open as long as p is. */
int partial_fd(const struct partial *p);

/* As in store_ranges.h. */
bool partial_missing(struct partial *p, uint64_t from, struct range *out);
uint64_t partial_front(struct partial *p);
uint64_t partial_bytes(struct partial *p);
unsigned partial_room(struct partial *p);

/*
 * Write bytes within the blob's size. What is there already stays as it is; *all tells
 * whether none was. A full disk is class SPACE.
 */
int partial_write(struct partial *p, const void *buf, size_t n, uint64_t off, bool *all,
	struct o2r_err *err) O2R_MUST_CHECK;

/*
 * It is whole, and its digest is right: it is a blob of the store from now on, noted as
 * seen. 1, with *st what stat says of it; 0 when there is no store. A failure costs the
 * next run a fetch: the file is whole all the same.
 */
int partial_publish(
	struct partial *p, struct stat *st, struct o2r_err *err) O2R_MUST_CHECK;
/* It is of no use: remove it. p stays open, as if given up. */
void partial_discard(struct partial *p);

#endif
