/*
 * Data pass: read the bytes of all files of a tree, each layer's stream forwards, spans
 * in parallel, and hand them to a sink. Only spans that hold live data are decoded; every
 * piece is checked (stream.h). What stands in files as it is (directory layers) is taken
 * from them, and nothing but what is asked for is read.
 */
#ifndef O2R_FS_DATA_H
#define O2R_FS_DATA_H

#include "base/ctx.h"
#include "blob/stream.h"
#include "fs/tree.h"

/* Bytes [file_off, file_off + len) of the file items[item]. Within one call of the sink
 * the pieces are in the order of the layer's stream; p is valid during the call only. */
struct data_piece {
	const void *p;
	uint64_t file_off;
	uint32_t len;
	uint32_t item;
};

/* Bytes that stand in a file: [fd_off, fd_off + len) of fd are [file_off, ...) of the
 * file items[item], whole blocks of it. */
struct data_span {
	int fd;
	uint64_t fd_off, file_off, len;
	uint32_t item;
};

struct data_sink {
	/* Called from several threads at once, unless ordered. */
	int (*pieces)(
		void *arg, const struct data_piece *v, size_t n, struct o2r_err *err);
	/* Take bytes from the file where they stand. 1: they are taken; 0: they have to
	 * be read and handed over. NULL: never; not asked when ordered. As thread-safe as
	 * pieces. */
	int (*copy)(void *arg, const struct data_span *s, struct o2r_err *err);
	void *arg;
	bool ordered;      /* one call at a time, in the order of items and offsets */
	const char *stage; /* what progress calls it; NULL: "write" */
};

/*
 * Read the files items[0 .. count), inode numbers in data order (tree_files_in_data_order
 * or a subsequence of it). streams[i] belongs to layer i; those of layers without files
 * of the list may be NULL.
 */
int data_read(const struct tree *t, struct stream *const *streams, const uint32_t *items,
	uint32_t count, const struct ctx *ctx, const struct data_sink *sink,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
