/*
 * Taking files and directories out of an image into a local directory, as cp -a would.
 *
 * Nothing is ever written outside of it, whatever the image holds and whoever changes the
 * directory meanwhile: every step is taken from an open directory, no symbolic link is
 * followed, and what is not a directory appears under its name only when it is whole. One
 * thread.
 */
#ifndef O2R_CLI_EXTRACT_H
#define O2R_CLI_EXTRACT_H

#include <stdbool.h>

#include "cli/cli.h"

struct extract_to {
	int dir;          /* an open directory */
	const char *name; /* what the copy is called in it; NULL: what the copied
			     directory holds goes into it, beside what is there */
	const char *path; /* of dir, for messages */
	bool force;       /* replace what is there and is no directory */
};

struct extract_counts {
	uint64_t files, bytes, directories, others;
};

/* Copy inode ino, with all below it. Warnings go to the console. */
int extract(struct cli *cli, struct o2r_image *image, uint64_t ino,
	const struct extract_to *to, struct extract_counts *counts,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
