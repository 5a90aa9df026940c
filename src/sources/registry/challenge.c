#include "sources/registry/challenge.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

struct cursor {
	const char *p, *end;
};

static bool at(const struct cursor *c, char want)
{
	return c->p < c->end && *c->p == want;
}

static void skip_space(struct cursor *c)
{
	while (at(c, ' ') || at(c, '\t'))
		c->p++;
}

/* Lists may have empty elements (RFC 9110, 5.6.1). */
static void skip_commas(struct cursor *c)
{
	while (at(c, ' ') || at(c, '\t') || at(c, ','))
		c->p++;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_token(char c)
{
	return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token68(char c)
{
	return is_alnum(c) || (c && strchr("-._~+/", c));
}

struct word {
	const char *p;
	size_t n;
};

static bool take_token(struct cursor *c, struct word *w)
{
	w->p = c->p;
	while (c->p < c->end && is_token(*c->p))
		c->p++;
	w->n = (size_t)(c->p - w->p);
	return w->n > 0;
}

static bool word_is(const struct word *w, const char *s)
{
	return w->n == strlen(s) && strncasecmp(w->p, s, w->n) == 0;
}

/* One that stands for a whole list of parameters: "Negotiate YII...=". */
static bool skip_token68(struct cursor *c)
{
	struct cursor try = *c;

	while (try.p < try.end && is_token68(*try.p))
		try.p++;
	if (try.p == c->p)
		return false;
	while (at(&try, '='))
		try.p++;
	skip_space(&try);
	if (try.p < try.end && *try.p != ',')
		return false;
	*c = try;
	return true;
}

/* A name and its equals sign, which may have blanks around it. */
static bool take_name(struct cursor *c, struct word *name)
{
	struct cursor try = *c;

	if (!take_token(&try, name))
		return false;
	skip_space(&try);
	if (!at(&try, '='))
		return false;
	try.p++;
	skip_space(&try);
	*c = try;
	return true;
}

/* Behind the opening quote; the escapes are undone. 0, -EBADMSG, -ENOMEM. */
static int take_quoted(struct cursor *c, char **out)
{
	AUTO_FREE char *s = malloc((size_t)(c->end - c->p) + 1);
	size_t n = 0;

	if (!s)
		return -ENOMEM;
	for (; !at(c, '"'); c->p++) {
		if (at(c, '\\'))
			c->p++;
		if (c->p >= c->end)
			return -EBADMSG;
		s[n++] = *c->p;
	}
	c->p++;
	s[n] = '\0';
	*out = STEAL(s);
	return 0;
}

/* A token; URLs are written without quotes too, so what is plain is taken as it is. */
static int take_plain(struct cursor *c, char **out)
{
	const char *from = c->p;

	while (c->p < c->end && !strchr(", \t\"\\", *c->p))
		c->p++;
	if (c->p == from)
		return -EBADMSG;
	*out = strndup(from, (size_t)(c->p - from));
	return *out ? 0 : -ENOMEM;
}

static int take_parameter(
	struct cursor *c, const struct word *name, struct challenge *challenge)
{
	AUTO_FREE char *value = NULL;
	char **to = word_is(name, "realm")     ? &challenge->realm
		    : word_is(name, "service") ? &challenge->service
		    : word_is(name, "scope")   ? &challenge->scope
		    : word_is(name, "error")   ? &challenge->error
					       : NULL;
	int r;

	if (at(c, '"')) {
		c->p++;
		r = take_quoted(c, &value);
	} else {
		r = take_plain(c, &value);
	}
	if (r < 0)
		return r;
	/* a comma that was forgotten does no harm */
	if (c->p < c->end && !strchr(", \t", *c->p))
		return -EBADMSG;
	if (!to)
		return 0;
	/* twice: readers would differ in which one counts */
	if (*to)
		return -EBADMSG;
	*to = STEAL(value);
	return 0;
}

/* What follows a comma is a parameter of this challenge, or the next challenge. */
static int take_parameters(struct cursor *c, struct challenge *challenge)
{
	struct word name;
	int r = 0;

	if (skip_token68(c))
		return 0;
	if (c->p < c->end && *c->p != ',' &&
		!take_name(&(struct cursor){c->p, c->end}, &name))
		return -EBADMSG;
	for (;;) {
		struct cursor before = *c;

		skip_commas(c);
		if (!take_name(c, &name)) {
			*c = before;
			return 0;
		}
		r = take_parameter(c, &name, challenge);
		if (r < 0)
			return r;
	}
}

static enum challenge_kind kind_of(const struct word *scheme)
{
	if (word_is(scheme, "bearer"))
		return CHALLENGE_BEARER;
	return word_is(scheme, "basic") ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

static int take_challenge(struct cursor *c, struct challenge *out)
{
	struct word scheme;
	int r = 0;

	if (!take_token(c, &scheme))
		return -EBADMSG;
	out->kind = kind_of(&scheme);
	if (at(c, ' ') || at(c, '\t')) {
		skip_space(c);
		r = take_parameters(c, out);
	} else if (c->p < c->end && *c->p != ',') {
		return -EBADMSG;
	}
	/* without a place to get one a token cannot be had */
	if (r == 0 && out->kind == CHALLENGE_BEARER && (!out->realm || !*out->realm))
		return -EBADMSG;
	return r;
}

/* Bytes that have no place in any header. */
static bool has_controls(const char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return true;
	return false;
}

/* Those of one line that are better than what there is. What stands before a fault
 * counts. */
static int choose_of_line(const char *line, struct challenge *best)
{
	struct cursor c = {line, line + strlen(line)};
	int r = 0;

	if (c.end - c.p > CHALLENGE_MAX || has_controls(line, (size_t)(c.end - c.p)))
		return -EBADMSG;
	for (skip_commas(&c); r == 0 && c.p < c.end; skip_commas(&c)) {
		CLEANUP(challenge_finish) struct challenge one = {0};

		r = take_challenge(&c, &one);
		if (r == 0 && one.kind > best->kind) {
			struct challenge worse = *best;

			*best = one;
			one = worse;
		}
	}
	return r;
}

int challenge_choose(
	char *const *lines, size_t count, struct challenge *out, struct o2r_err *err)
{
	CLEANUP(challenge_finish) struct challenge best = {0};
	bool faulty = false;

	for (size_t i = 0; i < count; i++) {
		int r = choose_of_line(lines[i], &best);

		if (r == -ENOMEM)
			return err_nomem(err);
		faulty |= r < 0;
	}
	if (best.kind == CHALLENGE_NONE && faulty)
		/* not what stands there: it may repeat what was sent */
		return err_corrupt(err, "its WWW-Authenticate header makes no sense");
	*out = best;
	best = (struct challenge){0};
	return 0;
}

void challenge_finish(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge){0};
}
