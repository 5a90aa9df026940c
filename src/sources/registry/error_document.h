/* Error documents of registries (distribution-spec, "Error Codes"):
 * {"errors":[{"code":"DENIED","message":"...","detail":...}]}. Pure. */
#ifndef O2R_SOURCES_REGISTRY_ERROR_DOCUMENT_H
#define O2R_SOURCES_REGISTRY_ERROR_DOCUMENT_H

#include <stddef.h>

enum {
	ERROR_DOCUMENT_MAX =
		64 << 10,         /* bytes that are kept of a reply that is no success */
	ERROR_DOCUMENT_SHOWN = 3, /* errors of one document */
};

struct error_document {
	char code[40];  /* of the first error, "" when there is none */
	char text[400]; /* fit for a message, "" when there is nothing to say */
};

/* What a body of n bytes says; media_type (may be NULL) decides whether what is no such
 * document is shown as it is. */
struct error_document error_document_read(
	const char *body, size_t n, const char *media_type);

#endif
