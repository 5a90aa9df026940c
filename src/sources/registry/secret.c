#include "sources/registry/secret.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/base64.h"

void secret_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

int secret_append(struct buf *b, const void *p, size_t n)
{
	struct buf grown = {.max = b->max};
	int r;

	if (b->data && b->len < b->cap && n < b->cap - b->len)
		return buf_append(b, p, n);
	if (n > SIZE_MAX / 2 - b->len)
		return -EFBIG;
	/* realloc would leave what it moves */
	r = buf_reserve(&grown, b->len + n);
	if (r < 0)
		return r;
	memcpy(grown.data, b->data ? b->data : "", b->len);
	grown.len = b->len;
	secret_buf_finish(b);
	*b = grown;
	return buf_append(b, p, n);
}

int secret_append_text(struct buf *b, const char *s)
{
	return secret_append(b, s, strlen(s));
}

void secret_buf_finish(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_finish(b);
}

char *secret_basic(const char *username, const char *password)
{
	static const char scheme[] = "Basic ";
	AUTO_SECRET_BUF struct buf pair = {0};
	char *out;

	if (secret_append_text(&pair, username) < 0 || secret_append(&pair, ":", 1) < 0 ||
		secret_append_text(&pair, password) < 0)
		return NULL;
	out = malloc(sizeof(scheme) + BASE64_LEN(pair.len));
	if (!out)
		return NULL;
	memcpy(out, scheme, sizeof(scheme));
	base64_encode(pair.data, pair.len, out + sizeof(scheme) - 1);
	return out;
}

static bool password_is_in(const char *pair64, const void *text, size_t n)
{
	AUTO_SECRET_BUF struct buf pair = {0};
	size_t len = strlen(pair64);
	const char *colon;

	if (buf_reserve(&pair, len) < 0 ||
		!base64_decode(pair64, len, (unsigned char *)pair.data, &pair.len))
		return true;
	colon = memchr(pair.data, ':', pair.len);
	if (!colon)
		return true;
	len = pair.len - (size_t)(colon + 1 - pair.data);
	return len && memmem(text, n, colon + 1, len);
}

/* Four hexadecimal digits; -1: they are none. */
static int32_t hex4(const char *s)
{
	int32_t v = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = s[i] ? strchr(digits, s[i] | 0x20) : NULL;

		if (!at)
			return -1;
		v = v * 16 + (int32_t)(at - digits);
	}
	return v;
}

static size_t put_utf8(uint32_t c, char *out)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(first[n] | c);
	return n;
}

/* "\u00e9" of left bytes: how long it is, and what it means in *out. 0: it is none. */
static size_t take_unicode(const char *s, size_t left, uint32_t *out)
{
	int32_t high = left >= 6 && s[1] == 'u' ? hex4(s + 2) : -1, low = -1;

	if (high < 0)
		return 0;
	*out = (uint32_t)high;
	if (high >> 10 == 0xd800 >> 10 && left >= 12 && s[6] == '\\' && s[7] == 'u')
		low = hex4(s + 8);
	if (low >> 10 != 0xdc00 >> 10)
		return 6;
	*out = 0x10000 + (((uint32_t)high & 0x3ff) << 10) + ((uint32_t)low & 0x3ff);
	return 12;
}

/* As JSON strings are read; out has room for n bytes. The number of bytes. */
static size_t undo_escapes(const char *s, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c;
		size_t used = s[i] == '\\' ? take_unicode(s + i, n - i, &c) : 0;

		if (used) {
			len += put_utf8(c, out + len);
			i += used;
			continue;
		}
		/* a password has no control bytes, which the other letters mean */
		i += s[i] == '\\' && i + 1 < n;
		out[len++] = s[i++];
	}
	return len;
}

static bool is_in(const char *authorization, const void *text, size_t n)
{
	const char *secret = strchr(authorization, ' ') + 1;

	if (memmem(text, n, secret, strlen(secret)))
		return true;
	return strncmp(authorization, "Basic ", strlen("Basic ")) == 0 &&
	       password_is_in(secret, text, n);
}

bool secret_is_shown(const char *authorization, const void *text, size_t n)
{
	AUTO_SECRET_BUF struct buf plain = {0};
	const char *secret = authorization ? strchr(authorization, ' ') : NULL;

	if (!n || !secret || !secret[1])
		return false;
	if (is_in(authorization, text, n))
		return true;
	if (!memchr(text, '\\', n))
		return false;
	if (buf_reserve(&plain, n) < 0)
		return true;
	plain.len = undo_escapes(text, n, plain.data);
	return is_in(authorization, plain.data, plain.len);
}
