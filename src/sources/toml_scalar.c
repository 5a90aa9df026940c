/* Truth values, numbers, dates and times of TOML: words without quotation marks. */
#include <string.h>

#include "base/text.h"
#include "sources/toml_impl.h"

/* The word at hand, and how far it has been read. */
struct word {
	const char *p, *end;
};

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int peek(const struct word *w)
{
	return w->p < w->end ? (unsigned char)*w->p : -1;
}

static bool accept(struct word *w, char c)
{
	if (peek(w) != c)
		return false;
	w->p++;
	return true;
}

static bool accept_any(struct word *w, const char *set)
{
	int c = peek(w);

	if (c <= 0 || !strchr(set, c))
		return false;
	w->p++;
	return true;
}

static bool is_word(const struct word *w, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(w->end - w->p) == n && memcmp(w->p, text, n) == 0;
}

static int digit_value(int c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

/* Digits with single underscores between them. False when there is none, or the value
 * passes max. */
static bool read_digits(struct word *w, unsigned base, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	do {
		int d = digit_value(peek(w));

		if (d >= (int)base)
			return false;
		for (; d < (int)base; d = digit_value(peek(w))) {
			if (v > (max - (unsigned)d) / base)
				return false;
			v = v * base + (unsigned)d;
			w->p++;
		}
	} while (accept(w, '_'));
	*out = v;
	return true;
}

/* Digits whose value nobody wants. */
static bool skip_digits(struct word *w)
{
	do {
		if (!is_digit(peek(w)))
			return false;
		while (is_digit(peek(w)))
			w->p++;
	} while (accept(w, '_'));
	return true;
}

static bool read_integer(struct word w, int64_t *out)
{
	bool negative = peek(&w) == '-', sign = accept_any(&w, "+-");
	uint64_t max = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, v;
	unsigned base = 10;

	if (!sign && accept(&w, '0')) {
		base = accept(&w, 'x')   ? 16
		       : accept(&w, 'o') ? 8
		       : accept(&w, 'b') ? 2
					 : 10;
		if (base == 10)
			w.p--;
	}
	/* no digit may follow a leading zero */
	if (base == 10 && peek(&w) == '0' && w.end - w.p > 1)
		return false;
	if (!read_digits(&w, base, max, &v) || w.p != w.end)
		return false;
	*out = (int64_t)(negative ? -v : v);
	return true;
}

static bool is_float(struct word w)
{
	bool more = false;

	accept_any(&w, "+-");
	if (is_word(&w, "inf") || is_word(&w, "nan"))
		return true;
	if (!accept(&w, '0') && !skip_digits(&w))
		return false;
	if (accept(&w, '.')) {
		more = true;
		if (!skip_digits(&w))
			return false;
	}
	if (accept_any(&w, "eE")) {
		more = true;
		accept_any(&w, "+-");
		if (!skip_digits(&w))
			return false;
	}
	return more && w.p == w.end;
}

/* Exactly n digits with a value from min to max. */
static bool read_field(struct word *w, int n, unsigned min, unsigned max)
{
	unsigned v = 0;

	for (int i = 0; i < n; i++, w->p++) {
		if (!is_digit(peek(w)))
			return false;
		v = v * 10 + (unsigned)(peek(w) - '0');
	}
	return v >= min && v <= max;
}

/* 1979-05-27; which months have 31 days is not looked at. */
static bool read_date(struct word *w)
{
	return read_field(w, 4, 0, 9999) && accept(w, '-') && read_field(w, 2, 1, 12) &&
	       accept(w, '-') && read_field(w, 2, 1, 31);
}

/* 07:32:00.999 */
static bool read_time(struct word *w)
{
	if (!read_field(w, 2, 0, 23) || !accept(w, ':') || !read_field(w, 2, 0, 59) ||
		!accept(w, ':') || !read_field(w, 2, 0, 60))
		return false;
	if (!accept(w, '.'))
		return true;
	if (!is_digit(peek(w)))
		return false;
	while (is_digit(peek(w)))
		w->p++;
	return true;
}

static bool read_offset(struct word *w)
{
	if (accept_any(w, "zZ"))
		return true;
	return accept_any(w, "+-") && read_field(w, 2, 0, 23) && accept(w, ':') &&
	       read_field(w, 2, 0, 59);
}

static bool is_date(struct word w)
{
	struct word time = w;

	if (read_time(&time))
		return time.p == time.end;
	if (!read_date(&w))
		return false;
	if (w.p == w.end)
		return true;
	if (!accept_any(&w, "tT ") || !read_time(&w))
		return false;
	return w.p == w.end || (read_offset(&w) && w.p == w.end);
}

static bool in_word(int c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '-' || c == '+' || c == '.' || c == ':';
}

/* A date and its time may have one blank between them. */
static struct word next_word(struct toml_reader *r)
{
	struct word w = {.p = (const char *)r->p}, date;

	while (in_word(toml_peek(r)))
		r->p++;
	w.end = (const char *)r->p;
	date = w;
	if (read_date(&date) && date.p == date.end && r->end - r->p > 1 && *r->p == ' ' &&
		is_digit(r->p[1])) {
		r->p++;
		while (in_word(toml_peek(r)))
			r->p++;
		w.end = (const char *)r->p;
	}
	return w;
}

int toml_read_scalar(struct toml_reader *r, struct toml *out)
{
	struct word w = next_word(r);

	out->kind = TOML_BOOL;
	out->truth = is_word(&w, "true");
	if (out->truth || is_word(&w, "false"))
		return 0;
	out->kind = TOML_INTEGER;
	if (read_integer(w, &out->integer))
		return 0;
	out->kind = is_float(w) ? TOML_FLOAT : TOML_DATE;
	if (out->kind == TOML_FLOAT || is_date(w))
		return 0;
	if (w.p == w.end)
		return toml_fail(r, "no value where one is due");
	return toml_fail(r, "%s is no value (text needs quotation marks)",
		text_quote(w.p, (size_t)(w.end - w.p)).s);
}
