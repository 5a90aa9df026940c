#include "cli/value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "base/text.h"

/* 2446-05-10 22:38:55, the last second of an ext4 inode with 256 bytes. */
#define EPOCH_MAX 15032385535

static int refuse(const char *s, const char *expected, struct o2r_err *err)
{
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is not %s",
		text_quote(s, strlen(s)).s, expected);
}

int value_number(const char *s, uint64_t max, uint64_t *out, struct o2r_err *err)
{
	uint64_t v;

	if (!number_parse(s, &v))
		return refuse(s, "a number", err);
	if (v > max)
		return err_set(err, ERR_USAGE, ERANGE,
			"%" PRIu64 " is too large: at most %" PRIu64, v, max);
	*out = v;
	return 0;
}

int value_size(const char *s, uint64_t *out, struct o2r_err *err)
{
	if (!number_parse_size(s, out))
		return refuse(
			s, "a size: a number, with K, M, G or T for powers of 1024", err);
	return 0;
}

int value_epoch(const char *s, int64_t *out, struct o2r_err *err)
{
	uint64_t v;

	if (!number_parse(s, &v) || v > EPOCH_MAX)
		return refuse(s, "a number of seconds from 0 to 15032385535", err);
	*out = (int64_t)v;
	return 0;
}
