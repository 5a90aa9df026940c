/*
 * Assertions for unit tests: plain programs that end with TEST_END. A failure names file,
 * line and values, and the program goes on to the next check; the exit code says it all.
 */
#ifndef O2R_TESTS_UNIT_H
#define O2R_TESTS_UNIT_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unit_checks, unit_failures;

#define CHECK(cond)                                                                      \
	do {                                                                             \
		unit_checks++;                                                           \
		if (!(cond)) {                                                           \
			unit_failures++;                                                 \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__,       \
				#cond);                                                  \
		}                                                                        \
	} while (0)

#define CHECK_EQ(a, b)                                                                   \
	do {                                                                             \
		int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);                            \
		unit_checks++;                                                           \
		if (a_ != b_) {                                                          \
			unit_failures++;                                                 \
			fprintf(stderr,                                                  \
				"%s:%d: %s is %" PRId64 ", not %" PRId64 " (%s)\n",      \
				__FILE__, __LINE__, #a, a_, b_, #b);                     \
		}                                                                        \
	} while (0)

#define CHECK_STR(a, b)                                                                  \
	do {                                                                             \
		const char *a_ = (a), *b_ = (b);                                         \
		unit_checks++;                                                           \
		if (!a_ || !b_ || strcmp(a_, b_) != 0) {                                 \
			unit_failures++;                                                 \
			fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__,   \
				__LINE__, #a, a_ ? a_ : "(null)", b_ ? b_ : "(null)");   \
		}                                                                        \
	} while (0)

#define CHECK_MEM(a, b, n)                                                               \
	do {                                                                             \
		unit_checks++;                                                           \
		if (memcmp((a), (b), (n)) != 0) {                                        \
			unit_failures++;                                                 \
			fprintf(stderr, "%s:%d: %s and %s differ\n", __FILE__, __LINE__, \
				#a, #b);                                                 \
		}                                                                        \
	} while (0)

/* A test that checked nothing has failed. */
#define TEST_END                                                                         \
	do {                                                                             \
		fprintf(stderr, "%d checks, %d failures\n", unit_checks, unit_failures); \
		return unit_failures || !unit_checks;                                    \
	} while (0)

#endif
