#include "cli/progress.h"

#include "base/checked.h"
#include "unit.h"

#define MIB (1ULL << 20)

static const struct {
	struct o2r_progress p;
	double seconds;
	unsigned columns;
	const char *line;
} lines[] = {
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 80,
		"index  2 of 5 layers  512 MiB of 1.0 GiB  256 MiB/s  0:02 left"},
	/* cut part by part, never in the middle of one */
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 62,
		"index  2 of 5 layers  512 MiB of 1.0 GiB  256 MiB/s  0:02 left"},
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 61,
		"index  2 of 5 layers  512 MiB of 1.0 GiB  256 MiB/s"},
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 50,
		"index  2 of 5 layers  512 MiB of 1.0 GiB"},
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 25, "index  2 of 5 layers"},
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 5, "index"},
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 4, ""},
	{{"index", 512 * MIB, 1024 * MIB, 2, 5}, 2, 0, ""},
	/* too early for a rate */
	{{"write", 1 * MIB, 1024 * MIB, 0, 5}, 0.1, 80,
		"write  0 of 5 layers  1.0 MiB of 1.0 GiB"},
	{{"write", 0, 1024 * MIB, 0, 5}, 9, 80,
		"write  0 of 5 layers  0 bytes of 1.0 GiB"},
	/* total not known; more done than promised */
	{{"index", 4 * MIB, 0, 0, 0}, 1, 80, "index  4.0 MiB  4.0 MiB/s"},
	{{"index", 4 * MIB, 2 * MIB, 0, 0}, 1, 80,
		"index  4.0 MiB of 2.0 MiB  4.0 MiB/s"},
};

static const struct {
	double seconds;
	const char *text;
} clocks[] = {
	{-5, "0:00"},
	{0, "0:00"},
	{9.4, "0:09"},
	{59.6, "1:00"},
	{750, "12:30"},
	{3600, "1:00:00"},
	{1e30, "999:59:59"},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		CHECK_STR(
			progress_line(&lines[i].p, lines[i].seconds, lines[i].columns).s,
			lines[i].line);
	for (size_t i = 0; i < ARRAY_LEN(clocks); i++)
		CHECK_STR(progress_clock(clocks[i].seconds).s, clocks[i].text);
	CHECK_STR(progress_sentence(&lines[0].p, 2).s,
		"index: 2 of 5 layers, 512 MiB of 1.0 GiB, 256 MiB/s, 0:02 left");
	CHECK_STR(progress_total("index", 1, 940 * MIB, 1.84).s,
		"index: 1 layer, 940 MiB in 1.8 s");
	CHECK_STR(
		progress_total("write", 0, 940 * MIB, 1.84).s, "write: 940 MiB in 1.8 s");
	TEST_END;
}
