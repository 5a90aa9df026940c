#include "cli/suggest.h"

#include "base/checked.h"
#include "unit.h"

static const char *const names[] = {"snapshot", "help", "mount", "umount", "ls"};

static const struct {
	const char *wrong, *expected;
} samples[] = {
	{"snapshto", "snapshot"},
	{"snapsho", "snapshot"},
	{"snapshoot", "snapshot"},
	{"snap", "snapshot"},
	{"hlep", "help"},
	{"mout", "mount"},
	{"umout", "umount"},
	{"unmount", "umount"},
	{"mount", "mount"},
	{"x", NULL},
	{"", NULL},
	{"convert", NULL},
	{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct suggestion s = {NULL, 0};

		for (size_t n = 0; n < ARRAY_LEN(names); n++)
			suggest_offer(
				&s, samples[i].wrong, strlen(samples[i].wrong), names[n]);
		if (samples[i].expected)
			CHECK_STR(s.best, samples[i].expected);
		else
			CHECK(!s.best);
	}
	TEST_END;
}
