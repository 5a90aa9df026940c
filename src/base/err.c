#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
		size_t n = strlen(err->text);
		char why[128];

		snprintf(err->text + n, sizeof(err->text) - n, ": %s",
			strerror_r(errnum, why, sizeof(why)));
	}
	return r;
}

int err_nomem(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, ENOMEM, "out of memory");
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
	snprintf(joined, sizeof(joined), "%s: %s", context, err->text);
	joined[sizeof(err->text) - 1] = '\0';
	memcpy(err->text, joined, sizeof(err->text));
	return err->code;
}
