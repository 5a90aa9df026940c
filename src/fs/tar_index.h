/*
 * Tar index: fed with the decoded bytes of a layer as they come, fills a struct layer.
 * Headers are read by tar_reader.h; this module normalises names, joins xattrs and ACLs,
 * expands sparse maps and turns long runs of zeros into holes (docs/tar.md).
 */
#ifndef O2R_FS_TAR_INDEX_H
#define O2R_FS_TAR_INDEX_H

#include "base/ctx.h"
#include "fs/layer.h"

struct tar_index;

/* Warnings (dropped attributes and the like) go to ctx's log with `name` in front, each
 * kind counted: the first ones by path, then one line with the number. ctx, name and
 * layer are borrowed until destroy. */
int tar_index_create(struct layer *layer, const char *name, const struct ctx *ctx,
	struct tar_index **out, struct o2r_err *err) O2R_MUST_CHECK;

/* The next bytes of the stream; matches struct stream_sink's data callback. Bytes after
 * the end mark (two zero blocks) are ignored. Errors are of class CORRUPT and name the
 * entry and the offset of its header. */
int tar_index_data(
	void *tar_index, const void *p, size_t n, struct o2r_err *err) O2R_MUST_CHECK;

/* The stream has ended: an error if it did so inside a header or an entry's data. */
int tar_index_end(struct tar_index *t, struct o2r_err *err) O2R_MUST_CHECK;
void tar_index_destroy(struct tar_index *t);

#endif
