/*
 * Owner, xattrs, mode and times of what was copied, and the count of what could not be
 * kept; private to the files of extract.h.
 */
#ifndef O2R_CLI_EXTRACT_META_H
#define O2R_CLI_EXTRACT_META_H

#include "cli/console.h"
#include "cli/extract.h"

enum loss {
	LOSS_SECURITY, /* security.* attributes, for an ordinary user */
	LOSS_XATTR,    /* attributes that the filesystem would not take */
	LOSS_OWNER,    /* owners that could not be set, for root */
	LOSS_SETID,    /* set-user-ID and set-group-ID bits without their owner */
	LOSS_DEVICE,   /* devices that could not be made */
	LOSS_COUNT,
};

struct losses {
	uint64_t count[LOSS_COUNT];
	char first[LOSS_COUNT][500]; /* where, and why */
};

void loss_note(struct losses *l, enum loss kind, const char *path, const char *why);
/* One warning for each kind. */
void loss_report(const struct losses *l, struct console *c);

struct meta {
	struct o2r_image *image;
	bool root; /* owners are kept */
	struct losses losses;
	struct o2r_error error;
};

/*
 * Give what fd is open on (by O_PATH when it is neither a file nor a directory) all that
 * the inode says. Its last step is the time. `path` is for messages. What cannot be kept
 * is counted; a negative errno says that the mode or the time could not be set.
 */
int meta_apply(struct meta *m, int fd, uint64_t ino, const char *path,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
