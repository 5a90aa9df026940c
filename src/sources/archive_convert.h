/*
 * Any archive as a tar that our own reader reads: cpio, zip, 7z, ISO 9660, and tars
 * compressed in ways that layers never are. What is a tar that a layer may be (plain,
 * gzip, zstd) needs no conversion. And single files as a tar, to be laid on an image.
 */
#ifndef O2R_SOURCES_ARCHIVE_CONVERT_H
#define O2R_SOURCES_ARCHIVE_CONVERT_H

#include <stdint.h>

#include "base/ctx.h"
#include "base/err.h"

/*
 * Returns 1 when the archive is a layer as it is, 0 with *out an unlinked file that holds
 * it as a tar in the pax format (a plain file is one too when it is a tar without or with
 * another compression). fd is read from its start, and stays the caller's. Errors name
 * what is wrong with the archive, not the archive.
 */
int archive_convert(
	int fd, const struct ctx *ctx, int *out, struct o2r_err *err) O2R_MUST_CHECK;

struct tar_out;

/* A new tar in an unlinked file. */
int tar_out_begin(struct tar_out **out, struct o2r_err *err) O2R_MUST_CHECK;
/* The content, time and xattrs of a regular file, under another name, mode and owner. */
int tar_out_file(struct tar_out *w, int fd, const char *name, unsigned mode, uint32_t uid,
	uint32_t gid, const struct ctx *ctx, struct o2r_err *err) O2R_MUST_CHECK;
/* The end: its descriptor. */
int tar_out_end(struct tar_out *w, int *fd, struct o2r_err *err) O2R_MUST_CHECK;
void tar_out_destroy(struct tar_out *w);

#endif
