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

/* "user:first:count"; either name may be NULL. */
static void add_line(char *line, const char *name, const char *other, struct subid *out)
{
	char *user = strsep(&line, ":"), *first = strsep(&line, ":"),
	     *count = strsep(&line, ":");
	struct subid_range r;

	if (line || !number(first, &r.first) || !number(count, &r.count) || !r.count ||
		r.count > UINT32_MAX - r.first || out->count == SUBID_RANGES_MAX)
		return;
	if ((name && strcmp(user, name) == 0) || (other && strcmp(user, other) == 0))
		out->list[out->count++] = r;
}

static int read_lines(const char *file, const char *name, const char *other,
	struct subid *out, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	struct o2r_err why = {0};
	int r = file_read(AT_FDCWD, file, FILE_MAX, &text, &why);
	char *rest = text.data;

	out->count = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	while (rest) {
		char *line = strsep(&rest, "\n");

		if (*line && *line != '#')
			add_line(line, name, other, out);
	}
	return 0;
}

int subid_read(const char *file, uint32_t user, struct subid *out, struct o2r_err *err)
{
	AUTO_FREE char *name = name_of(user);
	char digits[NUMBER_ROOM];

	snprintf(digits, sizeof(digits), "%u", user);
	return read_lines(file, digits, name, out, err);
}

int subid_read_name(
	const char *file, const char *name, struct subid *out, struct o2r_err *err)
{
	return read_lines(file, name, NULL, out, err);
}
