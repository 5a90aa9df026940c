/*
 * Damage for archives, from a seed: blocks copied, moved, dropped and zeroed, fields and
 * bytes of headers changed, the end cut off. Checksums that were right are made right
 * again, most of the time, so that what lies behind them is compared too.
 */
#ifndef O2R_TESTS_MUTATE_H
#define O2R_TESTS_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* out: room for n bytes; returns the new size. */
size_t mutate(const unsigned char *tar, size_t n, uint64_t seed, unsigned char *out);

#endif
