/*
 * What servers say besides their answers. The first byte chooses: Retry-After, Warning,
 * or a document that comes with an error (its media type up to the first newline).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/error_document.h"
#include "sources/registry/retry_after.h"
#include "sources/registry/warning.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Fit for a message: one line, nothing that drives a terminal. */
static void check_text(const char *s)
{
	for (; *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void retry_after(const char *text)
{
	uint32_t seconds = 7;
	int64_t sec;

	if (!retry_after_parse(text, 1700000000, &seconds))
		must(seconds == 7);
	/* from the first to the last year of four digits */
	if (http_date_parse(text, 1700000000, &sec))
		must(sec >= -2208988800 && sec <= 253402300800);
}

static void warning(const char *text)
{
	CLEANUP(strings_finish) struct strings s = {0};

	must(warning_texts(text, &s) == 0);
	must(s.count <= WARNING_TEXTS_MAX);
	for (size_t i = 0; i < s.count; i++)
		must(s.s[i][0] && strlen(s.s[i]) <= strlen(text));
}

static void error_document(char *text, size_t n)
{
	char *newline = memchr(text, '\n', n);
	const char *type = newline ? text : NULL, *body = newline ? newline + 1 : text;
	struct error_document e;

	if (newline)
		*newline = '\0';
	e = error_document_read(body, n - (size_t)(body - text), type);
	check_text(e.text);
	must(strlen(e.code) < sizeof(e.code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = size ? malloc(size) : NULL;

	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0]) {
	case 'r':
		retry_after(text);
		return 0;
	case 'w':
		warning(text);
		return 0;
	default:
		error_document(text, size - 1);
		return 0;
	}
}
