#include "fs/xattr_coding.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool url_decode(const char *p, size_t n, unsigned char *out, size_t *len)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '%') {
			out[o++] = (unsigned char)p[i];
			continue;
		}
		if (n - i < 3 || hex_digit(p[i + 1]) < 0 || hex_digit(p[i + 2]) < 0)
			return false;
		out[o++] =
			(unsigned char)(hex_digit(p[i + 1]) << 4 | hex_digit(p[i + 2]));
		i += 2;
	}
	*len = o;
	return true;
}
