/*
 * The documents of an image in a registry, by digest: from those just read, from the
 * store, or else from the registry, to be kept in the store. All are verified. One
 * thread.
 */
#ifndef O2R_SOURCES_REGISTRY_DOCUMENTS_H
#define O2R_SOURCES_REGISTRY_DOCUMENTS_H

#include "sources/layout.h"
#include "sources/registry/client.h"
#include "sources/store.h"

enum {
	DOCUMENTS_RECENT = 8, /* held in memory: choosing an image reads some twice */
};

struct documents {
	const char *name;               /* of the image, for messages */
	struct client_session *session; /* NULL: offline */
	struct store *store;            /* NULL: none */
	const struct ctx *ctx;
	struct document_bytes {
		struct digest digest;
		struct buf bytes;
	} recent[DOCUMENTS_RECENT];
	unsigned next;    /* of recent, to be replaced */
	bool keep_failed; /* the store could not keep one: told once */
};

void documents_finish(struct documents *d);

/* size: of a config, which its descriptor tells; of others it is not looked at. *out is
 * valid until the next call. -ENOENT: there is none. */
int documents_get(struct documents *d, enum layout_role role, const struct digest *digest,
	uint64_t size, const struct buf **out, struct o2r_err *err) O2R_MUST_CHECK;

/* What a tag names now, by one request, or what it named when the store was filled.
 * *media_type is malloc'd, NULL when it is not told. */
int documents_resolve(struct documents *d, const char *tag, struct digest *digest,
	char **media_type, struct o2r_err *err) O2R_MUST_CHECK;

#endif
