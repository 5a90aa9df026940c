#include "base/number.h"

#include <stddef.h>
#include <string.h>

#include "base/checked.h"

/* Where the digits end; NULL when there are none, or too many. */
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

bool number_parse(const char *s, uint64_t *out)
{
	uint64_t v;
	const char *end = digits(s, &v);

	if (!end || *end)
		return false;
	*out = v;
	return true;
}

bool number_parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGTkmgt";
	uint64_t v;
	const char *end = digits(s, &v);
	const char *unit = end && *end ? strchr(units, *end) : NULL;

	if (!end || (*end && (!unit || end[1])))
		return false;
	if (unit && !mul_u64(v, 1ULL << 10 * ((unit - units) % 4 + 1), &v))
		return false;
	*out = v;
	return true;
}
