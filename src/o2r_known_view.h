/*
 * Views as commands find them: what the mount table says of a path, and what the server's
 * state file says of that mount. Nothing asks the view itself.
 */
#ifndef O2R_KNOWN_VIEW_H
#define O2R_KNOWN_VIEW_H

#include <stdbool.h>

#include "base/mountinfo.h"
#include "o2r_state_file.h"

struct known_view {
	struct mounted mount;
	struct state_folder folder;
	struct state_name name;
	struct view_state state; /* only when stated */
	bool stated;             /* there is a state, and it is of this mount */
};

#define KNOWN_VIEW_INIT                                                                  \
	{                                                                                \
		.folder = STATE_FOLDER_INIT                                              \
	}

void known_view_finish(struct known_view *k);
#define AUTO_KNOWN_VIEW CLEANUP(known_view_finish)

/* The view that a path is in: 1, or 0 when it is in no view. *at_root: the path is its
 * mount point. A state that is missing or wrong is no error here: why (may be NULL) says
 * what is the matter with it. */
int known_view_find(const char *path, struct known_view *out, bool *at_root,
	struct o2r_err *why, struct o2r_err *err) O2R_MUST_CHECK;

/* Did we mount it, here or outside of the user namespace that we are in? */
bool known_view_is_ours(const struct mount_entry *e);
/* Is a state that of this mount, and not of one that had its number before? */
bool known_view_matches(const struct mount_entry *e, const struct view_state *s);

#endif
