/* Little-endian loads and stores at any alignment. */
#ifndef O2R_BASE_LE_H
#define O2R_BASE_LE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define O2R_LE(bits)                                                                     \
	static inline uint##bits##_t get_le##bits(const void *p)                         \
	{                                                                                \
		uint##bits##_t v;                                                        \
                                                                                         \
		memcpy(&v, p, sizeof(v));                                                \
		return le##bits##toh(v);                                                 \
	}                                                                                \
	static inline void put_le##bits(void *p, uint##bits##_t v)                       \
	{                                                                                \
		v = htole##bits(v);                                                      \
		memcpy(p, &v, sizeof(v));                                                \
	}

O2R_LE(16)
O2R_LE(32)
O2R_LE(64)

#endif
