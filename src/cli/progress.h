/*
 * The words of progress: pure functions from numbers to text, so that a test needs no
 * terminal and no clock.
 */
#ifndef O2R_CLI_PROGRESS_H
#define O2R_CLI_PROGRESS_H

#include <stddef.h>

#include "o2r.h"

struct progress_text {
	char s[160];
};

/*
 * One line that fits into `columns`: stage, layers, bytes, rate, time left, cut from the
 * right where there is no room. Empty when not even the stage fits. seconds: since the
 * stage began.
 */
struct progress_text progress_line(
	const struct o2r_progress *p, double seconds, unsigned columns);

/* The same as a sentence for logs, of any width: "index: 2 of 5 layers, ...". */
struct progress_text progress_sentence(const struct o2r_progress *p, double seconds);

/* Of a stage that had `earlier` bytes of those that are done when it began. */
struct progress_text progress_line_after(
	const struct o2r_progress *p, uint64_t earlier, double seconds, unsigned columns);
struct progress_text progress_sentence_after(
	const struct o2r_progress *p, uint64_t earlier, double seconds);

/* "45 MiB/s"; empty when it would say nothing yet. */
struct progress_text progress_rate(uint64_t bytes, double seconds);

/* The end of a stage: "index: 5 layers, 940 MiB in 1.8 s"; no layers when it is 0. */
struct progress_text progress_total(
	const char *stage, unsigned layers, unsigned long long bytes, double seconds);

/* "0:09", "12:30", "3:00:00". */
struct progress_text progress_clock(double seconds);

#endif
