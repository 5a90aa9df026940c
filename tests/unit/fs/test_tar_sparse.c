/* Sparse files of every kind, and zeros that become holes. */
#include "fs/zero_runs.h"
#include "tar_parts.h"

#define PAX_1_0 "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.name=real\n"

static const struct tar_case sparse[] = {
	{"old GNU",
		{{"a", .type = 'S', .fmt = "gnu", .data = "abcd", .real = "00000020000",
			.sparse = "0 1 100 3"}},
		"f a 644 0:0 10 8192 0+1@512 100+3@513\n"},
	{"old GNU, many parts",
		{{"a", .type = 'S', .fmt = "gnu", .data = "abcdefgh",
			 .real = "00000000144",
			 .sparse = "0 1 10 1 20 1 30 1 40 1 50 1 60 1 70 1 100 0"},
			{"b"}},
		"f a 644 0:0 10 100 0+1@1024 10+1@1025 20+1@1026 30+1@1027 40+1@1028 "
		"50+1@1029 "
		"60+1@1030 70+1@1031\nf b 644 0:0 10 0\n"},
	{"old GNU, nothing but a hole",
		{{"a", .type = 'S', .fmt = "gnu", .real = "00000000144",
			.sparse = "100 0"}},
		"f a 644 0:0 10 100 hole\n"},
	{"old GNU, no hole: an ordinary file",
		{{"a", .type = 'S', .fmt = "gnu", .real = "00000000004", .data = "abcd",
			.sparse = "0 2 2 2"}},
		"f a 644 0:0 10 4@512\n"},
	{"old GNU, empty", {{"a", .type = 'S', .fmt = "gnu", .real = "0"}},
		"f a 644 0:0 10 0\n"},
	{"star's real size wins",
		{{"x", .type = 'x', .pax = "SCHILY.realsize=200\n"},
			{"a", .type = 'S', .fmt = "gnu", .real = "1", .sparse = "200 0"}},
		"f a 644 0:0 10 200 hole\n"},
	{"PAX 0.0",
		{{"x", .type = 'x',
			 .pax = "GNU.sparse.size=100\nGNU.sparse.numblocks=2\n"
				"GNU.sparse.offset=5\nGNU.sparse.numbytes=3\n"
				"GNU.sparse.offset=50\nGNU.sparse.numbytes=1\n"},
			{"a", .data = "abcd"}},
		"f a 644 0:0 10 100 5+3@1536 50+1@1539\n"},
	{"PAX 0.1",
		{{"x", .type = 'x',
			 .pax = "GNU.sparse.size=100\nGNU.sparse.numblocks=2\n"
				"GNU.sparse.map=5,3,100,0\nGNU.sparse.name=real\n"},
			{"a", .data = "abc"}},
		"f real 644 0:0 10 100 5+3@1536\n"},
	{"PAX 1.0",
		{{"x", .type = 'x', .pax = PAX_1_0 "GNU.sparse.realsize=100\n"},
			{"a", .size = "00000001003", .data = "2\n5\n3\n100\n0\n"},
			{"", .flags = NO_HEADER, .data = "abc"}, {"b"}},
		"f real 644 0:0 10 100 5+3@2048\nf b 644 0:0 10 0\n"},
	{"PAX 1.0 without parts",
		{{"x", .type = 'x', .pax = PAX_1_0 "GNU.sparse.realsize=7\n"},
			{"a", .size = "00000001000", .data = "0\n"}},
		"f real 644 0:0 10 7 hole\n"},
	{"100 GiB",
		{{"x", .type = 'x',
			 .pax = "GNU.sparse.size=107374182400\nGNU.sparse.map="
				"107374182399,1\n"},
			{"a", .data = "x"}},
		"f a 644 0:0 10 107374182400 107374182399+1@1536\n"},
};

#define SPARSE_ERROR(what, pax_text, text)                                               \
	{                                                                                \
		what, {{"x", .type = 'x', .pax = pax_text}, {"a", .data = "abcd"}},      \
			"error: entry a at 0: " text "\n"                                \
	}

