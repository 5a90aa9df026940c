#include "base/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

enum {
	FILE_MAX = 4 << 20,
	PASSWD_ROOM = 64 << 10,
	NUMBER_ROOM = 16,
};

static char *name_of(uint32_t uid)
{
	AUTO_FREE char *room = malloc(PASSWD_ROOM);
	struct passwd pw, *found = NULL;

	if (!room || getpwuid_r(uid, &pw, room, PASSWD_ROOM, &found) != 0 || !found)
		return NULL;
	return strdup(found->pw_name);
}

static bool number(const char *s, uint32_t *out)
{
	char *end;
	unsigned long long v;

	if (!s || *s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	*out = (uint32_t)v;
	return !errno && !*end && v <= UINT32_MAX;
}

struct line {
	const char *user;
	struct subid_range range;
};

/* "user:first:count" */
static bool parse(char *text, struct line *out)
{
	char *first, *count;

	out->user = strsep(&text, ":");
	first = strsep(&text, ":");
	count = strsep(&text, ":");
	return !text && number(first, &out->range.first) &&
	       number(count, &out->range.count) && out->range.count &&
	       out->range.count <= UINT32_MAX - out->range.first;
}

/* The next line that is one of these users' (NULL, NULL: anybody's). */
static bool next_line(char **rest, const char *name, const char *other, struct line *out)
{
	while (*rest) {
		char *text = strsep(rest, "\n");

		if (!*text || *text == '#' || !parse(text, out))
			continue;
		if ((!name && !other) || (name && strcmp(out->user, name) == 0) ||
			(other && strcmp(out->user, other) == 0))
			return true;
	}
	return false;
}

static void take(struct subid *out, char *text, const char *name, const char *other)
{
	struct line line;

	out->count = 0;
	while (out->count < SUBID_RANGES_MAX && next_line(&text, name, other, &line))
		out->list[out->count++] = line.range;
}

/* Lines are cut where they stand, so each look needs its own copy. */
static int read_text(const char *file, struct buf *out, struct o2r_err *err)
{
	struct o2r_err why = {0};
	int r = file_read(AT_FDCWD, file, FILE_MAX, out, &why);

	if (r == 0 || r == -ENOENT)
		return 0;
	if (err)
		*err = why;
	return r;
}

int subid_read(const char *file, uint32_t user, struct subid *out, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *name = name_of(user);
	char digits[NUMBER_ROOM];
	int r = read_text(file, &text, err);

	if (r < 0)
		return r;
	snprintf(digits, sizeof(digits), "%u", user);
	take(out, text.data, digits, name);
	return 0;
}

/* Whose ids, taken together, begin with it: not who has it in a later line. */
int subid_read_first(
	const char *file, uint32_t first, struct subid *out, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	char *rest;
	struct line line;
	int r = read_text(file, &text, err);

	out->count = 0;
	if (r < 0)
		return r;
	rest = text.data;
	while (next_line(&rest, NULL, NULL, &line)) {
		AUTO_BUF struct buf again = {0};

		if (line.range.first != first)
			continue;
		r = read_text(file, &again, err);
		if (r < 0)
			return r;
		take(out, again.data, line.user, NULL);
		if (out->count && out->list[0].first == first)
			return 0;
		out->count = 0;
	}
	return 0;
}
