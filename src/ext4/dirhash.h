/* Hash of a file name in a directory's hash tree (kernel: directory.rst). Pure. */
#ifndef O2R_EXT4_DIRHASH_H
#define O2R_EXT4_DIRHASH_H

#include <stddef.h>
#include <stdint.h>

/* half_md4 with signed characters. seed as in the superblock (host order); all zeros
 * means the algorithm's own start values. The lowest bit of the result is 0. */
uint32_t dirhash(const uint32_t seed[4], const char *name, size_t len);

#endif
