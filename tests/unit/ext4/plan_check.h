/*
 * What must hold for every plan, whatever the tree: every block has at most one use, all
 * uses are within the filesystem, and their sum is what the summary and the bitmaps say.
 * For tests and fuzzers; knows the inside of a plan.
 */
#ifndef O2R_TESTS_PLAN_CHECK_H
#define O2R_TESTS_PLAN_CHECK_H

#include "ext4/ext4.h"

/* NULL, or what does not hold. */
const char *plan_check(const struct ext4_plan *p);

#endif
