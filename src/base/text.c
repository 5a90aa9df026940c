#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t text_utf8_len(const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	size_t len = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
		     : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						   : 0;

	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	/* C1 controls can drive a terminal too */
	if (p[0] == 0xc2 && p[1] < 0xa0)
		return 0;
	return len;
}

static size_t quote_some(char *out, size_t cap, const unsigned char *p, size_t n)
{
	size_t o = 0, i = 0;

	while (i < n) {
		size_t take = 1;
		char esc[8];

		if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\\') {
			esc[0] = (char)p[i];
			esc[1] = '\0';
		} else if (p[i] >= 0x80 && (take = text_utf8_len(p + i, n - i)) > 0) {
			memcpy(esc, p + i, take);
			esc[take] = '\0';
		} else {
			take = 1;
			snprintf(esc, sizeof(esc), "\\x%02x", p[i]);
		}

		size_t len = strlen(esc);

		if (o + len >= cap)
			break;
		memcpy(out + o, esc, len);
		o += len;
		i += take;
	}
	out[o] = '\0';
	return i;
}

struct quoted text_quote(const void *p, size_t n)
{
	struct quoted q;
	size_t head = sizeof(q.s) / 2 - 4;

	if (quote_some(q.s, sizeof(q.s), p, n) == n)
		return q;
	quote_some(q.s, head, p, n);

	size_t at = strlen(q.s);

	memcpy(q.s + at, "...", 3);
	at += 3;
	/* as much of the tail as fits even when every byte is quoted */
	size_t tail = (sizeof(q.s) - at) / 4 - 1;
	const unsigned char *end = (const unsigned char *)p + n;

	/* not the rest of a character */
	while (tail && (end[-(ptrdiff_t)tail] & 0xc0) == 0x80)
		tail--;

	quote_some(q.s + at, sizeof(q.s) - at, end - tail, tail);
	return q;
}

static bool is_digest(const char *s, size_t n)
{
	return n >= 7 && (memcmp(s, "sha256:", 7) == 0 || memcmp(s, "sha512:", 7) == 0);
}

size_t text_user_part(const char *s, size_t n, size_t *from)
{
	const char *scheme = memmem(s, n, "://", 3);
	const char *begin = scheme ? scheme + 3 : s, *end = s + n;
	const char *at = memrchr(begin, '@', (size_t)(end - begin));

	while (at && is_digest(at + 1, (size_t)(end - at) - 1))
		at = memrchr(begin, '@', (size_t)(at - begin));
	if (!at)
		return 0;

	size_t before = (size_t)(at - begin), after = (size_t)(end - at) - 1;

	/* what is no URL may be a name with a bad digest: that has no slash in it, and no
	 * colon before any slash in front of it unless there is a tag */
	if (!scheme && !memchr(at + 1, '/', after) &&
		(!memchr(begin, ':', before) || memchr(begin, '/', before)))
		return 0;
	*from = (size_t)(begin - s);
	return before + 1;
}

struct quoted text_quote_place(const char *s, size_t n)
{
	size_t from = 0, hidden = text_user_part(s, n, &from);
	struct quoted scheme, rest, q;

	if (!hidden)
		return text_quote(s, n);
	scheme = text_quote(s, from);
	rest = text_quote(s + from + hidden, n - from - hidden);
	snprintf(q.s, sizeof(q.s), "%.30s***@%.160s", scheme.s, rest.s);
	return q;
}

struct quoted text_size(uint64_t bytes)
{
	static const char *const unit[] = {
		"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct quoted q;
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1024 && u + 1 < sizeof(unit) / sizeof(unit[0])) {
		v /= 1024;
		u++;
	}
	snprintf(q.s, sizeof(q.s), u && v < 10 ? "%.1f %s" : "%.0f %s", v, unit[u]);
	return q;
}
