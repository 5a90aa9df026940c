#include "sources/json_check.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "base/vec.h"

struct check {
	const unsigned char *start, *p, *end;
	uint64_t depth, max_depth;
	size_t values;
	struct json_numbers *numbers;
	struct o2r_err *err;
};

static int check_value(struct check *c);

static int fail(const struct check *c, const char *what)
{
	if (c->p >= c->end)
		return err_corrupt(c->err, "the JSON is cut short at byte %zu",
			(size_t)(c->p - c->start));
	return err_corrupt(c->err, "not valid JSON: %s at byte %zu", what,
		(size_t)(c->p - c->start));
}

static void skip_space(struct check *c)
{
	while (c->p < c->end && memchr(" \t\r\n", *c->p, 4))
		c->p++;
}

static bool next_is(struct check *c, char want)
{
	if (c->p >= c->end || *c->p != (unsigned char)want)
		return false;
	c->p++;
	return true;
}

static int check_word(struct check *c, const char *word)
{
	for (; *word; word++)
		if (!next_is(c, *word))
			return fail(c, "an unknown word");
	return 0;
}

/* The four digits behind \u; value is the code unit. */
static int check_hex4(struct check *c, unsigned *value)
{
	*value = 0;
	for (int i = 0; i < 4; i++, c->p++) {
		static const char digits[] = "0123456789abcdef";
		const char *at = NULL;

		if (c->p < c->end && *c->p)
			at = strchr(digits,
				*c->p >= 'A' && *c->p <= 'F' ? *c->p | 0x20 : *c->p);
		if (!at)
			return fail(c, "a bad \\u escape");
		*value = *value << 4 | (unsigned)(at - digits);
	}
	return 0;
}

/* Behind \u. A NUL would end the string early; half of a surrogate pair is no character.
 */
static int check_unicode(struct check *c)
{
	unsigned hi, lo;
	int r = check_hex4(c, &hi);

	if (r < 0)
		return r;
	if (hi == 0)
		return fail(c, "a NUL in a string");
	if (hi >= 0xdc00 && hi <= 0xdfff)
		return fail(c, "half a surrogate pair");
	if (hi < 0xd800 || hi > 0xdfff)
		return 0;
	if (!next_is(c, '\\') || !next_is(c, 'u'))
		return fail(c, "half a surrogate pair");
	r = check_hex4(c, &lo);
	if (r < 0)
		return r;
	return lo >= 0xdc00 && lo <= 0xdfff ? 0 : fail(c, "half a surrogate pair");
}

static int check_escape(struct check *c)
{
	if (c->p >= c->end)
		return fail(c, "");
	if (next_is(c, 'u'))
		return check_unicode(c);
	if (!*c->p || !strchr("\"\\/bfnrt", *c->p))
		return fail(c, "an unknown escape");
	c->p++;
	return 0;
}

static int check_utf8(struct check *c)
{
	size_t left = (size_t)(c->end - c->p), len = text_utf8_len(c->p, left);

	/* C1 controls are refused there because a terminal obeys them; here they are text
	 */
	if (!len && left >= 2 && c->p[0] == 0xc2 && c->p[1] >= 0x80 && c->p[1] < 0xa0)
		len = 2;
	if (!len)
		return fail(c, "a byte that is not UTF-8");
	c->p += len;
	return 0;
}

static int check_string(struct check *c)
{
	int r = 0;

	if (!next_is(c, '"'))
		return fail(c, "no string where one is due");
	while (r == 0 && !next_is(c, '"')) {
		if (c->p >= c->end || *c->p < 0x20)
			return fail(c, "a control character in a string");
		if (next_is(c, '\\'))
			r = check_escape(c);
		else if (*c->p < 0x80)
			c->p++;
		else
			r = check_utf8(c);
	}
	return r;
}

static int check_digits(struct check *c)
{
	if (c->p >= c->end || *c->p < '0' || *c->p > '9')
		return fail(c, "a bad number");
	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
		c->p++;
	return 0;
}

