#include "fs/tar_name.h"

#include <string.h>

#include "base/text.h"

enum {
	PART_MAX = 255,
};

static size_t without_last(const char *name, size_t len)
{
	const char *slash = memrchr(name, '/', len);

	return slash ? (size_t)(slash - name) : 0;
}

int tar_name(const char *p, size_t n, char *out, size_t *len, struct o2r_err *err)
{
	const char *end = p + n;
	size_t o = 0;

	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t part = (size_t)((slash ? slash : end) - p);

		if (part == 2 && p[0] == '.' && p[1] == '.') {
			o = without_last(out, o);
		} else if (part > PART_MAX) {
			return err_corrupt(err,
				"the name '%s' has %zu bytes, more than %d",
				text_quote(p, part).s, part, PART_MAX);
		} else if (part > 1 || (part == 1 && p[0] != '.')) {
			if (o)
				out[o++] = '/';
			memcpy(out + o, p, part);
			o += part;
		}
		p += part + 1;
	}
	out[o] = '\0';
	*len = o;
	return 0;
}
