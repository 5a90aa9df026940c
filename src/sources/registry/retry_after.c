#include "sources/registry/retry_after.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/checked.h"

/* Where the parts of a date stand is fixed in each form, so that sscanf (whose names
 * would follow the locale of the program, were there any) reads digits and letters only.
 */
struct parts {
	char month[4];
	int day, year, hour, minute, second;
};

static int month_number(const char *name)
{
	static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (int i = 0; i < (int)ARRAY_LEN(names); i++)
		if (strcasecmp(names[i], name) == 0)
			return i;
	return -1;
}

static bool whole(const char *text, int end)
{
	return end > 0 && text[end + strspn(text + end, " \t")] == '\0';
}

static bool read_fixed(const char *s, struct parts *p)
{
	int end = 0;

	return sscanf(s, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &p->day,
		       p->month, &p->year, &p->hour, &p->minute, &p->second, &end) == 6 &&
	       whole(s, end);
}

static bool read_rfc850(const char *s, struct parts *p)
{
	int end = 0;

	return sscanf(s, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &p->day,
		       p->month, &p->year, &p->hour, &p->minute, &p->second, &end) == 6 &&
	       whole(s, end);
}

static bool read_asctime(const char *s, struct parts *p)
{
	int end = 0;

	return sscanf(s, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", p->month,
		       &p->day, &p->hour, &p->minute, &p->second, &p->year, &end) == 6 &&
	       whole(s, end);
}

static bool to_seconds(const struct parts *p, int64_t *sec)
{
	struct tm tm = {
		.tm_mon = month_number(p->month),
		.tm_mday = p->day,
		.tm_year = p->year - 1900,
		.tm_hour = p->hour,
		.tm_min = p->minute,
		.tm_sec = p->second,
	};

	if (tm.tm_mon < 0 || p->day < 1 || p->day > 31 || p->hour < 0 || p->hour > 23 ||
		p->minute < 0 || p->minute > 59 || p->second < 0 || p->second > 60 ||
		p->year < 1900)
		return false;
	*sec = timegm(&tm);
	return true;
}

/* Two digits that would be more than 50 years away are of the century before. */
static void complete_year(struct parts *p, int64_t now)
{
	time_t t = (time_t)now;
	struct tm today = {0};
	int this_year = gmtime_r(&t, &today) ? today.tm_year + 1900 : 1970;

	p->year += this_year / 100 * 100;
	if (p->year > this_year + 50)
		p->year -= 100;
}

bool http_date_parse(const char *text, int64_t now, int64_t *sec)
{
	struct parts p = {0};

	if (read_fixed(text, &p) || read_asctime(text, &p))
		return to_seconds(&p, sec);
	if (!read_rfc850(text, &p) || p.year < 0)
		return false;
	complete_year(&p, now);
	return to_seconds(&p, sec);
}

static bool seconds_parse(const char *s, uint32_t *out)
{
	size_t n = strspn(s, "0123456789");
	uint64_t v = 0;

	if (!n || s[n + strspn(s + n, " \t")])
		return false;
	for (size_t i = 0; i < n; i++)
		v = MIN(v * 10 + (uint64_t)(s[i] - '0'), UINT32_MAX);
	*out = (uint32_t)v;
	return true;
}

bool retry_after_parse(const char *text, int64_t now, uint32_t *seconds)
{
	int64_t at;

	text += strspn(text, " \t");
	if (seconds_parse(text, seconds))
		return true;
	if (!http_date_parse(text, now, &at))
		return false;
	/* both are within a few thousand years of each other */
	*seconds = at <= now ? 0 : (uint32_t)MIN(at - now, (int64_t)UINT32_MAX);
	return true;
}
