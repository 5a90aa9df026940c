/*
 * Strict check of a JSON text (RFC 8259) before a parser sees it. The parser used accepts
 * too much: it stops at the first value and ignores what follows, takes a NUL for the end
 * of a string, passes invalid UTF-8 on, and has its own idea of how deep is too deep.
 * What passes here it reads in one way only. No memory is kept, any thread.
 */
#ifndef O2R_SOURCES_JSON_CHECK_H
#define O2R_SOURCES_JSON_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	JSON_DEPTH_MAX = 1000,    /* arrays and objects inside each other */
	JSON_VALUES_MAX = 500000, /* values of one document, about 50 MB when parsed */
	JSON_NUMBER_MAX = 63, /* characters of a number; the parser cuts longer ones */
};

/*
 * The numbers of a document in the order of their appearance. The parser knows doubles
 * only, in which 0.99999999999999999999 is 1: here a number is itself when it was written
 * as an integer from 0 to 2^53 - 1, and -1 otherwise.
 */
struct json_numbers {
	double *values;
	size_t count, cap;
};

void json_numbers_finish(struct json_numbers *numbers);

/* Class CORRUPT with the byte at fault; depth over max_depth or JSON_DEPTH_MAX too. */
int json_check(const char *text, size_t n, uint64_t max_depth, struct json_numbers *out,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
