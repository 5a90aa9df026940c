/*
 * How parts of an image are shown to people and to programs. Names are bytes that the
 * image's author chose: in text they are made harmless (one line each, nothing that a
 * terminal obeys), in JSON their exact bytes can be told.
 */
#ifndef O2R_CLI_SHOW_H
#define O2R_CLI_SHOW_H

#include "base/json_write.h"
#include "o2r.h"

/* Control bytes, DEL, backslash and what is not UTF-8 as \xNN; never cut. Returns what
 * buf_append does. */
int show_name(struct buf *out, const char *name, size_t len) O2R_MUST_CHECK;

struct shown {
	char s[48];
};

/* "drwxr-sr-t" */
struct shown show_mode(mode_t mode);
/* "2023-11-14T22:13:20Z" */
struct shown show_time(int64_t seconds);
/* "file", "directory", ... */
const char *show_type(mode_t mode);

/* NAME: the bytes as text; where they are not UTF-8 (or hold a NUL), U+FFFD in place of
 * what is not, and NAME_base64 with all of them. */
void show_json_bytes(struct json *j, const char *name, const void *p, size_t len);
/* type, mode, ino, nlink, uid, gid, size, mtime, mtime_nsec, major and minor of devices.
 */
void show_json_stat(struct json *j, const struct stat *st);
/* xattrs: an array of objects with name and value (as above). 0 or a negative errno. */
int show_json_xattrs(struct json *j, struct o2r_image *image, uint64_t ino,
	struct o2r_error *error) O2R_MUST_CHECK;

#endif
