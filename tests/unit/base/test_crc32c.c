/* CRC-32C: known values, and the fast and the portable way against each other. */
#include "base/crc32c.h"
#include "unit.h"

static unsigned char data[20000];

static void known_values(void)
{
	static const unsigned char zeros[32];

	/* RFC 3720, B.4, and the check value of the CRC catalogue */
	CHECK_EQ((uint32_t)~crc32c(~0u, "123456789", 9), 0xe3069283u);
	CHECK_EQ((uint32_t)~crc32c(~0u, zeros, 32), 0x8a9136aau);
	CHECK_EQ((uint32_t)~crc32c_portable(~0u, "123456789", 9), 0xe3069283u);
	CHECK_EQ((uint32_t)~crc32c_portable(~0u, zeros, 32), 0x8a9136aau);
	CHECK_EQ(crc32c(77, NULL, 0), 77);
}

static void agree(void)
{
	for (size_t n = 0; n <= 8000; n = n < 1000 ? n + 1 : n + 37)
		for (size_t at = 0; at < 9; at += 4) {
			uint32_t fast = crc32c((uint32_t)n, data + at, n);

			CHECK_EQ(fast, crc32c_portable((uint32_t)n, data + at, n));
		}
	CHECK_EQ(crc32c(~0u, data, sizeof(data)),
		crc32c_portable(~0u, data, sizeof(data)));
}

static void continues(void)
{
	uint32_t whole = crc32c(~0u, data, sizeof(data));

	for (size_t cut = 0; cut < sizeof(data); cut += 997) {
		uint32_t part = crc32c(~0u, data, cut);

		CHECK_EQ(crc32c(part, data + cut, sizeof(data) - cut), whole);
	}
}

int main(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)((x = x * 1103515245 + 12345) >> 16);
	known_values();
	agree();
	continues();
	TEST_END;
}
