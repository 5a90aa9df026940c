/*
 * Making one name of a copy in an open directory; private to the files of extract.h. All
 * but directories are made under a temporary name and renamed when they are whole.
 */
#ifndef O2R_CLI_EXTRACT_MAKE_H
#define O2R_CLI_EXTRACT_MAKE_H

#include "cli/extract_list.h"
#include "cli/extract_meta.h"

struct maker {
	struct o2r_image *image;
	const volatile int *cancel;
	bool force; /* a name that is there and is no directory is replaced */
	unsigned char *buf;
	struct o2r_error error;
};

int maker_init(struct maker *k, struct o2r_image *image, const volatile int *cancel,
	bool force, struct o2r_err *err) O2R_MUST_CHECK;
void maker_finish(struct maker *k);

/* For its owner only, until it is finished. A directory that is there will do (*made is
 * false then); -EEXIST when anything else is. Returns 0 or a negative errno. */
int make_directory(int dir, const char *name, bool *made) O2R_MUST_CHECK;

/* In each: `path` is for messages. */
int maker_file(struct maker *k, struct meta *m, int dir, const struct item *i,
	const char *path, uint64_t *bytes, struct o2r_err *err) O2R_MUST_CHECK;
/* A symbolic link, device, FIFO or socket; 1 when it could not be made and that is no
 * error (it is counted). */
int maker_special(struct maker *k, struct meta *m, int dir, const struct item *i,
	const char *path, struct o2r_err *err) O2R_MUST_CHECK;
int maker_link(struct maker *k, int from_dir, const struct item *from, int dir,
	const struct item *i, const char *path, struct o2r_err *err) O2R_MUST_CHECK;

#endif
