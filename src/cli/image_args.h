/*
 * The options of every command that opens an image, and how it is opened with them. The
 * caller owns the options handle (image_args_finish).
 */
#ifndef O2R_CLI_IMAGE_ARGS_H
#define O2R_CLI_IMAGE_ARGS_H

#include "cli/cli.h"

struct image_args {
	struct o2r_options *options;
};

enum {
	IMAGE_ARGS_OPTION_COUNT = 6,
};
extern const struct option_spec image_args_options[IMAGE_ARGS_OPTION_COUNT];

int image_args_init(
	struct image_args *a, struct cli *cli, struct o2r_err *err) O2R_MUST_CHECK;
void image_args_finish(struct image_args *a);

/* Open an image; its messages and progress go to the console. Returns CLI_GO_ON, or the
 * exit code. */
int image_args_open(struct image_args *a, struct cli *cli, const char *reference,
	struct o2r_image **image) O2R_MUST_CHECK;

#endif
