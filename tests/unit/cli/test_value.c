#include "cli/value.h"

#include "base/checked.h"
#include "unit.h"

#define BAD UINT64_MAX

static const struct {
	const char *text;
	uint64_t number, size, epoch;
} samples[] = {
	{"0", 0, 0, 0},
	{"1700000000", 1700000000, 1700000000, 1700000000},
	{"007", 7, 7, 7},
	{"1K", BAD, 1024, BAD},
	{"2G", BAD, 2147483648, BAD},
	{"16777215T", BAD, 18446742974197923840u, BAD},
	{"16777216T", BAD, BAD, BAD},
	{"1k", BAD, 1024, BAD},
	{"1KB", BAD, BAD, BAD},
	{"1 ", BAD, BAD, BAD},
	{" 1", BAD, BAD, BAD},
	{"+1", BAD, BAD, BAD},
	{"-1", BAD, BAD, BAD},
	{"1.5", BAD, BAD, BAD},
	{"", BAD, BAD, BAD},
	{"K", BAD, BAD, BAD},
	{"0x10", BAD, BAD, BAD},
	{"15032385535", 15032385535, 15032385535, 15032385535},
	{"15032385536", 15032385536, 15032385536, BAD},
	{"18446744073709551614", 18446744073709551614u, 18446744073709551614u, BAD},
	{"18446744073709551616", BAD, BAD, BAD},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const char *text = samples[i].text;
		uint64_t number = BAD, size = BAD;
		int64_t epoch = -1;
		struct o2r_err err;

		CHECK_EQ(value_number(text, UINT64_MAX, &number, &err) == 0,
			samples[i].number != BAD);
		CHECK_EQ(number, samples[i].number);
		CHECK_EQ(value_size(text, &size, &err) == 0, samples[i].size != BAD);
		CHECK_EQ(size, samples[i].size);
		CHECK_EQ(value_epoch(text, &epoch, &err) == 0, samples[i].epoch != BAD);
		CHECK_EQ(epoch, samples[i].epoch);
	}

	struct o2r_err err;
	uint64_t n;

	CHECK_EQ(value_number("64", 64, &n, &err), 0);
	CHECK(value_number("65", 64, &n, &err) < 0);
	CHECK_STR(err.text, "65 is too large: at most 64");
	TEST_END;
}
