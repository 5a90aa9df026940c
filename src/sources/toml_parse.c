/* Lines of a TOML document: keys, headers, arrays and inline tables. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sources/toml_impl.h"

struct key {
	const char *parts[TOML_KEY_PARTS_MAX];
	unsigned count;
};

static int read_value(struct toml_reader *r, struct toml *out);

int toml_fail(const struct toml_reader *r, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_corrupt(r->err, "line %u: %s", r->line, text);
}

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* ---- the tree */

static struct toml *find(const struct toml *table, const char *key)
{
	return (struct toml *)toml_find(table, key);
}

/* A new value at the end of a table (under a key) or array. */
static int add(struct toml_reader *r, struct toml *to, const char *key, struct toml **out)
{
	struct toml *v;

	if (++r->values > TOML_VALUES_MAX)
		return toml_fail(r, "more than %d values", TOML_VALUES_MAX);
	v = arena_alloc(&r->doc->arena, sizeof(*v), _Alignof(struct toml));
	if (!v)
		return err_nomem(r->err);
	*v = (struct toml){.line = r->line, .key = key};
	if (to->last)
		to->last->next = v;
	else
		to->first = v;
	to->last = v;
	*out = v;
	return 0;
}

static int add_container(struct toml_reader *r, struct toml *to, const char *key,
	enum toml_kind kind, enum toml_origin origin, struct toml **out)
{
	int s = add(r, to, key, out);

	if (s < 0)
		return s;
	(*out)->kind = kind;
	(*out)->origin = origin;
	(*out)->section = r->section;
	return 0;
}

/* ---- blanks, comments, ends of lines */

/* Without its newline. */
static int skip_comment(struct toml_reader *r)
{
	toml_skip_blanks(r);
	if (!toml_accept(r, '#'))
		return 0;
	for (int c; (c = toml_peek(r)) >= 0; r->p++) {
		if (c == '\n' || (c == '\r' && r->end - r->p > 1 && r->p[1] == '\n'))
			break;
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return toml_fail(r, "a control character in a comment");
	}
	return 0;
}

static int expect_line_end(struct toml_reader *r, const char *behind)
{
	int s = skip_comment(r);

	if (s < 0 || toml_peek(r) < 0 || toml_accept_newline(r))
		return s;
	return toml_fail(r, "something follows %s on its line", behind);
}

/* In arrays: any number of lines. */
static int skip_lines(struct toml_reader *r)
{
	int s;

	do
		s = skip_comment(r);
	while (s == 0 && toml_accept_newline(r));
	return s;
}

/* ---- keys */

