/* What is to be copied, and where it goes; private to the files of extract.h. */
#ifndef O2R_CLI_EXTRACT_LIST_H
#define O2R_CLI_EXTRACT_LIST_H

#include "cli/extract.h"

enum {
	ITEM_NONE = UINT32_MAX,
};

/* A name of the copy. Parents come before their children, siblings together. */
struct item {
	const char *name; /* the image's or the caller's; not NUL-terminated */
	uint64_t ino;
	uint32_t parent; /* ITEM_NONE: it stands in the target directory */
	uint32_t len;    /* 0: it is the target directory */
	mode_t mode;
	bool linked; /* its inode has more than one name in the image */
	bool made;   /* DIR: was not there before */
};

struct item_list {
	struct item *v;
	uint32_t count;
	size_t cap;
};

int item_list_fill(struct item_list *l, struct o2r_image *image, uint64_t ino,
	const struct extract_to *to, struct o2r_error *error) O2R_MUST_CHECK;
void item_list_finish(struct item_list *l);

/* The name with a NUL. */
struct item_name {
	char s[256];
};
struct item_name item_name(const struct item *i);

/* Where the item goes, for messages: cut in front when it is long. */
struct item_path {
	char s[400];
};
struct item_path item_path(
	const struct item_list *l, const struct extract_to *to, uint32_t item);

/* The directory that was opened last: neighbours mostly share theirs. */
struct opened {
	int fd;
	uint32_t dir; /* ITEM_NONE: none, or the target directory */
	bool valid;
};
#define OPENED_INIT                                                                      \
	{                                                                                \
		.fd = -1                                                                 \
	}

/* Open the directory `dir` (ITEM_NONE: the target) step by step, without following
 * links. The descriptor is o's. */
int opened_get(struct opened *o, const struct item_list *l, const struct extract_to *to,
	uint32_t dir, struct o2r_err *err) O2R_MUST_CHECK;
void opened_finish(struct opened *o);

#endif
