/*
 * The files that hold the state of views: one a view, in a folder that is this user's
 * alone, named by the device number of the mount ("0:52.json").
 *
 * The folder is $XDG_RUNTIME_DIR/o2r when that variable is absolute and names a folder
 * of ours, else /run/o2r for root and /tmp/o2r-UID for anybody else. A folder or a file
 * that belongs to somebody else, or that others may use, is not believed. Changes are
 * made under a lock on the folder, so that the end of one view never removes what
 * another one of the same number has just written.
 */
#ifndef O2R_STATE_FILE_H
#define O2R_STATE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "o2r_state.h"

struct state_folder {
	int fd;
	char path[PATH_MAX];
};

#define STATE_FOLDER_INIT                                                                \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* 1, or 0 when it is not there and is not to be made. uid: the number by which the
 * folder is named; inside a user namespace ours have another one than outside. */
int state_folder_open(
	struct state_folder *f, uid_t uid, bool make, struct o2r_err *err) O2R_MUST_CHECK;
void state_folder_close(struct state_folder *f);

struct state_name {
	char s[32];
};
struct state_name state_name(unsigned major, unsigned minor);

/* 1, or 0 when there is no such file. *out is to be finished whatever comes out. */
int state_file_read(const struct state_folder *f, const char *name,
	struct view_state *out, struct o2r_err *err) O2R_MUST_CHECK;
/* Over one that is there, unless another process lives that wrote it. */
int state_file_write(const struct state_folder *f, const char *name,
	const struct view_state *s, struct o2r_err *err) O2R_MUST_CHECK;
/* Remove the file when it is this process's. */
void state_file_remove(
	const struct state_folder *f, const char *name, const struct view_state *of);

/* Each state that can be read, in no order; what cannot be read is passed over. A
 * non-zero return of fn ends it. fn must not change the folder. */
typedef int (*state_fn)(void *arg, unsigned major, unsigned minor, struct view_state *s);
int state_files_each(const struct state_folder *f, state_fn fn, void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
