/*
 * TOML reader (toml.io, version 1.0.0): a document, and typed access to it with errors
 * that name the line. Strict: what the specification calls invalid is refused (keys and
 * tables defined twice, inline tables extended, bare carriage returns, invalid UTF-8),
 * and a NUL in a string is too. Kinds that configuration files of registries do not use
 * (numbers, dates) are checked in their syntax; of an integer the value is kept.
 *
 * The document owns every string and value handed out. Read-only after parsing, so safe
 * from any thread.
 */
#ifndef O2R_SOURCES_TOML_H
#define O2R_SOURCES_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
	TOML_BYTES_MAX = 1 << 20, /* of a document */
	TOML_VALUES_MAX = 10000,  /* tables, arrays and what is in them */
	TOML_DEPTH_MAX = 32,      /* of values inside each other */
	TOML_KEY_PARTS_MAX = 16,  /* of a dotted key */
};

enum toml_kind {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_STRING,
	TOML_BOOL,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_DATE, /* all four kinds of dates and times */
};

struct toml_doc;
struct toml; /* a value */

/* All failures are of class CORRUPT ("line 3: ...") but for memory. The text is not
 * needed afterwards. */
int toml_parse(const char *text, size_t n, struct toml_doc **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void toml_doc_destroy(struct toml_doc *doc);

static inline void toml_doc_cleanup(struct toml_doc **doc)
{
	toml_doc_destroy(*doc);
}

#define AUTO_TOML CLEANUP(toml_doc_cleanup)

/* The outermost table. */
const struct toml *toml_root(const struct toml_doc *doc);

enum toml_kind toml_kind(const struct toml *value);
unsigned toml_line(const struct toml *value); /* where it begins, from 1 */
/* Name in its table; NULL in an array, and of the root. */
const char *toml_key(const struct toml *value);
int64_t toml_integer(const struct toml *value); /* of a TOML_INTEGER */

/* The next member of a table or element of an array, in the order of the text; *item
 * NULL begins. False behind the last one. */
bool toml_next(const struct toml *container, const struct toml **item);
/* The member of that name; NULL: there is none. */
const struct toml *toml_find(const struct toml *table, const char *key);

/*
 * The member `key` of a table: 1 with *out set, 0 when there is none, class CORRUPT when
 * it has another type ("line 7: insecure is a string, not a truth value").
 */
int toml_get_table(const struct toml *table, const char *key, const struct toml **out,
	struct o2r_err *err) O2R_MUST_CHECK;
int toml_get_array(const struct toml *table, const char *key, const struct toml **out,
	struct o2r_err *err) O2R_MUST_CHECK;
int toml_get_string(const struct toml *table, const char *key, const char **out,
	struct o2r_err *err) O2R_MUST_CHECK;
int toml_get_bool(const struct toml *table, const char *key, bool *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The same of an array's element. */
int toml_item_table(const struct toml *item, struct o2r_err *err) O2R_MUST_CHECK;
int toml_item_string(
	const struct toml *item, const char **out, struct o2r_err *err) O2R_MUST_CHECK;

#endif
