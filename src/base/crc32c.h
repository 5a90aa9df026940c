/*
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) without initial or final
 * inversion: crc32c(~0u, p, n) is what ext4 stores (kernel: checksums.rst), and
 * ~crc32c(~0u, p, n) is what iSCSI does. Uses the processor's instruction when there is
 * one. Pure; callable from any thread.
 */
#ifndef O2R_BASE_CRC32C_H
#define O2R_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* The same without special instructions: for tests, and where there are none. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
