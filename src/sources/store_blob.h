/*
 * A blob of the store as others read it (blob/blob.h): one that can be made again at any
 * time. Whoever doubts it has its digest computed, and it is dropped if that is
 * another one, so that nobody else gets it.
 */
#ifndef O2R_SOURCES_STORE_BLOB_H
#define O2R_SOURCES_STORE_BLOB_H

#include "blob/blob.h"
#include "sources/store.h"

/* size: in bytes, which it must have at least. -ENOENT: it is not kept. s is borrowed. */
int store_open_blob(struct store *s, const struct digest *d, uint64_t size,
	struct blob *out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
