#include "sources/registry/error_document.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sources/json.h"

enum {
	DEPTH_MAX = 32,
};

static void add(struct error_document *e, const char *separator, const char *s, size_t n)
{
	size_t at = strlen(e->text);

	snprintf(e->text + at, sizeof(e->text) - at, "%s%s", at ? separator : "",
		text_quote(s, n).s);
}

/* A member that is a string; others (detail may be anything) are not of interest. */
static const char *member(const struct json_ref *error, const char *key)
{
	const char *s = NULL;

	return json_get_string(error, key, &s, NULL) == 1 && *s ? s : NULL;
}

static void add_error(struct error_document *e, const struct json_ref *error)
{
	const char *code = member(error, "code"), *message = member(error, "message");
	const char *detail = member(error, "detail");

	if (code && !e->code[0])
		snprintf(e->code, sizeof(e->code), "%s", code);
	if (code)
		add(e, "; ", code, strlen(code));
	if (message)
		add(e, code ? ": " : "; ", message, strlen(message));
	if (detail && (!message || strcmp(detail, message) != 0))
		add(e, ", ", detail, strlen(detail));
}

static bool read_errors(struct error_document *e, const char *body, size_t n)
{
	AUTO_JSON struct json_doc *doc = NULL;
	struct json_ref root, list, item = {0};

	if (json_doc_parse(body, n, DEPTH_MAX, &doc, NULL) < 0 ||
		json_root(doc, &root, NULL) < 0 ||
		json_get_array(&root, "errors", &list, NULL) != 1)
		return false;
	for (unsigned i = 0; i < ERROR_DOCUMENT_SHOWN && json_next(&list, &item); i++)
		if (json_item_object(&item, NULL) == 0)
			add_error(e, &item);
	return true;
}

struct error_document error_document_read(
	const char *body, size_t n, const char *media_type)
{
	struct error_document e = {0};

	if (!n || read_errors(&e, body, n))
		return e;
	/* one line of plain text often says why; a page does not */
	if (media_type && strncmp(media_type, "text/plain", 10) == 0) {
		while (n && strchr(" \t\r\n", body[n - 1]))
			n--;
		if (n && n <= 200 && !memchr(body, '\n', n))
			add(&e, "", body, n);
	}
	return e;
}