static const struct tar_case refused[] = {
	SPARSE_ERROR("part outside", "GNU.sparse.size=9\nGNU.sparse.map=6,4\n",
		"sparse map: the part of 4 bytes at 6 is out of order or outside the "
		"file of 9 "
		"bytes"),
	SPARSE_ERROR("parts out of order", "GNU.sparse.size=9\nGNU.sparse.map=4,2,0,2\n",
		"sparse map: the part of 2 bytes at 0 is out of order or outside the "
		"file of 9 "
		"bytes"),
	SPARSE_ERROR("parts overlap", "GNU.sparse.size=9\nGNU.sparse.map=0,3,2,1\n",
		"sparse map: the part of 1 bytes at 2 is out of order or outside the "
		"file of 9 "
		"bytes"),
	SPARSE_ERROR("part past 64 bits",
		"GNU.sparse.size=9\nGNU.sparse.map=18446744073709551615,4\n",
		"sparse map: the part of 4 bytes at 18446744073709551615 is out of order "
		"or "
		"outside the file of 9 bytes"),
	SPARSE_ERROR("too little data", "GNU.sparse.size=9\nGNU.sparse.map=0,5\n",
		"sparse map: it describes 5 bytes of data, the entry has 4"),
	SPARSE_ERROR("too much data", "GNU.sparse.size=9\nGNU.sparse.map=0,3\n",
		"sparse map: it describes 3 bytes of data, the entry has 4"),
	SPARSE_ERROR("odd list", "GNU.sparse.size=9\nGNU.sparse.map=0,4,2\n",
		"sparse map: not a list of pairs of numbers"),
	SPARSE_ERROR("no numbers", "GNU.sparse.size=9\nGNU.sparse.map=0,x\n",
		"sparse map: not a list of pairs of numbers"),
	SPARSE_ERROR("other count",
		"GNU.sparse.size=9\nGNU.sparse.numblocks=2\nGNU.sparse.map=0,4\n",
		"sparse map: 1 parts, 2 announced"),
	SPARSE_ERROR("offset alone", "GNU.sparse.size=9\nGNU.sparse.offset=0\n",
		"sparse map: an offset without a length"),
	SPARSE_ERROR("length first", "GNU.sparse.size=9\nGNU.sparse.numbytes=4\n",
		"PAX record GNU.sparse.numbytes: out of place or not a number: '4'"),
	SPARSE_ERROR("unknown version", "GNU.sparse.major=2\nGNU.sparse.minor=0\n",
		"unknown sparse format 2.0"),
	SPARSE_ERROR("negative size", "GNU.sparse.size=-1\nGNU.sparse.map=0,4\n",
		"the size of the sparse file is negative"),
	SPARSE_ERROR("star's way", "SCHILY.realsize=100\n",
		"sparse files in the format of star are not supported"),
	{"PAX 1.0: the data ends in the map",
		{{"x", .type = 'x', .pax = PAX_1_0 "GNU.sparse.realsize=9\n"},
			{"a", .data = "1\n0\n4\n"}},
		"error: entry real at 0: sparse map: the data ends inside it\n"},
	{"PAX 1.0: no number",
		{{"x", .type = 'x', .pax = PAX_1_0 "GNU.sparse.realsize=9\n"},
			{"a", .size = "00000001000", .data = "1\n\n4\n"}},
		"error: entry real at 0: sparse map: not a number\n"},
	{"PAX 1.0: parts without end",
		{{"x", .type = 'x', .pax = PAX_1_0 "GNU.sparse.realsize=9\n"},
			{"a", .size = "00000001000", .data = "99999999999\n"}},
		"error: entry real at 0: more than 4194304 parts in a sparse file\n"},
	{"PAX 1.0: cut off in the map",
		{{"x", .type = 'x', .pax = PAX_1_0 "GNU.sparse.realsize=9\n"},
			{"a", .size = "00000001000", .data = "1\n",
				.flags = NO_END | NO_PADDING}},
		"error: entry real at 0: the archive is cut off at 1538, 512 bytes "
		"before the "
		"end of the entry's data\n"},
	{"type S in another format",
		{{"a", .type = 'S', .data = "abcd", .sparse = "0 4"}},
		"error: entry a at 0: sparse files of type 'S' are supported in GNU "
		"headers only\n"},
	{"old GNU: real size", {{"a", .type = 'S', .fmt = "gnu", .real = "y"}},
		"error: entry a at 0: the size of the sparse file is not a number\n"},
	{"old GNU: outside",
		{{"a", .type = 'S', .fmt = "gnu", .real = "2", .data = "abcd",
			.sparse = "0 4"}},
		"error: entry a at 0: sparse map: the part of 4 bytes at 0 is out of "
		"order or "
		"outside the file of 2 bytes\n"},
	{"old GNU: outside, in a further block",
		{{"a", .type = 'S', .fmt = "gnu", .real = "4", .data = "abcd",
			.sparse = "0 1 1 1 2 1 3 1 4 1"}},
		"error: entry a at 0: sparse map: the part of 1 bytes at 4 is out of "
		"order or "
		"outside the file of 4 bytes\n"},
};

