#include "cli/value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

/* 2446-05-10 22:38:55, the last second of an ext4 inode with 256 bytes. */
#define EPOCH_MAX 15032385535

static const char *digits(const char *s, uint64_t *out)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (!mul_u64(v, 10, &v) || !add_u64(v, (uint64_t)(*s - '0'), &v))
			return NULL;
	*out = v;
	return s;
}

static int refuse(const char *s, const char *expected, struct o2r_err *err)
{
	return err_set(err, ERR_USAGE, EINVAL, "'%s' is not %s",
		text_quote(s, strlen(s)).s, expected);
}

int value_number(const char *s, uint64_t max, uint64_t *out, struct o2r_err *err)
{
	uint64_t v;
	const char *end = digits(s, &v);

	if (!end || *end)
		return refuse(s, "a number", err);
	if (v > max)
		return err_set(err, ERR_USAGE, ERANGE,
			"%" PRIu64 " is too large: at most %" PRIu64, v, max);
	*out = v;
	return 0;
}

int value_size(const char *s, uint64_t *out, struct o2r_err *err)
{
	static const char units[] = "KMGT";
	uint64_t v;
	const char *end = digits(s, &v);
	const char *unit = end && *end ? strchr(units, *end) : NULL;

	if (unit) {
		end++;
		if (!mul_u64(v, 1ULL << 10 * (unit - units + 1), &v))
			end = NULL;
	}
	if (!end || *end)
		return refuse(
			s, "a size: a number, with K, M, G or T for powers of 1024", err);
	*out = v;
	return 0;
}

int value_epoch(const char *s, int64_t *out, struct o2r_err *err)
{
	uint64_t v;
	const char *end = digits(s, &v);

	if (!end || *end || v > EPOCH_MAX)
		return refuse(s, "a number of seconds from 0 to 15032385535", err);
	*out = (int64_t)v;
	return 0;
}
