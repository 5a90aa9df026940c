/*
 * What stores of unpacked images share: whose a store is and what that means for its
 * files, and whether an image is for the machine that is wanted.
 */
#ifndef O2R_SOURCES_STORED_H
#define O2R_SOURCES_STORED_H

#include "sources/image.h"

/*
 * The rules of a store's directories by the owner of its root folder. The machine's root:
 * marks are in trusted.*. An ordinary user, seen from outside of the user's namespace:
 * ids are mapped back by /etc/subuid and /etc/subgid. overlay: not the whole trees of the
 * vfs driver. ACCESS: inside a user namespace, a store of somebody who is not in it.
 */
int stored_rules(int fd, const char *path, bool overlay, struct dir_rules *out,
	struct o2r_err *err) O2R_MUST_CHECK;
/* "UID.GID", as Docker names the root folder of a userns-remap? */
bool stored_is_remapped(const char *name, size_t n, uint32_t *uid, uint32_t *gid);
/*
 * Those of Docker with userns-remap, whose root folder is named UID.GID after what root
 * is in its files: written by the machine's root, ids mapped back. ACCESS: no user has
 * ids that begin with these.
 */
int stored_rules_remapped(uint32_t uid, uint32_t gid, struct dir_rules *out,
	struct o2r_err *err) O2R_MUST_CHECK;
int stored_rules_copy(struct dir_rules *to, const struct dir_rules *from,
	struct o2r_err *err) O2R_MUST_CHECK;
void stored_rules_finish(struct dir_rules *r);

/* PLATFORM: the image, whose config has been parsed, is for another machine. */
int stored_check_platform(const struct image *image, const struct platform *want,
	const char *name, struct o2r_err *err) O2R_MUST_CHECK;

#endif
