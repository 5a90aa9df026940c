/*
 * What a name of a registry meant, as the store keeps it: a small text that holds the
 * name itself, what it meant, and its own SHA-256. Pure.
 *
 *     o2r name 1
 *     name docker.io/library/nginx:latest
 *     digest sha256:...
 *     type application/vnd.oci.image.index.v1+json      (may be absent)
 *     sha256:...                                        (of all lines before)
 */
#ifndef O2R_SOURCES_NAME_NOTE_H
#define O2R_SOURCES_NAME_NOTE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

enum {
	NAME_NOTE_WORD_MAX = 512, /* bytes of a name, of a media type */
	NAME_NOTE_MAX = 2048,     /* of all of it */
};

/* -EINVAL for a name that is none. A media type that is none, or NULL, is left out. */
int name_note_encode(const char *name, const struct digest *d, const char *media_type,
	struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;

/* Exactly what name_note_encode makes for this name; all else is CORRUPT. *media_type is
 * malloc'd, or NULL. */
int name_note_parse(const char *p, size_t n, const char *name, struct digest *d,
	char **media_type, struct o2r_err *err) O2R_MUST_CHECK;

#endif
