#include "base/checked.h"
#include "cli/layer_lines.h"
#include "unit.h"

#define MIB (1ULL << 20)

/* sha256:111111111111..., whose line begins with "111111111111" */
static const char *digest(unsigned i)
{
	static char text[80];

	snprintf(text, sizeof(text), "sha256:");
	memset(text + 7, i < 10 ? '0' + (int)i : 'a' + (int)i - 10, 64);
	text[71] = 0;
	return text;
}

static const struct layer_line *note(struct layer_lines *l, unsigned layer,
	enum o2r_fetch_state state, uint64_t done, uint64_t total)
{
	const struct o2r_fetch_progress p = {.digest = digest(layer),
		.layer = layer,
		.layers = 4,
		.state = state,
		.done = done,
		.total = total};

	return layer_lines_note(l, &p);
}

static void some(struct layer_lines *l)
{
	note(l, 0, O2R_FETCH_RUNNING, 0, 326 * MIB);
	note(l, 1, O2R_FETCH_DONE, 261 * MIB, 261 * MIB);
	note(l, 2, O2R_FETCH_WAITING, 0, 60 * MIB);
	note(l, 3, O2R_FETCH_EXISTS, 191 * MIB, 191 * MIB);
	note(l, 0, O2R_FETCH_RUNNING, 12 * MIB, 326 * MIB);
}

static void check_text(const struct layer_lines *l, unsigned columns, unsigned rows,
	const char *expected)
{
	AUTO_BUF struct buf out = {0};
	unsigned lines = 0;

	CHECK_EQ(layer_lines_text(l, columns, rows, &out), 0);
	CHECK_STR(out.len ? out.data : "", expected);
	for (size_t at = 0; at < out.len; lines++) {
		size_t n = strcspn(out.data + at, "\n");

		CHECK(n <= columns);
		at += n + 1;
	}
	CHECK(lines <= rows);
}

static void all_lines(void)
{
	struct layer_lines l = {0};

	check_text(&l, 80, 24, "");
	some(&l);
	check_text(&l, 80, 24,
		"000000000000  downloading  12 MiB of 326 MiB\n"
		"111111111111  done         261 MiB\n"
		"222222222222  waiting      60 MiB\n"
		"333333333333  exists       191 MiB\n");
	/* as many words as fit, and no half of one */
	check_text(&l, 43, 4,
		"000000000000  downloading\n"
		"111111111111  done         261 MiB\n"
		"222222222222  waiting      60 MiB\n"
		"333333333333  exists       191 MiB\n");
	check_text(&l, 24, 4,
		"000000000000\n111111111111  done\n222222222222  waiting\n"
		"333333333333  exists\n");
	check_text(&l, 5, 4, "00000\n11111\n22222\n33333\n");
	check_text(&l, 0, 4, "");
	check_text(&l, 80, 0, "");
	note(&l, 0, O2R_FETCH_RETRYING, 20 * MIB, 326 * MIB);
	check_text(&l, 80, 3,
		"000000000000  retrying     20 MiB of 326 MiB\n"
		"1 waiting, 1 done, 1 exists\n");
	layer_lines_finish(&l);
}

/* More than there is room for: who is at work, and how many others there are. */
static void too_many(void)
{
	struct layer_lines l = {0};

	for (unsigned i = 0; i < 16; i++)
		note(&l, i, i < 4 ? O2R_FETCH_DONE : O2R_FETCH_WAITING, i < 4 ? MIB : 0,
			MIB);
	note(&l, 4, O2R_FETCH_RUNNING, 0, MIB);
	note(&l, 9, O2R_FETCH_RUNNING, 0, MIB);
	note(&l, 15, O2R_FETCH_EXISTS, MIB, MIB);
	check_text(&l, 80, 15,
		"444444444444  downloading  0 bytes of 1.0 MiB\n"
		"999999999999  downloading  0 bytes of 1.0 MiB\n"
		"9 waiting, 4 done, 1 exists\n");
	check_text(&l, 80, 2,
		"444444444444  downloading  0 bytes of 1.0 MiB\n"
		"1 more downloading, 9 waiting, 4 done, 1 exists\n");
	check_text(&l, 80, 1, "2 more downloading, 9 waiting, 4 done, 1 exists\n");
	check_text(&l, 30, 1, "2 more downloading, 9 waiting\n");
	check_text(&l, 10, 1, "9 waiting\n");
	layer_lines_finish(&l);
}

