/*
 * What the commands that look at images share: how they begin, --format, and results
 * that go to standard output while they are made. One thread.
 */
#ifndef O2R_CLI_LOOK_H
#define O2R_CLI_LOOK_H

#include "base/json_write.h"
#include "cli/image_args.h"

struct look {
	struct cli *cli;
	struct image_args image;
	bool json;
	struct buf text; /* results not written yet */
	struct json writer;
	int status; /* the exit code once a write has failed, else 0 */
};

enum {
	LOOK_OPTION_COUNT = 1,
};
extern const struct option_spec look_options[LOOK_OPTION_COUNT];

/* The groups of such a command: its own options, then these. */
#define LOOK_GROUPS(own)                                                                 \
	{.specs = (own), .count = ARRAY_LEN(own)},                                       \
		{.specs = look_options, .count = LOOK_OPTION_COUNT}, IMAGE_ARGS_GROUPS

/* Read options (own: the state of the command's group), as cli_begin does. A command may
 * have one group more, whose state is the struct image_args: EXTRA_ARGS_GROUP. Returns
 * CLI_GO_ON, or the exit code. look_finish in any case. */
int look_begin(struct look *l, struct cli *cli, const struct command *c, void *own,
	int *argc, char **argv) O2R_MUST_CHECK;
/* For a command without --format: the groups are its own and those of images. */
int look_begin_plain(struct look *l, struct cli *cli, const struct command *c, void *own,
	int *argc, char **argv) O2R_MUST_CHECK;
/* For a command whose only options are those of images. */
int look_begin_image(struct look *l, struct cli *cli, const struct command *c, int *argc,
	char **argv) O2R_MUST_CHECK;
void look_finish(struct look *l);

/*
 * Results so far go out when there are enough of them; look_end writes the rest. Each
 * returns 0, or the exit code. When the reader of a pipe has gone nothing is said.
 */
int look_flush(struct look *l) O2R_MUST_CHECK;
int look_end(struct look *l) O2R_MUST_CHECK;
/* The same for bytes of any number, at once. */
int look_write(struct look *l, const void *p, size_t n) O2R_MUST_CHECK;

/* Out of memory while a result was made. */
int look_nomem(struct look *l);

#endif
