/* Golden bytes as golden.h lists them, into a buffer. */
#ifndef O2R_TESTS_EXT4_GOLDEN_LOAD_H
#define O2R_TESTS_EXT4_GOLDEN_LOAD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

static inline size_t hex_load(const char *hex, unsigned char *out, size_t max)
{
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		char pair[3] = {hex[0], hex[1], 0};

		if (n == max)
			abort();
		out[n++] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return n;
}

static inline void golden_load(const struct golden_piece *g, void *out, size_t n)
{
	memset(out, 0, n);
	for (; g->hex; g++)
		hex_load(g->hex, (unsigned char *)out + g->at, n - g->at);
}

/* The images' identity, as the maker of golden.h sets it. */
static const unsigned char golden_uuid[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
	0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
static const uint32_t golden_hash_seed[4] = {
	0x98badcfe, 0x10325476, 0x33221100, 0xff665544};

#endif
