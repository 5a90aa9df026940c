/*
 * A directory that is filled under a temporary name and gets its own when it is whole.
 *
 * A target that is there must be an empty directory. It keeps its mode and owner, and may
 * be a mount point: the temporary directory is then made inside it, and what it holds
 * moves up one by one at the end. One thread.
 */
#ifndef O2R_BASE_TMPDIR_H
#define O2R_BASE_TMPDIR_H

#include "base/err.h"

struct tmpdir {
	int fd;            /* of the directory to fill */
	int parent;        /* where it is */
	char *tmp_name;    /* in parent; NULL once published or discarded */
	char *target_name; /* in parent; NULL: parent is the target */
};

#define TMPDIR_INIT                                                                      \
	{                                                                                \
		.fd = -1, .parent = -1                                                   \
	}

/* Made 0777 & ~umask. USAGE when the target is something else than nothing or an empty
 * directory. */
int tmpdir_open(struct tmpdir *t, const char *target, struct o2r_err *err) O2R_MUST_CHECK;
/* names: all that the directory holds, in the order in which it is to appear in a target
 * that was there; ends in NULL. Nothing is ever replaced. */
int tmpdir_publish(
	struct tmpdir *t, const char *const *names, struct o2r_err *err) O2R_MUST_CHECK;
/* Remove what was not published, with all that is in it. Safe to call twice. */
void tmpdir_finish(struct tmpdir *t);

#endif
