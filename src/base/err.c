#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

__attribute__((format(printf, 4, 0))) static int vset(
	struct o2r_err *err, enum err_class cls, int code, const char *fmt, va_list ap)
{
	if (code <= 0)
		code = EIO;
	if (err) {
		err->code = -code;
		err->cls = cls;
		vsnprintf(err->text, sizeof(err->text), fmt, ap);
	}
	return -code;
}

int err_set(struct o2r_err *err, enum err_class cls, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = vset(err, cls, code, fmt, ap);
	va_end(ap);
	return r;
}

int err_corrupt(struct o2r_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = vset(err, ERR_CORRUPT, EBADMSG, fmt, ap);
	va_end(ap);
	return r;
}

static enum err_class class_of(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_ACCESS;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_SPACE;
	default:
		return ERR_FAIL;
	}
}

int err_errno(struct o2r_err *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = vset(err, class_of(errnum), errnum, fmt, ap);
	va_end(ap);
	if (err) {
		char room[128];
		const char *why = strerror_r(errnum, room, sizeof(room));
		/* of a text that is too long, the reason stays */
		size_t n = MIN(strlen(err->text), sizeof(err->text) - sizeof(room) - 3);

		snprintf(err->text + n, sizeof(err->text) - n, ": %.*s",
			(int)sizeof(room), why);
	}
	return r;
}

int err_nomem(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, ENOMEM, "out of memory");
}

/* Too much of a text goes from its middle: where it begins and what is wrong both stay.
 */
static void shorten(char *to, size_t size, const char *text, size_t len)
{
	size_t head = (size - 4) / 2, tail = size - 4 - head;
	const char *end = text + len - tail;

	/* no half characters of UTF-8 */
	while (head && ((unsigned char)text[head] & 0xc0) == 0x80)
		head--;
	while (((unsigned char)*end & 0xc0) == 0x80)
		end++;
	snprintf(to, size, "%.*s...%s", (int)head, text, end);
}

int err_wrap(struct o2r_err *err, const char *fmt, ...)
{
	char context[sizeof(err->text)], joined[sizeof(err->text) * 2 + 3];
	va_list ap;

	if (!err)
		return -EIO;
	va_start(ap, fmt);
	vsnprintf(context, sizeof(context), fmt, ap);
	va_end(ap);

	int n = snprintf(joined, sizeof(joined), "%s: %s", context, err->text);

	if ((size_t)n < sizeof(err->text))
		memcpy(err->text, joined, (size_t)n + 1);
	else
		shorten(err->text, sizeof(err->text), joined, (size_t)n);
	/* who forgot to fill the record in has failed all the same */
	if (err->code >= 0) {
		err->code = -EIO;
		err->cls = ERR_FAIL;
	}
	return err->code;
}
