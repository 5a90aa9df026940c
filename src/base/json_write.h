/*
 * JSON writer into a capped buffer: names and values, commas and escapes put in by the
 * writer. Text may hold any bytes; what is not UTF-8 becomes U+FFFD, so the output is
 * always valid. The first failure sticks and json_end reports it.
 */
#ifndef O2R_BASE_JSON_WRITE_H
#define O2R_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
	struct buf *out;
	bool comma; /* the next value needs one in front */
	int status;
};

void json_begin(struct json *j, struct buf *out);
/* 0, or the first failure: -ENOMEM, -EFBIG. */
int json_end(struct json *j) O2R_MUST_CHECK;

/* In each: name is NULL for an array's element and for the outermost value. */
void json_open(struct json *j, const char *name, char bracket);        /* '{' or '[' */
void json_close(struct json *j, char bracket);                         /* '}' or ']' */
void json_string(struct json *j, const char *name, const char *value); /* NULL: null */
void json_uint(struct json *j, const char *name, uint64_t value);
void json_int(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
/* Seconds with three decimals. */
void json_seconds(struct json *j, const char *name, double seconds);

#endif