static void news(void)
{
	struct layer_lines l = {0};
	const struct layer_line *line;

	CHECK(note(&l, 0, O2R_FETCH_WAITING, 0, MIB) != NULL);
	CHECK(note(&l, 0, O2R_FETCH_WAITING, 0, MIB) == NULL);
	CHECK(note(&l, 0, O2R_FETCH_RUNNING, 0, MIB) != NULL);
	CHECK(note(&l, 0, O2R_FETCH_RUNNING, 5, MIB) == NULL);
	line = note(&l, 0, O2R_FETCH_DONE, MIB, MIB);
	CHECK(line != NULL);
	if (line)
		CHECK_STR(layer_line_sentence(line).s, "000000000000: done, 1.0 MiB");
	/* not in their order; two images that have one in common */
	line = note(&l, 7, O2R_FETCH_EXISTS, MIB, MIB);
	if (line)
		CHECK_STR(layer_line_sentence(line).s, "777777777777: exists, 1.0 MiB");
	CHECK(note(&l, 7, O2R_FETCH_EXISTS, MIB, MIB) == NULL);
	CHECK(note(&l, 3, O2R_FETCH_WAITING, 0, MIB) != NULL);
	CHECK_EQ(l.n, 3);
	layer_lines_finish(&l);
	CHECK_EQ(l.n, 0);
}

static void totals(void)
{
	struct layer_lines l = {0};
	struct layer_totals t;

	some(&l);
	t = layer_lines_sum(&l);
	CHECK_EQ(t.layers, 4);
	CHECK_EQ(t.waiting, 1);
	CHECK_EQ(t.working, 1);
	CHECK_EQ(t.fetched, 1);
	CHECK_EQ(t.existing, 1);
	CHECK_EQ(t.done, 273 * MIB);
	CHECK_EQ(t.total, 647 * MIB);
	CHECK_EQ(t.bytes, 838 * MIB);
	CHECK_STR(layer_lines_total_line(&t, 6.07, 80).s,
		"fetch  2 of 4 layers  273 MiB of 647 MiB  45 MiB/s  0:08 left");
	CHECK_STR(layer_lines_total_line(&t, 6.07, 25).s, "fetch  2 of 4 layers");
	CHECK_STR(layer_lines_sentence(&t, 6.07).s,
		"fetch: 2 of 4 layers, 273 MiB of 647 MiB, 45 MiB/s, 0:08 left");
	note(&l, 0, O2R_FETCH_DONE, 326 * MIB, 326 * MIB);
	note(&l, 2, O2R_FETCH_DONE, 60 * MIB, 60 * MIB);
	t = layer_lines_sum(&l);
	CHECK_STR(layer_lines_end(&t, 12.21).s,
		"fetched: 3 layers, 647 MiB in 12.2 s, 53 MiB/s; 1 exists");
	note(&l, 3, O2R_FETCH_DONE, 191 * MIB, 191 * MIB);
	t = layer_lines_sum(&l);
	CHECK_STR(layer_lines_end(&t, 0.1).s, "fetched: 4 layers, 838 MiB in 0.1 s");
	layer_lines_finish(&l);
}

/* What an earlier run has fetched is done, but neither fast nor slow. */
static void resumed(void)
{
	struct layer_lines l = {0};
	struct layer_totals t;

	note(&l, 0, O2R_FETCH_WAITING, 0, 100 * MIB);
	note(&l, 0, O2R_FETCH_RUNNING, 60 * MIB, 100 * MIB);
	note(&l, 0, O2R_FETCH_RUNNING, 80 * MIB, 100 * MIB);
	t = layer_lines_sum(&l);
	CHECK_STR(layer_lines_total_line(&t, 2, 80).s,
		"fetch  0 of 1 layers  80 MiB of 100 MiB  10 MiB/s  0:02 left");
	/* all of it was wrong: anew, when its turn comes */
	note(&l, 0, O2R_FETCH_WAITING, 0, 100 * MIB);
	CHECK_EQ(layer_lines_sum(&l).earlier, 0);
	note(&l, 0, O2R_FETCH_RUNNING, 0, 100 * MIB);
	note(&l, 0, O2R_FETCH_DONE, 100 * MIB, 100 * MIB);
	t = layer_lines_sum(&l);
	CHECK_EQ(t.earlier, 0);
	CHECK_STR(
		layer_lines_end(&t, 4).s, "fetched: 1 layer, 100 MiB in 4.0 s, 25 MiB/s");
	/* more than there is */
	note(&l, 0, O2R_FETCH_RUNNING, 120 * MIB, 100 * MIB);
	CHECK_EQ(layer_lines_sum(&l).done, 100 * MIB);
	layer_lines_finish(&l);
}

int main(void)
{
	all_lines();
	too_many();
	news();
	totals();
	resumed();
	TEST_END;
}
