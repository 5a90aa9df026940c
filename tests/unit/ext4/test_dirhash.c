/* Name hashes against debugfs dx_hash (golden.h), bytes over 127 among them. */
#include "unit.h"

#include "base/checked.h"
#include "ext4/dirhash.h"
#include "golden_load.h"

int main(void)
{
	static const uint32_t zero[4];
	unsigned char name[255];

	for (size_t i = 0; i < ARRAY_LEN(g_hashes); i++) {
		const struct golden_hash *g = &g_hashes[i];
		size_t n = hex_load(g->hex, name, sizeof(name));

		CHECK_EQ(dirhash(g->seeded ? golden_hash_seed : zero, (char *)name, n),
			g->hash);
	}
	/*
	 * This name's hash without the exception is 0xfffffffe (debugfs prints that), the
	 * value that the kernel keeps for the end of a directory and lowers by 2.
	 */
	CHECK_EQ(dirhash(zero, "eof11f085488", 12), 0xfffffffc);
	TEST_END;
}
