#include "sources/rfc3339.h"

#include <stddef.h>

struct date {
	int year, month, day, hour, minute, second;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits between lo and hi. */
static bool number(const char **s, int n, int lo, int hi, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (!is_digit(**s))
			return false;
		v = v * 10 + (**s - '0');
	}
	*out = v;
	return v >= lo && v <= hi;
}

static bool one_of(const char **s, char a, char b)
{
	if (**s != a && **s != b)
		return false;
	(*s)++;
	return true;
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(const struct date *d)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[d->month - 1] + (d->month == 2 && is_leap(d->year));
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. Years begin in March, so
 * that the leap day is the last of its year; an era is 400 years. */
static int64_t days_since_1970(const struct date *d)
{
	int64_t y = d->month <= 2 ? d->year - 1 : d->year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t month = (d->month + 9) % 12; /* March is 0 */
	int64_t day_of_year = (153 * month + 2) / 5 + d->day - 1;
	int64_t day_of_era =
		year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static bool parse_fraction(const char **s, uint32_t *nsec)
{
	uint32_t unit = 100000000;

	*nsec = 0;
	if (**s != '.')
		return true;
	(*s)++;
	if (!is_digit(**s))
		return false;
	for (; is_digit(**s); (*s)++, unit /= 10)
		*nsec += unit * (uint32_t)(**s - '0');
	return true;
}

/* Seconds to the east of UTC. */
static bool parse_offset(const char **s, int *offset)
{
	int hours, minutes, sign;

	*offset = 0;
	if (one_of(s, 'Z', 'z'))
		return true;
	sign = **s == '-' ? -1 : 1;
	if (!one_of(s, '+', '-') || !number(s, 2, 0, 23, &hours) ||
		!one_of(s, ':', ':') || !number(s, 2, 0, 59, &minutes))
		return false;
	*offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool parse_date(const char **s, struct date *d)
{
	return number(s, 4, 0, 9999, &d->year) && one_of(s, '-', '-') &&
	       number(s, 2, 1, 12, &d->month) && one_of(s, '-', '-') &&
	       number(s, 2, 1, 31, &d->day) && d->day <= month_days(d) &&
	       one_of(s, 'T', 't') && number(s, 2, 0, 23, &d->hour) &&
	       one_of(s, ':', ':') && number(s, 2, 0, 59, &d->minute) &&
	       one_of(s, ':', ':') &&
	       number(s, 2, 0, 60, &d->second); /* 60: a leap second */
}

bool rfc3339_parse(const char *s, int64_t *sec, uint32_t *nsec)
{
	struct date d;
	uint32_t fraction;
	int offset;

	if (!parse_date(&s, &d) || !parse_fraction(&s, &fraction) ||
		!parse_offset(&s, &offset) || *s)
		return false;
	*sec = days_since_1970(&d) * 86400 + d.hour * 3600 + d.minute * 60 + d.second -
	       offset;
	*nsec = fraction;
	return true;
}
