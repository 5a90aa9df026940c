/*
 * The options of every command that opens an image, and how it is opened with them. The
 * caller owns the options handle (image_args_finish).
 */
#ifndef O2R_CLI_IMAGE_ARGS_H
#define O2R_CLI_IMAGE_ARGS_H

#include "cli/cli.h"
#include "cli/registry_args.h"

struct image_args {
	struct o2r_options *options;
	struct registry_args registry;
};

enum {
	IMAGE_ARGS_OPTION_COUNT = 5,
};
extern const struct option_spec image_args_options[IMAGE_ARGS_OPTION_COUNT];

/* The option groups of a command that has a struct image_args, and their states. */
#define IMAGE_ARGS_GROUPS                                                                \
	{.specs = image_args_options, .count = IMAGE_ARGS_OPTION_COUNT},                 \
	{                                                                                \
		.specs = registry_args_options, .count = REGISTRY_ARGS_OPTION_COUNT,     \
		.check = registry_args_check                                             \
	}
#define IMAGE_ARGS_STATES(a) (a), &(a)->registry

int image_args_init(
	struct image_args *a, struct cli *cli, struct o2r_err *err) O2R_MUST_CHECK;
void image_args_finish(struct image_args *a);

/* Ask for what is not there yet: a password. Before the terminal is left; part of
 * image_args_open. Returns CLI_GO_ON, or the exit code. */
int image_args_ask(struct image_args *a, struct cli *cli) O2R_MUST_CHECK;
/* Open an image; its messages and progress go to the console. Returns CLI_GO_ON, or the
 * exit code. */
int image_args_open(struct image_args *a, struct cli *cli, const char *reference,
	struct o2r_image **image) O2R_MUST_CHECK;

#endif
