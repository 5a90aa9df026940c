/*
 * Whose turn it is to fetch a document into the store: of commands that want the same one
 * at once, one does, and the others wait until it is in the store. The turn is the lock
 * on the document's partial file (store_partial.h), as for layers, so one that ends or
 * dies leaves it to the next. It is held for one request and nothing else is waited for
 * meanwhile. Whatever may be wrong with the other one, a document is small: after a few
 * seconds it is fetched without a turn. One thread.
 */
#ifndef O2R_SOURCES_REGISTRY_DOCUMENT_TURN_H
#define O2R_SOURCES_REGISTRY_DOCUMENT_TURN_H

#include <stdbool.h>

#include "base/ctx.h"
#include "sources/store_partial.h"

/* Zero-initialised but for what is borrowed. */
struct document_turn {
	struct store *store; /* NULL: there is nobody to wait for */
	const struct digest *digest;
	uint64_t size; /* bytes of the document, 0 when they are not known */
	const struct ctx *ctx;
	struct partial *partial; /* NULL: it is not ours */
	uint64_t since;          /* when waiting began, in ms; 0: not yet */
};

/*
 * 1: it is the caller's until document_turn_end, or need not be waited for; 0: it is
 * another's, and a moment has been waited. In both cases the document may be in the store
 * by now. -EINTR: cancelled.
 */
int document_turn_take(struct document_turn *t, struct o2r_err *err) O2R_MUST_CHECK;
/* The document is in the store by now, if it could be had. */
void document_turn_end(struct document_turn *t);

#endif
