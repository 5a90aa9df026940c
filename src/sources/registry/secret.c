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
