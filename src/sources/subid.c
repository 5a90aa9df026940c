#include "sources/subid.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"

enum {
	FILE_MAX = 4 << 20,
	PASSWD_ROOM = 64 << 10,
};

static char *name_of(uint32_t uid)
{
	AUTO_FREE char *room = malloc(PASSWD_ROOM);
	struct passwd pw, *found = NULL;

	if (!room || getpwuid_r(uid, &pw, room, PASSWD_ROOM, &found) != 0 || !found)
		return NULL;
	return strdup(found->pw_name);
}

static bool is_user(const char *field, uint32_t uid, const char *name)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", uid);
	return strcmp(field, number) == 0 || (name && strcmp(field, name) == 0);
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

/* "user:first:count" */
static void add_line(char *line, uint32_t owner, const char *name, struct id_map *m)
{
	char *user = strsep(&line, ":"), *first = strsep(&line, ":"),
	     *count = strsep(&line, ":");
	const struct id_range *last = &m->ranges[m->count - 1];
	struct id_range r = {.meant = last->meant + last->count};

	if (!number(first, &r.seen) || !number(count, &r.count) || !r.count ||
		!is_user(user, owner, name) || m->count == SUBID_RANGES_MAX)
		return;
	m->ranges[m->count++] = r;
}

int subid_map(const char *file, uint32_t owner, uint32_t owner_id, struct id_map *out,
	struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	AUTO_FREE char *name = name_of(owner);
	char *rest;
	int r = file_read(AT_FDCWD, file, FILE_MAX, &text, err);

	if (r < 0 && r != -ENOENT)
		return r;
	out->ranges = calloc(SUBID_RANGES_MAX, sizeof(*out->ranges));
	if (!out->ranges)
		return err_nomem(err);
	out->ranges[0] = (struct id_range){.seen = owner_id, .meant = 0, .count = 1};
	out->count = 1;
	rest = text.data;
	while (rest) {
		char *line = strsep(&rest, "\n");

		if (*line && *line != '#')
			add_line(line, owner, name, out);
	}
	return 0;
}
