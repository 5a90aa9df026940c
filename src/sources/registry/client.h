/*
 * Client of the distribution API (distribution-spec, "Pull") for one repository: requests
 * with authentication, over all endpoints, tried again when that may help; statuses
 * and error documents made into errors that name the registry and say what to do.
 *
 * A client is shared by the threads of a pull; a session belongs to one of them.
 */
#ifndef O2R_SOURCES_REGISTRY_CLIENT_H
#define O2R_SOURCES_REGISTRY_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/ctx.h"
#include "base/digest.h"
#include "base/err.h"
#include "sources/name.h"
#include "sources/registry/settings.h"

struct client;

/* What to do about a server that sends what it should not: the end of such errors. */
#define CLIENT_WRONG ": try again, and tell who runs it if that does not help"
struct client_session;

/* name and settings are copied (settings' strings are borrowed); ctx is borrowed. No
 * request is made yet. */
int client_create(const struct name *name, const struct registry_settings *settings,
	const struct ctx *ctx, struct client **out, struct o2r_err *err) O2R_MUST_CHECK;
void client_destroy(struct client *c);
/* Registry and repository, for messages: "docker.io/library/nginx". */
const char *client_label(const struct client *c);
/*
 * What came has not the digest that it should have. From now on only the registry itself
 * is asked, no mirror and no URL of a foreign layer. False: nobody else was to be asked
 * anyway, so that another try would bring the same.
 */
bool client_distrust(struct client *c);
/* Is a blob, which has URLs or not, asked of others than the registry too? */
bool client_asks_others(struct client *c, bool urls);

/* stop (may be NULL): makes requests and waits end with -EINTR once true. */
int client_session_create(struct client *c, const _Atomic bool *stop,
	struct client_session **out, struct o2r_err *err) O2R_MUST_CHECK;
void client_session_destroy(struct client_session *s);

struct client_document {
	struct buf bytes; /* exact */
	char *media_type; /* Content-Type without parameters, or NULL */
	struct digest digest;
};

void client_document_finish(struct client_document *d);

/*
 * Manifest or index by digest, or by tag where digest is NULL. One GET. By digest the
 * bytes have it (else CORRUPT); by tag it is computed. Class of errors: NOT_FOUND, ACCESS
 * (denied, unauthorized), FAIL, CORRUPT (more than max bytes, not a registry).
 */
int client_manifest(struct client_session *s, const char *tag,
	const struct digest *digest, uint64_t max, struct client_document *out,
	struct o2r_err *err) O2R_MUST_CHECK;

struct client_blob {
	const struct digest *digest;
	uint64_t size; /* of the whole blob */
	const char *const
		*urls;       /* of a foreign layer, tried first; NULL, or ends in NULL */
	uint64_t first, end; /* the part wanted: [first, end) */
	/* Once before data: does the server grant ranges? If not, all of the blob comes
	 * anyway, and `end` may be raised to get more of it. A negative return ends it.
	 */
	int (*begin)(void *arg, bool ranges, struct o2r_err *err);
	/* The next bytes of the part; likewise. */
	int (*data)(void *arg, const void *p, size_t n, struct o2r_err *err);
	void *arg;
};

/*
 * A part of a blob. Nothing is verified but lengths and ranges: a server that answers the
 * whole blob instead of a part is read from its start and what comes before `first` is
 * dropped. Never more than end - first bytes are handed over. 0: all were. When the
 * connection breaks (-ECONNRESET, -ETIMEDOUT) what was handed over is good: ask for the
 * rest; whether that is worth another try is for client_try_again.
 */
int client_blob(struct client_session *s, const struct client_blob *b,
	struct o2r_err *err) O2R_MUST_CHECK;

/* A small blob (a config) whole, verified. */
int client_blob_whole(struct client_session *s, const struct digest *digest,
	uint64_t size, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;

/* How often and how long is waited before the same thing is asked again. Zero is the
 * start; reset it to zero when there was progress (at least 1 MiB). */
struct client_patience {
	unsigned tries;
};

/*
 * After a failure with this code: 1 after having waited (back-off with jitter,
 * Retry-After within client_blob and client_manifest is theirs), 0 when it is of no use
 * or patience is at its end, -EINTR.
 */
int client_try_again(struct client_session *s, struct client_patience *p, int code,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
