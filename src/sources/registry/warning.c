#include "sources/registry/warning.h"

#include <stdbool.h>
#include <string.h>

static const char *blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* A quoted string at s, without its quotes and backslashes, to text[0 .. cap). Returns
 * what is behind it, NULL when it does not end. */
static const char *unquote(const char *s, char *text, size_t cap, size_t *n)
{
	*n = 0;
	if (*s != '"')
		return NULL;
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		if (*n < cap)
			text[(*n)++] = *s;
	}
	return *s == '"' ? s + 1 : NULL;
}

/* code SP agent SP "text" [SP "date"]; *s moves behind it and its comma. False when there
 * is none. */
static bool next_warning(const char **s, bool *is_299, char *text, size_t cap, size_t *n)
{
	char date[64];
	size_t date_len;
	const char *p = blanks(*s);
	size_t digits = strspn(p, "0123456789");

	*is_299 = digits == 3 && strncmp(p, "299", 3) == 0;
	if (digits != 3 || p[3] != ' ')
		return false;
	p = blanks(p + digits);
	p += strcspn(p, " \t\"");
	p = unquote(blanks(p), text, cap, n);
	if (!p)
		return false;
	p = blanks(p);
	if (*p == '"') {
		p = unquote(p, date, sizeof(date), &date_len);
		if (!p)
			return false;
		p = blanks(p);
	}
	if (*p && *p != ',')
		return false;
	*s = *p ? p + 1 : p;
	return true;
}

int warning_texts(const char *line, struct strings *out)
{
	char copy[WARNING_LINE_MAX + 1], text[WARNING_LINE_MAX];
	const char *s = copy;
	bool is_299;
	size_t n;

	copy[0] = '\0';
	strncat(copy, line, WARNING_LINE_MAX);
	for (unsigned i = 0; i < WARNING_TEXTS_MAX && *s; i++) {
		if (!next_warning(&s, &is_299, text, sizeof(text), &n))
			return 0;
		if (!is_299 || !n)
			continue;

		int r = strings_add(out, text, n);

		if (r < 0)
			return r;
	}
	return 0;
}
