#include "sources/name_note.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static const char first_line[] = "o2r name 1\n";

/* Visible ASCII without blanks, so that a line is one word. */
static bool is_word(const char *s, size_t n)
{
	if (!n || n > NAME_NOTE_WORD_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

int name_note_encode(const char *name, const struct digest *d, const char *media_type,
	struct buf *out, struct o2r_err *err)
{
	struct digest sum;

	if (!is_word(name, strlen(name)))
		return err_set(err, ERR_FAIL, EINVAL, "\"%s\" is no name to be noted",
			text_quote(name, strlen(name)).s);

	int r = buf_printf(
		out, "%sname %s\ndigest %s\n", first_line, name, digest_format(d).s);

	if (r == 0 && media_type && is_word(media_type, strlen(media_type)))
		r = buf_printf(out, "type %s\n", media_type);
	if (r < 0)
		return err_nomem(err);
	r = digest_of(DIGEST_SHA256, out->data, out->len, &sum, err);
	if (r == 0 && buf_printf(out, "%s\n", digest_format(&sum).s) < 0)
		r = err_nomem(err);
	return r;
}

struct word {
	const char *s;
	size_t n;
};

/* The word behind `key` in the line at *p, which is moved behind that line. */
static bool take(const char **p, const char *end, const char *key, struct word *out)
{
	size_t n = strlen(key);
	const char *line = *p;
	const char *stop = memchr(line, '\n', (size_t)(end - line));

	if (!stop || (size_t)(stop - line) < n || memcmp(line, key, n) != 0)
		return false;
	*out = (struct word){line + n, (size_t)(stop - line) - n};
	*p = stop + 1;
	return is_word(out->s, out->n);
}

/* There is one way to write a note: what else it may hold, its sum too, is compared with
 * that. */
static int compare(const char *p, size_t n, const char *name, const struct digest *d,
	const char *media_type, struct o2r_err *err)
{
	AUTO_BUF struct buf again = {.max = NAME_NOTE_MAX};
	int r = name_note_encode(name, d, media_type, &again, err);

	if (r < 0)
		return r;
	if (again.len != n || memcmp(again.data, p, n) != 0)
		return err_corrupt(err, "the note of a name is damaged");
	return 0;
}

int name_note_parse(const char *p, size_t n, const char *name, struct digest *d,
	char **media_type, struct o2r_err *err)
{
	const char *at = p + strlen(first_line), *end = p + n;
	AUTO_FREE char *type = NULL;
	struct word is, digest, word;
	struct digest found;

	if (n > NAME_NOTE_MAX || n < strlen(first_line) ||
		memcmp(p, first_line, strlen(first_line)) != 0 ||
		!take(&at, end, "name ", &is) || !take(&at, end, "digest ", &digest))
		return err_corrupt(err, "this is no note of a name");
	if (is.n != strlen(name) || memcmp(is.s, name, is.n) != 0)
		return err_corrupt(err, "the note is of another name");
	if (take(&at, end, "type ", &word) && !(type = strndup(word.s, word.n)))
		return err_nomem(err);

	int r = digest_parse(digest.s, digest.n, &found, err);

	if (r == 0)
		r = compare(p, n, name, &found, type, err);
	if (r < 0)
		return r;
	*d = found;
	*media_type = STEAL(type);
	return 0;
}
