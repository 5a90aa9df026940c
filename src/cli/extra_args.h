/*
 * The options that lay something on top of an image: --layer, --add. Their state is the
 * struct image_args of the command.
 */
#ifndef O2R_CLI_EXTRA_ARGS_H
#define O2R_CLI_EXTRA_ARGS_H

#include "cli/options.h"

enum {
	EXTRA_ARGS_OPTION_COUNT = 2,
};
extern const struct option_spec extra_args_options[EXTRA_ARGS_OPTION_COUNT];

/* The last group of a command that has them. */
#define EXTRA_ARGS_GROUP                                                                 \
	{                                                                                \
		.specs = extra_args_options, .count = EXTRA_ARGS_OPTION_COUNT            \
	}

/* One file to add, of "SRC:DEST[:MODE[:UID[:GID]]]". */
struct extra_file {
	char *src, *dest;  /* malloc'd */
	long mode;         /* -1: as the file has it */
	unsigned uid, gid; /* 0 when not given; gid as uid when only that is */
};

/* SRC ends at the first ":/", so that it may hold colons. */
int extra_file_parse(
	const char *value, struct extra_file *out, struct o2r_err *err) O2R_MUST_CHECK;
void extra_file_finish(struct extra_file *f);

#endif
