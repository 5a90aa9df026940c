#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "sources/containers_files.h"

enum {
	ID_LEN = 64,
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

bool stored_id_ok(const char *id)
{
	return strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN;
}

/* Others are "=" and their base64. */
int stored_data_name(const char *key, struct buf *out, struct o2r_err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(key);
	int r = 0;

	if (strspn(key, plain) == n && key[0] != '.')
		return buf_printf(out, "%s", key) < 0 ? err_nomem(err) : 0;
	r = buf_append(out, "=", 1);
	for (size_t i = 0; r == 0 && i < n; i += 3) {
		const unsigned char *p = (const unsigned char *)key + i;
		size_t k = MIN(n - i, 3);
		unsigned v = (unsigned)p[0] << 16 | (k > 1 ? p[1] : 0u) << 8 |
			     (k > 2 ? p[2] : 0u);
		char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
			k > 1 ? digits[v >> 6 & 63] : '=', k > 2 ? digits[v & 63] : '='};

		r = buf_append(out, four, 4);
	}
	return r < 0 ? err_nomem(err) : 0;
}

int stored_data(const struct store_place *p, const char *image, const char *key,
	size_t max, struct buf *out, struct o2r_err *err)
{
	AUTO_BUF struct buf name = {0}, path = {0};
	int r = stored_data_name(key, &name, err);

	if (r < 0)
		return r;
	if (buf_printf(&path, "%s-images/%s/%s", p->driver, image, name.data) < 0)
		return err_nomem(err);
	r = file_read(p->fd, path.data, max, out, err);
	if (r == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"its %s is missing: pull the image again", quote(key).s);
	return r;
}
