/* override_stat: what is taken is in its bounds, and means the same when it is written
 * out again. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/dir_stat_text.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static const char *type_name(uint32_t type)
{
	switch (type) {
	case S_IFREG:
		return ":file";
	case S_IFDIR:
		return ":dir";
	case S_IFLNK:
		return ":symlink";
	case S_IFIFO:
		return ":pipe";
	case S_IFSOCK:
		return ":socket";
	case S_IFCHR:
		return ":char";
	case S_IFBLK:
		return ":block";
	default:
		must(!type);
		return "";
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat_text s = {0}, again = {0};
	char text[128];
	int n;

	if (stat_text_parse((const char *)data, size, &s) < 0)
		return 0;
	must(s.mode <= 07777 && s.uid != UINT32_MAX && s.gid != UINT32_MAX);
	must(s.major <= 0xfff && s.minor <= 0xfffff);
	n = snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu32 ":%o%s", s.uid, s.gid,
		s.mode, type_name(s.type));
	if (s.type == S_IFCHR || s.type == S_IFBLK)
		n += snprintf(
			text + n, sizeof(text) - (size_t)n, "-%u-%u", s.major, s.minor);
	must(stat_text_parse(text, (size_t)n, &again) == 0);
	must(memcmp(&s, &again, sizeof(s)) == 0);
	return 0;
}
