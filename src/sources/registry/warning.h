/* Warning headers (RFC 7234, 5.5), by which registries tell their users something
 * (distribution-spec, "Warnings"). Pure. */
#ifndef O2R_SOURCES_REGISTRY_WARNING_H
#define O2R_SOURCES_REGISTRY_WARNING_H

#include "base/err.h"
#include "sources/registry/strings.h"

enum {
	WARNING_LINE_MAX = 4096, /* bytes that are looked at */
	WARNING_TEXTS_MAX = 16,  /* of one line */
};

/* Add the texts of the warnings with code 299 in one line (it may hold several),
 * unquoted. What cannot be understood ends it, without an error: -ENOMEM is the only one.
 */
int warning_texts(const char *line, struct strings *out) O2R_MUST_CHECK;

#endif
