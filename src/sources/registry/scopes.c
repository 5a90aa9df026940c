#include "sources/registry/scopes.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static const char blanks[] = " \t";

/* The next scope of a list, *n bytes; NULL behind the last one. */
static const char *next_scope(const char **list, size_t *n)
{
	const char *s = *list + strspn(*list, blanks);

	*n = strcspn(s, blanks);
	*list = s + *n;
	return *n ? s : NULL;
}

static int compare(const char *s, size_t n, const char *member)
{
	int r = strncmp(s, member, n);

	return r || !member[n] ? r : -1;
}

/* Where it is in the set, or belongs. */
static size_t place_of(const struct strings *set, const char *s, size_t n, bool *there)
{
	size_t i = 0;
	int r = 1;

	while (i < set->count && (r = compare(s, n, set->s[i])) > 0)
		i++;
	*there = i < set->count && r == 0;
	return i;
}

static int add_one(struct strings *set, const char *s, size_t n, struct o2r_err *err)
{
	bool there;
	size_t at = place_of(set, s, n, &there);
	char *last;

	if (there)
		return 0;
	if (set->count >= SCOPES_MAX)
		return err_corrupt(err, "more than %d scopes are asked for", SCOPES_MAX);
	if (strings_add(set, s, n) < 0)
		return err_nomem(err);
	last = set->s[set->count - 1];
	memmove(set->s + at + 1, set->s + at, (set->count - 1 - at) * sizeof(*set->s));
	set->s[at] = last;
	return 0;
}

int scopes_add(struct strings *set, const char *list, struct o2r_err *err)
{
	const char *s;
	size_t n;
	int r = 0;

	while (r == 0 && (s = next_scope(&list, &n)))
		r = add_one(set, s, n, err);
	return r;
}

int scopes_add_pull(struct strings *set, const char *path, struct o2r_err *err)
{
	AUTO_FREE char *scope = NULL;

	if (asprintf(&scope, "repository:%s:pull", path) < 0) {
		scope = NULL;
		return err_nomem(err);
	}
	return add_one(set, scope, strlen(scope), err);
}

bool scopes_cover(const struct strings *set, const char *list)
{
	bool there = true;
	const char *s;
	size_t n;

	while (there && (s = next_scope(&list, &n)))
		place_of(set, s, n, &there);
	return there;
}
