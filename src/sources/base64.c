#include "sources/base64.h"

#include <errno.h>
#include <stdint.h>

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Four characters, of which `pad` at the end are padding, to 3 - pad bytes. */
static int decode_group(const char *s, unsigned pad, unsigned char out[3])
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		int d = i < 4 - pad ? digit(s[i]) : 0;

		if (d < 0)
			return -EINVAL;
		v = v << 6 | (uint32_t)d;
	}
	/* bits that padding leaves over are zero, so that one value has one spelling */
	if ((pad == 1 && (v & 0xff)) || (pad == 2 && (v & 0xffff)))
		return -EINVAL;
	out[0] = (unsigned char)(v >> 16);
	out[1] = (unsigned char)(v >> 8);
	out[2] = (unsigned char)v;
	return 0;
}

int base64_decode(const char *text, size_t n, struct buf *out)
{
	if (n % 4)
		return -EINVAL;

	int r = buf_reserve(out, n / 4 * 3);

	for (size_t i = 0; r == 0 && i < n; i += 4) {
		unsigned char bytes[3];
		unsigned pad = 0;

		if (i + 4 == n && text[i + 3] == '=')
			pad = text[i + 2] == '=' ? 2 : 1;
		r = decode_group(text + i, pad, bytes);
		if (r == 0)
			r = buf_append(out, bytes, 3 - pad);
	}
	return r;
}
