/* Strings of TOML: basic and literal, of one line and of several. */
#include <string.h>

#include "base/text.h"
#include "sources/toml_impl.h"

static int append(struct toml_reader *r, struct buf *out, const void *p, size_t n)
{
	return buf_append(out, p, n) < 0 ? err_nomem(r->err) : 0;
}

/* A code point as UTF-8. */
static int append_char(struct toml_reader *r, struct buf *out, unsigned c)
{
	unsigned char u[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1) {
		u[0] = (unsigned char)c;
	} else {
		for (size_t i = n - 1; i > 0; i--, c >>= 6)
			u[i] = (unsigned char)(0x80 | (c & 0x3f));
		u[0] = (unsigned char)(0xf00 >> n | c);
	}
	return append(r, out, u, n);
}

/* The digits behind \u and \U. */
static int read_code_point(struct toml_reader *r, int digits, struct buf *out)
{
	unsigned c = 0;

	for (int i = 0; i < digits; i++, r->p++) {
		int d = toml_peek(r);
		int lower = d | 0x20;

		if (d >= '0' && d <= '9')
			d -= '0';
		else if (lower >= 'a' && lower <= 'f' && d > 0)
			d = lower - 'a' + 10;
		else
			return toml_fail(r, "an escape \\%c needs %d hexadecimal digits",
				digits == 4 ? 'u' : 'U', digits);
		c = c << 4 | (unsigned)d;
	}
	if (c == 0)
		return toml_fail(r, "a NUL in a string");
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_fail(r, "an escape that is no Unicode character");
	return append_char(r, out, c);
}

/* A backslash at the end of a line: it, and all blanks and newlines up to the next
 * character, are not there. */
static bool skip_line_end(struct toml_reader *r)
{
	const unsigned char *at = r->p;

	toml_skip_blanks(r);
	if (!toml_accept_newline(r)) {
		r->p = at;
		return false;
	}
	do
		toml_skip_blanks(r);
	while (toml_accept_newline(r));
	return true;
}

/* Behind the backslash. */
static int read_escape(struct toml_reader *r, bool lines, struct buf *out)
{
	static const char letters[] = "btnfr\"\\", meaning[] = "\b\t\n\f\r\"\\";
	int c = toml_peek(r);
	const char *at = c > 0 ? strchr(letters, c) : NULL;

	if (lines && skip_line_end(r))
		return 0;
	if (at) {
		r->p++;
		return append(r, out, &meaning[at - letters], 1);
	}
	if (toml_accept(r, 'u'))
		return read_code_point(r, 4, out);
	if (toml_accept(r, 'U'))
		return read_code_point(r, 8, out);
	return toml_fail(r, "an unknown escape in a string");
}

/* One character that stands for itself; the text is known to be UTF-8. */
static int read_plain(struct toml_reader *r, bool lines, struct buf *out)
{
	const unsigned char *at = r->p;
	int c = toml_peek(r);

	if (c < 0)
		return toml_fail(r, "a string that does not end");
	if (lines && toml_accept_newline(r))
		return append(r, out, at, (size_t)(r->p - at));
	if (!lines && toml_accept_newline(r)) {
		r->line--;
		return toml_fail(r, "a string that does not end on its line");
	}
	if ((c < 0x20 && c != '\t') || c == 0x7f)
		return toml_fail(r, "a control character in a string");
	r->p++;
	return append(r, out, at, 1);
}

/* Up to and with the one mark that ends it. */
static int read_line_string(struct toml_reader *r, int mark, struct buf *out)
{
	int s = 0;

	while (s == 0 && !toml_accept(r, mark))
		s = mark == '"' && toml_accept(r, '\\') ? read_escape(r, false, out)
							: read_plain(r, false, out);
	return s;
}

/* Marks in a row: fewer than three are text, of four or five the first ones are. */
static int count_marks(struct toml_reader *r, int mark)
{
	int n = 0;

	while (n < 5 && toml_accept(r, mark))
		n++;
	return n;
}

static int read_lines_string(struct toml_reader *r, int mark, struct buf *out)
{
	const char marks[] = {(char)mark, (char)mark};
	unsigned begun = r->line;

	toml_accept_newline(r);
	for (;;) {
		int n = count_marks(r, mark), s;
		int text = n >= 3 ? n - 3 : n;

		s = append(r, out, marks, (size_t)text);
		if (s < 0 || n >= 3)
			return s;
		if (toml_peek(r) < 0)
			r->line = begun; /* of use to who looks for it */
		s = mark == '"' && toml_accept(r, '\\') ? read_escape(r, true, out)
							: read_plain(r, true, out);
		if (s < 0)
			return s;
	}
}

int toml_read_string(struct toml_reader *r, bool key, const char **out)
{
	AUTO_BUF struct buf text = {.max = TOML_BYTES_MAX};
	int mark = *r->p++, s;
	bool three = r->end - r->p >= 2 && r->p[0] == mark && r->p[1] == mark;

	if (three && key)
		return toml_fail(r, "a key of several lines");
	if (three)
		r->p += 2;
	s = three ? read_lines_string(r, mark, &text) : read_line_string(r, mark, &text);
	if (s < 0)
		return s;
	*out = arena_dup(&r->doc->arena, text.len ? text.data : "", text.len);
	return *out ? 0 : err_nomem(r->err);
}
