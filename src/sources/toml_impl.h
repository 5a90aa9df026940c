/* TOML reader, shared by its parts: toml.c (the tree), toml_parse.c (lines, keys, tables,
 * arrays), toml_string.c and toml_scalar.c (values without others in them). */
#ifndef O2R_SOURCES_TOML_IMPL_H
#define O2R_SOURCES_TOML_IMPL_H

#include "base/arena.h"
#include "base/buf.h"
#include "sources/toml.h"

/* What made a table says who may add to it. */
enum toml_origin {
	TOML_BY_HEADER,  /* [it] */
	TOML_BY_PASSING, /* [it.other]: may still get its own header, once */
	TOML_BY_DOTS,    /* it.other = 1: only keys of the same section add to it */
	TOML_INLINE,     /* {...}, and arrays [...]: complete as they stand */
	TOML_LIST,       /* array of tables, [[it]] */
};

struct toml {
	enum toml_kind kind;
	enum toml_origin origin; /* of tables and arrays */
	unsigned line;
	unsigned section; /* TOML_BY_DOTS: see above */
	const char *key;
	const struct toml *next; /* in its container */
	struct toml *first, *last;
	union {
		const char *string;
		bool truth;
		int64_t integer;
	};
};

struct toml_doc {
	struct arena arena;
	struct toml root;
};

struct toml_reader {
	const unsigned char *p, *end;
	unsigned line;
	size_t values;
	unsigned depth;
	unsigned sections; /* headers and inline tables so far */
	struct toml_doc *doc;
	struct toml *table; /* that the last header named */
	unsigned section;   /* its number */
	struct o2r_err *err;
};

/* CORRUPT, with the line in front. */
int toml_fail(const struct toml_reader *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3))) O2R_MUST_CHECK;

/* At a quotation mark: a string of any of the four kinds, or of the two that keys may be.
 * *out is the document's. */
int toml_read_string(struct toml_reader *r, bool key, const char **out) O2R_MUST_CHECK;
/* Truth values, numbers, dates: fills kind and value. */
int toml_read_scalar(struct toml_reader *r, struct toml *out) O2R_MUST_CHECK;

/* The next byte, -1 at the end. */
static inline int toml_peek(const struct toml_reader *r)
{
	return r->p < r->end ? *r->p : -1;
}

static inline bool toml_accept(struct toml_reader *r, int c)
{
	if (toml_peek(r) != c)
		return false;
	r->p++;
	return true;
}

/* Past a newline (LF or CR LF), counted. */
static inline bool toml_accept_newline(struct toml_reader *r)
{
	size_t n = toml_peek(r) == '\r' && r->end - r->p > 1 && r->p[1] == '\n' ? 2
		   : toml_peek(r) == '\n'                                       ? 1
										: 0;

	r->p += n;
	r->line += n != 0;
	return n != 0;
}

static inline void toml_skip_blanks(struct toml_reader *r)
{
	while (toml_peek(r) == ' ' || toml_peek(r) == '\t')
		r->p++;
}

#endif
