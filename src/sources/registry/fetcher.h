/*
 * Fetcher: gets blobs of one image from a registry into the store, several at once, and
 * lets them be read while they arrive.
 *
 * fetcher_blob makes a blob (blob/blob.h) of which nothing is fetched yet. blob_want, a
 * read, or blob_ready start it: from the store when it is there, else from the registry
 * into a partial file of the store, going on where an earlier run stopped. A read waits
 * for its bytes only; blob_ready waits for all. The digest is computed while bytes arrive
 * (blob_checks); what does not match is thrown away, never published. Two processes that
 * want one blob: one fetches, the other waits and takes it from the store.
 *
 * Threads: `parallel` of them, started when there is something to do. Large blobs are
 * fetched in ranges by the threads that have nothing else to do, when the server grants
 * ranges. Without a store blobs go to unlinked files in $TMPDIR or /var/tmp. Memory does
 * not depend on the size or number of blobs.
 */
#ifndef O2R_SOURCES_REGISTRY_FETCHER_H
#define O2R_SOURCES_REGISTRY_FETCHER_H

#include "base/ctx.h"
#include "base/digest.h"
#include "blob/blob.h"
#include "sources/registry/client.h"
#include "sources/store.h"

struct fetcher;

/* client NULL: offline, what is not in the store is NOT_FOUND. store NULL: none. Both are
 * borrowed, as is ctx. */
int fetcher_create(struct client *client, struct store *store, unsigned parallel,
	const struct ctx *ctx, struct fetcher **out, struct o2r_err *err) O2R_MUST_CHECK;
/* Stops what is under way (its partial files stay, to be gone on with). Blobs of it must
 * have been closed. */
void fetcher_destroy(struct fetcher *f);

struct fetch_item {
	struct digest digest;
	uint64_t size;
	const char *const *urls; /* copied; see client.h */
	unsigned layer, layers;  /* for progress: number (from 0) and how many */
};

/* Two items of one digest are one fetch. */
int fetcher_blob(struct fetcher *f, const struct fetch_item *item, struct blob *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
