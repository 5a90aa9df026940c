/*
 * Reads that failed: each failing range of a file is told once, all are counted. Any
 * thread.
 */
#ifndef O2R_FS_VIEW_FAULTS_H
#define O2R_FS_VIEW_FAULTS_H

#include <pthread.h>

#include "base/ctx.h"
#include "fs/tree.h"

struct view_fault {
	uint64_t from, to; /* bytes of the file */
	uint32_t ino;
};

struct view_faults {
	pthread_mutex_t lock;
	struct view_fault *list;
	size_t count, cap;
	uint64_t reads;
};

void view_faults_init(struct view_faults *f);
/* Tells how many there were. */
void view_faults_finish(struct view_faults *f, const struct ctx *ctx);

/* n bytes from off of the file could not be had. */
void view_faults_add(struct view_faults *f, const struct tree *t, uint32_t ino,
	uint64_t off, size_t n, const struct o2r_err *why, const struct ctx *ctx);

#endif