#define K *1024

/* Files by their runs of data: from, to, from, to, ... and where holes are found. */
static const struct {
	size_t size;
	size_t data[6];
	size_t runs[6];
} zeros[] = {
	{64 K, {0}, {0}},               /* all zero */
	{64 K - 1, {0}, {0, 64 K - 1}}, /* too short to look at */
	{64 K + 1, {0}, {0}},           /* the last block is short */
	{65 K + 1, {64 K, 64 K + 1}, {64 K, 65 K + 1}},
	{128 K, {0, 1}, {0, 4 K}},
	{128 K, {128 K - 1, 128 K}, {124 K, 128 K}},
	{128 K, {64 K, 64 K + 1}, {64 K, 128 K}}, /* 60 K behind it are too few */
	{132 K, {64 K, 64 K + 1}, {64 K, 68 K}},
	{68 K, {0, 1}, {0, 4 K}},
	{67 K, {0, 1}, {0, 4 K}}, /* 15 and a short one are 16 */
	{64 K + 1, {0, 1}, {0, 4 K}},
	{64 K, {0, 1}, {0, 64 K}}, /* 15 only */
	{200 K, {5 K, 6 K, 80 K, 90 K}, {0, 8 K, 80 K, 92 K}},
};

static void zero_case(size_t i)
{
	AUTO_BUF struct buf tar = {0}, want = {0};
	AUTO_FREE char *data = calloc(1, zeros[i].size);

	for (size_t k = 0; zeros[i].data[k + 1]; k += 2)
		memset(data + zeros[i].data[k], 'x',
			zeros[i].data[k + 1] - zeros[i].data[k]);
	add_parts(&tar,
		(struct part[]){{"z", .data = data, .data_len = zeros[i].size}, {0}});
	if (buf_printf(&want, "f z 644 0:0 10 %zu", zeros[i].size) < 0)
		abort();
	for (size_t k = 0; zeros[i].runs[k + 1]; k += 2) {
		size_t a = zeros[i].runs[k], b = zeros[i].runs[k + 1];
		int r = b - a == zeros[i].size
				? buf_printf(&want, "@512")
				: buf_printf(&want, " %zu+%zu@%zu", a, b - a, a + 512);

		if (r < 0)
			abort();
	}
	if (buf_printf(&want, zeros[i].runs[1] ? "\n" : " hole\n") < 0)
		abort();
	check_tar("zeros", &tar, want.data);
}

/* A hole of the archive that ends inside a block, and zeros behind it. */
static void test_zeros_in_sparse(void)
{
	AUTO_BUF struct buf tar = {0};
	AUTO_FREE char *data = calloc(1, 100 K);

	data[90 K] = 'x';
	add_parts(
		&tar, (struct part[]){
			      {"x", .type = 'x',
				      .pax = "GNU.sparse.size=300000\n"
					     "GNU.sparse.map=1000,51200,200000,51200\n"},
			      {"a", .data = data, .data_len = 100 K}, {0}});
	check_tar("zeros in a sparse file, too few", &tar,
		"f a 644 0:0 10 300000 1000+51200@1536 200000+51200@52736\n");
	tar.len = 0;
	add_parts(&tar, (struct part[]){{"x", .type = 'x',
						.pax = "GNU.sparse.size=300000\n"
						       "GNU.sparse.map=1000,102400\n"},
				{"a", .data = data, .data_len = 100 K}, {0}});
	/* [1000, 4096) stays: its block begins in a hole; data at 93160 of the file */
	check_tar("zeros in a sparse file", &tar,
		"f a 644 0:0 10 300000 1000+3096@1536 90112+13288@90648\n");
}

int main(void)
{
	check_cases(sparse, sizeof(sparse) / sizeof(sparse[0]));
	check_cases(refused, sizeof(refused) / sizeof(refused[0]));
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		zero_case(i);
	test_zeros_in_sparse();
	TEST_END;
}
