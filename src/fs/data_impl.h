/* What the data pass is made of: data.c (tasks), data_files.c (bytes that stand in
 * files).
 */
#ifndef O2R_FS_DATA_IMPL_H
#define O2R_FS_DATA_IMPL_H

#include <pthread.h>

#include "fs/data.h"

/*
 * How much one task reads at most: long enough that restoring a decoder is cheap beside
 * decoding, short enough that the last tasks of a layer keep all threads busy.
 */
enum {
	DATA_TASK_SPANS = 8,
	DATA_BUFFER = 1 << 20, /* decoded at a time; a multiple of STREAM_PIECE */
	DATA_PIECES_MAX = 4096,
	DATA_CANCELLED = 1, /* ordered: another task has failed, and has the error */
};

/* Some bytes of one file, in the order of the stream. */
struct data_want {
	uint64_t src_off, file_off, len;
	uint32_t item;
};

/* wants [first, last) of one layer, cut to [from, to) of its decoded bytes. */
struct data_task {
	uint64_t from, to;
	size_t first, last;
	uint16_t layer;
};

struct data_pass {
	const struct tree *t;
	struct stream *const *streams;
	const uint32_t *items;
	const struct ctx *ctx;
	const struct data_sink *sink;
	struct data_want *wants;
	size_t want_count, want_cap;
	struct data_task *tasks;
	size_t task_count, task_cap;
	uint64_t done, total; /* bytes handed over, of all; under the lock */
	/* ordered: the task whose turn it is */
	pthread_mutex_t lock;
	pthread_cond_t turn_changed;
	size_t turn;
	bool failed;
	/* decoders are kept between tasks: going on forwards is cheaper than restarting
	 */
	struct stream_reader **idle;
	uint16_t *idle_layer;
	size_t idle_count;
};

/* Hand over pieces: 0, an error, or DATA_CANCELLED. *n is 0 afterwards. */
int data_flush(struct data_pass *p, size_t task, const struct data_piece *v, size_t *n,
	struct o2r_err *err) O2R_MUST_CHECK;
/* So many bytes are where they belong. */
void data_count(struct data_pass *p, uint64_t bytes);

/* A task of a layer whose bytes stand in files. buf: DATA_BUFFER bytes; v:
 * DATA_PIECES_MAX. */
int data_files_run(struct data_pass *p, size_t task, unsigned char *buf,
	struct data_piece *v, struct o2r_err *err) O2R_MUST_CHECK;

#endif
