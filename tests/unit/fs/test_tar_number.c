/* Number fields, decimal records and times. */
#include "fs/tar_number.h"
#include "unit.h"

#define BAD INT64_C(-987654321)

struct field_case {
	const char *bytes;
	int len;
	int64_t want; /* BAD: refused */
};

static const struct field_case fields[] = {
	{"0000644", 8, 0644},
	{"0000644 ", 8, 0644},
	{"  644 \0\0", 8, 0644},
	{"00000644", 8, 0644},
	{"\0\0\0\0\0\0\0\0", 8, 0},
	{"        ", 8, 0},
	{"\0\0"
	 "644\0\0\0",
		8, 0644},
	{"644\0xyz", 8, 0644},
	{"12x4567", 8, BAD},
	{"644 x\0\0\0", 8, BAD},
	{"0000008", 8, BAD},
	{"-000001", 8, BAD},
	{"77777777", 8, 077777777},
	{"777777777777", 12, 0777777777777},
	{"\x80\0\0\0\0\0\0\x2a", 8, 42},
	{"\xff\xff\xff\xff\xff\xff\xff\xfe", 8, -2},
	{"\x80\0\0\0\0\0\0\0\0\0\0\x07", 12, 7},
	{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, -1},
	{"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, INT64_MAX},
	{"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12, INT64_MIN},
	{"\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, BAD},
	{"\x80\0\0\x01\0\0\0\0\0\0\0\0", 12, BAD},
	{"\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12, BAD},
};

static void test_fields(void)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int64_t v = BAD;
		bool ok = tar_number((const unsigned char *)fields[i].bytes,
			(size_t)fields[i].len, &v);

		CHECK_EQ(v, fields[i].want);
		CHECK_EQ(ok, fields[i].want != BAD);
	}
	/* 63 bits of octal digits fit, 64 do not */
	int64_t v;

	CHECK(tar_number((const unsigned char *)"777777777777777777777", 21, &v));
	CHECK_EQ(v, INT64_MAX);
	CHECK(!tar_number((const unsigned char *)"1000000000000000000000", 22, &v));
}

static const struct field_case decimals[] = {
	{"0", 1, 0},
	{"4294967294", 10, 4294967294},
	{"-5", 2, -5},
	{"9223372036854775807", 19, INT64_MAX},
	{"-9223372036854775808", 20, INT64_MIN},
	{"9223372036854775808", 19, BAD},
	{"-9223372036854775809", 20, BAD},
	{"99999999999999999999", 20, BAD},
	{"", 0, BAD},
	{"-", 1, BAD},
	{"+5", 2, BAD},
	{"5 ", 2, BAD},
	{"0x5", 3, BAD},
	{"1.5", 3, BAD},
};

static void test_decimals(void)
{
	for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++) {
		int64_t v = BAD;

		pax_i64(decimals[i].bytes, (size_t)decimals[i].len, &v);
		CHECK_EQ(v, decimals[i].want);
	}
}

static const struct {
	const char *text;
	int64_t sec;
	uint32_t nsec;
} times[] = {
	{"0", 0, 0},
	{"1.5", 1, 500000000},
	{"-1.5", -2, 500000000},
	{"-1", -1, 0},
	{"-0.000000001", -1, 999999999},
	{"-0.0", 0, 0},
	{"12.", 12, 0},
	{"1.123456789999999999999999999999", 1, 123456789},
	{"-1.9999999999", -2, 1},
	{"-0.0000000001", 0, 0},
	{"1350244992.023960108", 1350244992, 23960108},
	{"9223372036854775807.9", INT64_MAX, 900000000},
	{"-9223372036854775808", INT64_MIN, 0},
	{"-9223372036854775808.5", BAD, 0},
	{"9223372036854775808", BAD, 0},
	{".5", BAD, 0},
	{"-.5", BAD, 0},
	{"", BAD, 0},
	{"1.5x", BAD, 0},
	{"1.-5", BAD, 0},
	{"1e9", BAD, 0},
};

static void test_times(void)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t sec = BAD;
		uint32_t nsec = 0;

		pax_time(times[i].text, strlen(times[i].text), &sec, &nsec);
		CHECK_EQ(sec, times[i].sec);
		CHECK_EQ(nsec, times[i].nsec);
	}
}

int main(void)
{
	test_fields();
	test_decimals();
	test_times();
	TEST_END;
}
