#include "cli/layer_arg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "cli/value.h"

static int by_number(
	const char *text, unsigned count, unsigned *index, struct o2r_err *err)
{
	uint64_t n = 0;
	int r = value_number(text, UINT32_MAX, &n, err);

	if (r < 0)
		return r;
	if (n < 1 || n > count)
		return err_set(err, ERR_USAGE, ERANGE,
			"no layer %s: the image has %u, the lowest is number 1", text,
			count);
	*index = (unsigned)n - 1;
	return 0;
}

int layer_arg(const struct o2r_image *image, const char *text, unsigned *index,
	struct o2r_err *err)
{
	unsigned count = o2r_image_layer_count(image), found = 0;
	struct quoted name = text_quote(text, strlen(text));

	if (!strchr(text, ':'))
		return by_number(text, count, index, err);
	for (unsigned i = 0; i < count; i++) {
		struct o2r_layer_info info;

		if (o2r_image_layer(image, i, &info) < 0)
			continue;
		if (strncmp(info.digest, text, strlen(text)) == 0 ||
			strncmp(info.diff_id, text, strlen(text)) == 0) {
			*index = i;
			found++;
		}
	}
	if (!found)
		return err_set(err, ERR_USAGE, ENOENT,
			"no layer of the image has the digest %s ('o2r inspect' lists "
			"them)",
			name.s);
	if (found > 1)
		return err_set(err, ERR_USAGE, EINVAL,
			"%u layers have the digest %s: give its number", found, name.s);
	return 0;
}