static int note_number(struct check *c, const unsigned char *from, bool integer)
{
	struct json_numbers *n = c->numbers;
	uint64_t v = 0;

	for (const unsigned char *p = from; integer && p < c->p; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		integer = v < (1ULL << 53);
	}
	if (VEC_RESERVE(n->values, n->count, n->cap, 1, JSON_VALUES_MAX) < 0)
		return err_nomem(c->err);
	n->values[n->count++] = integer ? (double)v : -1;
	return 0;
}

static int check_number(struct check *c)
{
	const unsigned char *from = c->p;
	bool integer = !next_is(c, '-');
	int r;

	/* no digit may follow a leading zero */
	r = next_is(c, '0') ? 0 : check_digits(c);
	if (r == 0 && next_is(c, '.')) {
		integer = false;
		r = check_digits(c);
	}
	if (r == 0 && (next_is(c, 'e') || next_is(c, 'E'))) {
		integer = false;
		if (!next_is(c, '+'))
			next_is(c, '-');
		r = check_digits(c);
	}
	if (r < 0)
		return r;
	if (c->p - from > JSON_NUMBER_MAX)
		return err_corrupt(c->err,
			"a number of more than %d characters at byte %zu",
			JSON_NUMBER_MAX, (size_t)(from - c->start));
	return note_number(c, from, integer);
}

static int check_member(struct check *c)
{
	int r = check_string(c);

	if (r < 0)
		return r;
	skip_space(c);
	if (!next_is(c, ':'))
		return fail(c, "no colon behind a name");
	skip_space(c);
	return check_value(c);
}

static int enter(struct check *c)
{
	if (++c->depth > c->max_depth)
		return err_corrupt(c->err,
			"JSON nested deeper than %llu at byte %zu (raise it with --limit "
			"json-depth=N, at most %d)",
			(unsigned long long)c->max_depth, (size_t)(c->p - c->start),
			JSON_DEPTH_MAX);
	return 0;
}

/* Behind the opening bracket, up to and with the closing one. */
static int check_list(struct check *c, char close, int (*element)(struct check *c))
{
	int r = enter(c);

	if (r < 0)
		return r;
	skip_space(c);
	if (next_is(c, close)) {
		c->depth--;
		return 0;
	}
	do {
		skip_space(c);
		r = element(c);
		if (r < 0)
			return r;
		skip_space(c);
	} while (next_is(c, ','));
	if (!next_is(c, close))
		return fail(c, "no comma or closing bracket");
	c->depth--;
	return 0;
}

static int check_value(struct check *c)
{
	if (++c->values > JSON_VALUES_MAX)
		return err_corrupt(
			c->err, "JSON of more than %d values", JSON_VALUES_MAX);
	if (c->p >= c->end)
		return fail(c, "");
	if (next_is(c, '{'))
		return check_list(c, '}', check_member);
	if (next_is(c, '['))
		return check_list(c, ']', check_value);
	switch (*c->p) {
	case '"':
		return check_string(c);
	case 't':
		return check_word(c, "true");
	case 'f':
		return check_word(c, "false");
	case 'n':
		return check_word(c, "null");
	default:
		if (*c->p != '-' && (*c->p < '0' || *c->p > '9'))
			return fail(c, "no value where one is due");
		return check_number(c);
	}
}

int json_check(const char *text, size_t n, uint64_t max_depth, struct json_numbers *out,
	struct o2r_err *err)
{
	const unsigned char *p = (const unsigned char *)text;
	struct check c = {
		.start = p,
		.p = p,
		.end = p + n,
		.max_depth = MIN(max_depth, (uint64_t)JSON_DEPTH_MAX),
		.numbers = out,
		.err = err,
	};
	int r;

	skip_space(&c);
	r = check_value(&c);
	if (r < 0)
		return r;
	skip_space(&c);
	return c.p == c.end ? 0 : fail(&c, "something behind the document");
}

void json_numbers_finish(struct json_numbers *numbers)
{
	free(numbers->values);
	*numbers = (struct json_numbers){0};
}
