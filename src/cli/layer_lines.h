/*
 * The words of a pull: one line for each layer, and what they come to. From what the
 * library tells to text, so that a test needs no registry, no terminal and no clock.
 *
 *	04d2b4eb37a1  downloading  12 MiB of 326 MiB
 *	73b878410fc7  done         261 MiB
 *	fetch  1 of 4 layers  273 MiB of 838 MiB  45 MiB/s  0:12 left
 */
#ifndef O2R_CLI_LAYER_LINES_H
#define O2R_CLI_LAYER_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/progress.h"
#include "o2r.h"

struct layer_line {
	char digest[144];
	enum o2r_fetch_state state;
	uint64_t done, total;
	uint64_t first; /* bytes that an earlier run had fetched */
	bool begun;     /* first is known */
};

/* Zero-initialised: none yet. In the order in which they were told. */
struct layer_lines {
	struct layer_line *v;
	size_t n, cap;
};

/* Take down what is told of one layer; it, if its state is another one now, else NULL.
 * What there is no memory for is left out. */
const struct layer_line *layer_lines_note(
	struct layer_lines *l, const struct o2r_fetch_progress *p);
void layer_lines_finish(struct layer_lines *l);

struct layer_totals {
	unsigned layers, waiting, working, fetched, existing;
	uint64_t done, total; /* bytes, of layers that are not there already */
	uint64_t earlier;     /* of done: fetched by an earlier run */
	uint64_t bytes;       /* of all layers */
};
struct layer_totals layer_lines_sum(const struct layer_lines *l);

/*
 * All as lines of at most `columns`, each with a newline, at most `rows` of them: where
 * there are more layers, those that are at work, and a line about the rest.
 */
int layer_lines_text(const struct layer_lines *l, unsigned columns, unsigned rows,
	struct buf *out) O2R_MUST_CHECK;
/* The line below them; seconds: since the first layer was asked for. */
struct progress_text layer_lines_total_line(
	const struct layer_totals *t, double seconds, unsigned columns);

/* For logs: "04d2b4eb37a1: done, 326 MiB"; the totals in between; and at the end
 * "fetched: 3 layers, 647 MiB in 12.3 s, 53 MiB/s; 1 exists". */
struct progress_text layer_line_sentence(const struct layer_line *line);
struct progress_text layer_lines_sentence(const struct layer_totals *t, double seconds);
struct progress_text layer_lines_end(const struct layer_totals *t, double seconds);

#endif
