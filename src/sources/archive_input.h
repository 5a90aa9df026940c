/* What libarchive reads from: a file or a pipe, without losing a signal while it waits.
 */
#ifndef O2R_SOURCES_ARCHIVE_INPUT_H
#define O2R_SOURCES_ARCHIVE_INPUT_H

#include <stdint.h>

#include "base/ctx.h"

struct archive;

struct archive_input {
	int fd; /* borrowed */
	const struct ctx *ctx;
	uint64_t left; /* of a regular file, from where it stands; 0: it is none */
	char *buf;     /* ours */
};

/* The code is libarchive's. *in must stay where it is until the archive is freed. */
int archive_input_open(struct archive *a, struct archive_input *in);
void archive_input_finish(struct archive_input *in);

#endif
