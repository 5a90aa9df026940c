/* Memory that held secrets: wiped before it is given back. */
#ifndef O2R_SOURCES_REGISTRY_SECRET_H
#define O2R_SOURCES_REGISTRY_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/* Wipe and free a string; NULL is fine. */
void secret_free(char *s);

static inline void cleanup_secret(char **s)
{
	secret_free(*s);
}

#define AUTO_SECRET CLEANUP(cleanup_secret)

/* As buf_append, but no copy is left behind where the buffer was before it grew. */
int secret_append(struct buf *b, const void *p, size_t n) O2R_MUST_CHECK;
int secret_append_text(struct buf *b, const char *s) O2R_MUST_CHECK;
/* Wipe and free. */
void secret_buf_finish(struct buf *b);

#define AUTO_SECRET_BUF CLEANUP(secret_buf_finish)

/* "Basic ..." (RFC 7617), malloc'd; NULL when out of memory. */
char *secret_basic(const char *username, const char *password);

/*
 * Does a server's text show what it was sent in this Authorization header (NULL: none):
 * the credentials as they stand there, or the password in them, be it with the escapes of
 * JSON? Then it is not for messages.
 */
bool secret_is_shown(const char *authorization, const void *text, size_t n);

#endif
