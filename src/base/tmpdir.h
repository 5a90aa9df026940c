/*
 * A directory that is filled under a temporary name and gets its own when it is whole.
 *
 * A target that is there must be an empty directory. It keeps its mode and owner, and may
 * be a mount point: the temporary directory is then made inside it, and what it holds
 * moves up one by one at the end. It is locked (flock) as long as it is being filled: one
 * that nobody has locked was left by a process that was killed, and goes when the same
 * target is opened again (tmpdir_impl.h says when that is sure). One thread.
 */
#ifndef O2R_BASE_TMPDIR_H
#define O2R_BASE_TMPDIR_H

#include "base/err.h"

struct tmpdir {
	int fd;                   /* of the directory to fill */
	int parent;               /* where it is */
	char *tmp_name;           /* in parent; NULL once published or discarded */
	char *target_name;        /* in parent; NULL: parent is the target */
	const char *const *names; /* borrowed */
};

#define TMPDIR_INIT                                                                      \
	{                                                                                \
		.fd = -1, .parent = -1                                                   \
	}

/* Made 0777 & ~umask. names: all that the directory will hold, in the order in which it
 * is to appear in a target that was there; ends in NULL, borrowed. USAGE when the target
 * is something else than nothing or an empty directory. */
int tmpdir_open(struct tmpdir *t, const char *target, const char *const *names,
	struct o2r_err *err) O2R_MUST_CHECK;
/* Nothing is ever replaced. */
int tmpdir_publish(struct tmpdir *t, struct o2r_err *err) O2R_MUST_CHECK;
/* Remove what was not published, with all that is in it. Safe to call twice. */
void tmpdir_finish(struct tmpdir *t);

#endif