static bool is_bare(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static int read_key_part(struct toml_reader *r, const char **out)
{
	const unsigned char *from = r->p;

	if (toml_peek(r) == '"' || toml_peek(r) == '\'')
		return toml_read_string(r, true, out);
	while (is_bare(toml_peek(r)))
		r->p++;
	if (r->p == from)
		return toml_fail(r, "no key where one is due");
	*out = arena_dup(&r->doc->arena, from, (size_t)(r->p - from));
	return *out ? 0 : err_nomem(r->err);
}

/* Up to what follows its last blanks. */
static int read_key(struct toml_reader *r, struct key *key)
{
	int s;

	key->count = 0;
	do {
		if (key->count == TOML_KEY_PARTS_MAX)
			return toml_fail(
				r, "a key of more than %d parts", TOML_KEY_PARTS_MAX);
		toml_skip_blanks(r);
		s = read_key_part(r, &key->parts[key->count++]);
		if (s < 0)
			return s;
		toml_skip_blanks(r);
	} while (toml_accept(r, '.'));
	return 0;
}

static int twice(struct toml_reader *r, const char *name, const struct toml *first)
{
	return toml_fail(
		r, "%s is there already, on line %u", quote(name).s, first->line);
}

/* For a.b.c = ...: the table b in a. It may be there if dots of the same section made it.
 */
static int step_by_dots(struct toml_reader *r, const char *name, struct toml **table)
{
	struct toml *next = find(*table, name);

	if (!next)
		return add_container(r, *table, name, TOML_TABLE, TOML_BY_DOTS, table);
	if (next->kind != TOML_TABLE || next->origin != TOML_BY_DOTS ||
		next->section != r->section)
		return twice(r, name, next);
	*table = next;
	return 0;
}

/* KEY = VALUE into a table. */
static int read_pair(struct toml_reader *r, struct toml *table)
{
	struct key key;
	struct toml *value;
	int s = read_key(r, &key);

	for (unsigned i = 0; s == 0 && i + 1 < key.count; i++)
		s = step_by_dots(r, key.parts[i], &table);
	if (s < 0)
		return s;

	const char *name = key.parts[key.count - 1];

	value = find(table, name);
	if (value)
		return twice(r, name, value);
	if (!toml_accept(r, '='))
		return toml_fail(r, "no = behind the key %s", quote(name).s);
	toml_skip_blanks(r);
	s = add(r, table, name, &value);
	return s < 0 ? s : read_value(r, value);
}

/* ---- values */

static int read_array(struct toml_reader *r, struct toml *array)
{
	struct toml *item = NULL;
	int s;

	array->kind = TOML_ARRAY;
	array->origin = TOML_INLINE;
	for (;;) {
		s = skip_lines(r);
		if (s < 0 || toml_accept(r, ']'))
			return s;
		s = add(r, array, NULL, &item);
		if (s == 0)
			s = read_value(r, item);
		if (s == 0)
			s = skip_lines(r);
		if (s < 0 || toml_accept(r, ']'))
			return s;
		if (!toml_accept(r, ','))
			return toml_fail(
				r, "no comma or ] in the array of line %u", array->line);
	}
}

static int read_pairs(struct toml_reader *r, struct toml *table)
{
	int s;

	toml_skip_blanks(r);
	if (toml_accept(r, '}'))
		return 0;
	do {
		s = read_pair(r, table);
		if (s < 0)
			return s;
		toml_skip_blanks(r);
	} while (toml_accept(r, ','));
	return toml_accept(r, '}') ? 0 : toml_fail(r, "no comma or } in an inline table");
}

static int read_inline_table(struct toml_reader *r, struct toml *table)
{
	unsigned outer = r->section;
	int s;

	table->kind = TOML_TABLE;
	table->origin = TOML_INLINE;
	/* dots in it make tables of its own */
	r->section = ++r->sections;
	s = read_pairs(r, table);
	r->section = outer;
	return s;
}

static int read_value(struct toml_reader *r, struct toml *out)
{
	int c = toml_peek(r), s;

	if (c == '"' || c == '\'') {
		out->kind = TOML_STRING;
		return toml_read_string(r, false, &out->string);
	}
	if (c != '[' && c != '{')
		return toml_read_scalar(r, out);
	if (++r->depth > TOML_DEPTH_MAX)
		return toml_fail(r, "nested deeper than %d", TOML_DEPTH_MAX);
	r->p++;
	s = c == '[' ? read_array(r, out) : read_inline_table(r, out);
	r->depth--;
	return s;
}

/* ---- headers */

/* For [a.b.c]: from a into b. Of an array of tables the last one is meant. */
static int step_by_header(struct toml_reader *r, const char *name, struct toml **table)
{
	struct toml *next = find(*table, name);

	if (!next)
		return add_container(r, *table, name, TOML_TABLE, TOML_BY_PASSING, table);
	if (next->kind == TOML_ARRAY && next->origin == TOML_LIST)
		next = next->last;
	if (next->kind != TOML_TABLE || next->origin == TOML_INLINE)
		return twice(r, name, next);
	*table = next;
	return 0;
}

/* [a.b.name] */
static int begin_table(struct toml_reader *r, const char *name, struct toml *in)
{
	struct toml *old = find(in, name);

	if (!old)
		return add_container(r, in, name, TOML_TABLE, TOML_BY_HEADER, &r->table);
	if (old->kind != TOML_TABLE || old->origin != TOML_BY_PASSING)
		return twice(r, name, old);
	old->origin = TOML_BY_HEADER;
	old->line = r->line;
	r->table = old;
	return 0;
}

/* [[a.b.name]] */
static int begin_element(struct toml_reader *r, const char *name, struct toml *in)
{
	struct toml *list = find(in, name);
	int s = 0;

	if (list && (list->kind != TOML_ARRAY || list->origin != TOML_LIST))
		return twice(r, name, list);
	if (!list)
		s = add_container(r, in, name, TOML_ARRAY, TOML_LIST, &list);
	return s < 0 ? s
		     : add_container(
			       r, list, NULL, TOML_TABLE, TOML_BY_HEADER, &r->table);
}

/* Behind the first bracket. */
static int read_header(struct toml_reader *r)
{
	bool element = toml_accept(r, '[');
	struct toml *in = &r->doc->root;
	struct key key;
	int s = read_key(r, &key);

	if (s < 0)
		return s;
	if (!toml_accept(r, ']') || (element && !toml_accept(r, ']')))
		return toml_fail(
			r, "a header that does not end with %s", element ? "]]" : "]");
	r->section = ++r->sections;
	for (unsigned i = 0; s == 0 && i + 1 < key.count; i++)
		s = step_by_header(r, key.parts[i], &in);
	if (s < 0)
		return s;

	const char *name = key.parts[key.count - 1];

	return element ? begin_element(r, name, in) : begin_table(r, name, in);
}

static int read_line(struct toml_reader *r)
{
	bool header;
	int c, s;

	toml_skip_blanks(r);
	c = toml_peek(r);
	if (c == '#' || c == '\n' || c < 0)
		return expect_line_end(r, "a comment");
	if (c == '\r')
		return toml_accept_newline(r)
			       ? 0
			       : toml_fail(r, "a carriage return without a newline");
	header = toml_accept(r, '[');
	s = header ? read_header(r) : read_pair(r, r->table);
	return s < 0 ? s : expect_line_end(r, header ? "a header" : "a value");
}

/* ---- the document */

static int check_utf8(struct toml_reader *r)
{
	for (const unsigned char *p = r->p; p < r->end;) {
		size_t left = (size_t)(r->end - p), n = *p < 0x80;

		if (!n)
			n = text_utf8_len(p, left);
		/* C1 controls are refused there because a terminal obeys them */
		if (!n && left >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			n = 2;
		if (!n)
			return toml_fail(r, "a byte that is not UTF-8");
		r->line += *p == '\n';
		p += n;
	}
	r->line = 1;
	return 0;
}

int toml_parse(const char *text, size_t n, struct toml_doc **out, struct o2r_err *err)
{
	AUTO_TOML struct toml_doc *doc = calloc(1, sizeof(*doc));
	const unsigned char *p = (const unsigned char *)text;
	struct toml_reader r = {
		.p = p,
		.end = p + n,
		.line = 1,
		.doc = doc,
		.err = err,
	};
	int s;

	if (!doc)
		return err_nomem(err);
	if (n > TOML_BYTES_MAX)
		return err_corrupt(err, "more than %d bytes", TOML_BYTES_MAX);
	doc->root.line = 1;
	r.table = &doc->root;
	/* what some editors put in front */
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.p += 3;
	s = check_utf8(&r);
	while (s == 0 && r.p < r.end)
		s = read_line(&r);
	if (s < 0)
		return s;
	*out = STEAL(doc);
	return 0;
}
