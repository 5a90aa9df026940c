/*
 * JSON reader: a document, and typed access to it with errors that name the place
 * ("manifests[2].size is not a string"). Strict where readers differ, because a document
 * that two programs read in two ways is how images lie: duplicate names, bytes behind the
 * document, invalid UTF-8, NUL in strings and half surrogate pairs are refused.
 *
 * The document owns every string handed out. A json_ref is a plain cursor that points to
 * the cursor that it came from (for the path), which must stay where it is while the
 * child is used. Read-only after parsing, so safe from any thread.
 *
 * The only user of cJSON. Its one global is the place of the last syntax error, which a
 * checked text does not have and nobody reads.
 */
#ifndef O2R_SOURCES_JSON_H
#define O2R_SOURCES_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct json_doc;

/* max_depth: arrays and objects inside each other. All failures are of class CORRUPT but
 * for memory. The text is not needed afterwards. */
int json_doc_parse(const char *text, size_t n, uint64_t max_depth, struct json_doc **out,
	struct o2r_err *err) O2R_MUST_CHECK;
void json_doc_destroy(struct json_doc *doc);

static inline void json_doc_cleanup(struct json_doc **doc)
{
	json_doc_destroy(*doc);
}

#define AUTO_JSON CLEANUP(json_doc_cleanup)

/* The same for a document that holds secrets: its strings are wiped. */
void json_doc_wipe(struct json_doc **doc);

#define AUTO_SECRET_JSON CLEANUP(json_doc_wipe)

struct json_ref {
	const void *node;
	const struct json_ref *parent; /* NULL: the outermost value */
	const char *key;               /* name in the parent, NULL in an array */
	size_t index;                  /* in an array */
};

/* The outermost value, which must be an object. */
int json_root(const struct json_doc *doc, struct json_ref *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The outermost value, which must be a list. */
int json_root_array(const struct json_doc *doc, struct json_ref *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Is there a member of that name, other than null? */
bool json_has(const struct json_ref *object, const char *key);

/*
 * The member `key` of an object: 1 with *out set, 0 when there is none or it is null,
 * class CORRUPT when it has another type. Sizes are integers from 0 to 2^53 - 1. key must
 * outlive the cursor.
 */
int json_get_object(const struct json_ref *object, const char *key, struct json_ref *out,
	struct o2r_err *err) O2R_MUST_CHECK;
int json_get_array(const struct json_ref *object, const char *key, struct json_ref *out,
	struct o2r_err *err) O2R_MUST_CHECK;
int json_get_string(const struct json_ref *object, const char *key, const char **out,
	struct o2r_err *err) O2R_MUST_CHECK;
int json_get_size(const struct json_ref *object, const char *key, uint64_t *out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* Turns the 0 of the calls above into "PATH.key is missing", 1 into 0. */
int json_need(int got, const struct json_ref *object, const char *key,
	struct o2r_err *err) O2R_MUST_CHECK;

size_t json_count(const struct json_ref *array);
/* The next element; *item zero-initialised begins. False behind the last one. */
bool json_next(const struct json_ref *array, struct json_ref *item);
/* The next member of an object, other than null, in the order of the text; its name is
 * item->key. */
bool json_next_member(const struct json_ref *object, struct json_ref *item);
/* For elements and members. */
int json_item_object(const struct json_ref *item, struct o2r_err *err) O2R_MUST_CHECK;
int json_item_string(const struct json_ref *item, const char **out,
	struct o2r_err *err) O2R_MUST_CHECK;

/* The place as text, for messages: "manifests[2].size", "the document". */
struct json_path {
	char s[200];
};
struct json_path json_path(const struct json_ref *at, const char *key);

#endif
