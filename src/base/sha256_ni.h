/* The compression function of SHA-256 by the processor's SHA instructions. For sha256.c.
 */
#ifndef O2R_BASE_SHA256_NI_H
#define O2R_BASE_SHA256_NI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sha256_ni_usable(void);
/* Blocks of 64 bytes; h is the state of FIPS 180-4. Only where sha256_ni_usable. */
void sha256_ni_blocks(uint32_t h[8], const unsigned char *p, size_t blocks);
/* The same for two independent streams at once. */
void sha256_ni_blocks2(uint32_t ha[8], const unsigned char *pa, uint32_t hb[8],
	const unsigned char *pb, size_t blocks);

#endif
