/*
 * Errors: one caller-owned record with an errno-like code, a class that becomes the
 * exit code, and a one-line text in a fixed buffer (so running out of memory can be
 * reported too).
 *
 * The creator writes the fact (err_set, err_errno); each caller that knows more puts its
 * context in front (err_wrap): "layer 3: entry usr/bin/y at 40960: size is not a number".
 * Every function accepts err == NULL. A record belongs to one thread at a time.
 */
#ifndef O2R_BASE_ERR_H
#define O2R_BASE_ERR_H

#include <stddef.h>

#define O2R_MUST_CHECK __attribute__((warn_unused_result))

/* The values are the process exit codes of the o2r command. */
enum err_class {
	ERR_NONE = 0,
	ERR_FAIL = 1,      /* anything not listed below */
	ERR_USAGE = 2,     /* the caller asked for something that makes no sense */
	ERR_NOT_FOUND = 3, /* no such image, tag, file */
	ERR_ACCESS = 4,    /* permission or authentication */
	ERR_PLATFORM = 5,  /* the image has no matching platform */
	ERR_CORRUPT = 6,   /* malformed input, or input not matching its digest */
	ERR_SPACE = 7,     /* disk full, or the tree does not fit */
	ERR_INTERRUPTED = 130,
};

struct o2r_err {
	int code; /* negative errno, 0 when unset */
	enum err_class cls;
	char text[1000];
};

/* Fill err; code is a positive errno. Returns -code, so that callers can return it. */
int err_set(struct o2r_err *err, enum err_class cls, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Malformed or mismatching input: class ERR_CORRUPT, code EBADMSG. Returns -EBADMSG. */
int err_corrupt(struct o2r_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A failed system call: class chosen from the errno, its text appended after ": ". */
int err_errno(struct o2r_err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Out of memory. Returns -ENOMEM. */
int err_nomem(struct o2r_err *err);

/* Put "context: " in front of the text; what is too long loses its middle. Returns
 * err->code (-EIO when err is NULL or was never filled in). */
int err_wrap(struct o2r_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
