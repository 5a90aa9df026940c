/*
 * The checksum of a piece of decoded bytes: it finds accidents and blobs that changed. A
 * kept index names the one that it was made with (PIECE_SUM_ID) and is of no use to a
 * build with another, so whichever CRC is fastest here will do (ISA-L's runs at several
 * times the speed of the processor's CRC-32C instruction). Pure.
 */
#ifndef O2R_BLOB_PIECE_SUM_H
#define O2R_BLOB_PIECE_SUM_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

#if HAVE_ISAL
#include <isa-l/crc.h>

enum {
	PIECE_SUM_ID = 1, /* CRC-32 of gzip */
};

#define PIECE_SUM_INIT 0

static inline uint32_t piece_sum_add(uint32_t sum, const void *p, size_t n)
{
	return crc32_gzip_refl(sum, p, n);
}
#else
#include "base/crc32c.h"

enum {
	PIECE_SUM_ID = 2, /* CRC-32C */
};

#define PIECE_SUM_INIT (~0u)

static inline uint32_t piece_sum_add(uint32_t sum, const void *p, size_t n)
{
	return crc32c(sum, p, n);
}
#endif

/* The sum of a piece that is in one place; PIECE_SUM_INIT and piece_sum_add give that of
 * one in several. */
static inline uint32_t piece_sum(const void *p, size_t n)
{
	return piece_sum_add(PIECE_SUM_INIT, p, n);
}

#endif
