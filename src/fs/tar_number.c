#include "fs/tar_number.h"

static bool base256(const unsigned char *p, size_t n, int64_t *out)
{
	int64_t v = p[0] & 0x40 ? -1 : 0;

	for (size_t i = 0; i < n; i++) {
		/* the top bit is the mark, the next one the sign */
		unsigned c = i ? p[i] : (p[0] & 0x7f) | (p[0] & 0x40) << 1;

		if (v > INT64_MAX >> 8 || v < INT64_MIN >> 8)
			return false;
		v = (int64_t)((uint64_t)v << 8 | c);
	}
	*out = v;
	return true;
}

static bool octal(const unsigned char *p, size_t n, int64_t *out)
{
	size_t i = 0;
	int64_t v = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\0'))
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
		if (v > INT64_MAX >> 3)
			return false;
		v = v << 3 | (p[i] - '0');
	}
	while (i < n && p[i] == ' ')
		i++;
	if (i < n && p[i] != '\0')
		return false;
	*out = v;
	return true;
}

bool tar_number(const unsigned char *p, size_t n, int64_t *out)
{
	return p[0] & 0x80 ? base256(p, n, out) : octal(p, n, out);
}

bool pax_u64(const char *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (!n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

bool pax_i64(const char *p, size_t n, int64_t *out)
{
	bool neg = n && p[0] == '-';
	uint64_t v;

	if (!pax_u64(p + neg, n - neg, &v) || v > (uint64_t)INT64_MAX + neg)
		return false;
	*out = neg ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

bool pax_time(const char *p, size_t n, int64_t *sec, uint32_t *nsec)
{
	bool neg = n && p[0] == '-';
	size_t whole = 0;
	uint32_t frac = 0;
	int64_t s;

	while (whole < n && p[whole] != '.')
		whole++;
	if (!pax_i64(p, whole, &s))
		return false;
	for (size_t i = whole + 1, unit = 100000000; i < n; i++, unit /= 10) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		frac += (uint32_t)(unit * (size_t)(p[i] - '0'));
	}
	if (neg && frac) {
		if (s == INT64_MIN)
			return false;
		s--;
		frac = 1000000000 - frac;
	}
	*sec = s;
	*nsec = frac;
	return true;
}
