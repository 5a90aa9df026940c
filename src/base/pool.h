/*
 * Parallel loop: run task 0 .. count-1 on up to `threads` threads, in that order of
 * start. The first failure (of the lowest task number that failed) is returned; no
 * further task is started after one, running ones are waited for.
 */
#ifndef O2R_BASE_POOL_H
#define O2R_BASE_POOL_H

#include <stddef.h>

#include "base/err.h"

typedef int (*pool_fn)(void *arg, size_t task, struct o2r_err *err);

int pool_run(unsigned threads, size_t count, pool_fn fn, void *arg,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
