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

bool secret_is_shown(const char *authorization, const void *text, size_t n)
{
	const char *secret = authorization ? strchr(authorization, ' ') : NULL;

	if (!n || !secret || !*++secret)
		return false;
	if (memmem(text, n, secret, strlen(secret)))
		return true;
	return strncmp(authorization, "Basic ", strlen("Basic ")) == 0 &&
	       password_is_in(secret, text, n);
}
