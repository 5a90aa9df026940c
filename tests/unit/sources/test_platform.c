/* Platforms: normalisation, and which of several suits best. */
#include "unit.h"

#include <stdbool.h>

#include "sources/platform.h"

static const struct parse {
	const char *text, *normal; /* NULL: refused */
} parse[] = {
	{"linux/amd64", "linux/amd64"},
	{"Linux/AMD64", "linux/amd64"},
	{"linux/amd64/v1", "linux/amd64"},
	{"linux/amd64/V3", "linux/amd64/v3"},
	{"linux/x86_64", "linux/amd64"},
	{"linux/x86-64/v2", "linux/amd64/v2"},
	{"linux/x86_64/v1", "linux/amd64"},
	{"linux/i386", "linux/386"},
	{"linux/i386/v9", "linux/386"},
	{"linux/aarch64", "linux/arm64"},
	{"linux/aarch64/v8", "linux/arm64"},
	{"linux/arm64/8", "linux/arm64"},
	{"linux/arm64/v8.0", "linux/arm64"},
	{"linux/arm64/v8.2", "linux/arm64/v8.2"},
	{"linux/arm64/9", "linux/arm64/v9"},
	{"linux/arm64/9.0", "linux/arm64/v9"},
	{"linux/arm64/v9.0", "linux/arm64/v9"},
	{"linux/armhf", "linux/arm/v7"},
	{"linux/armel", "linux/arm/v6"},
	{"linux/arm", "linux/arm/v7"},
	{"linux/arm/5", "linux/arm/v5"},
	{"linux/arm/6", "linux/arm/v6"},
	{"linux/arm/7", "linux/arm/v7"},
	{"linux/arm/8", "linux/arm/v8"},
	{"linux/arm/v6", "linux/arm/v6"},
	{"macos/arm64", "darwin/arm64"},
	{"plan9/mips_x.y-z", "plan9/mips_x.y-z"},
	{"", NULL},
	{"linux", NULL},
	{"linux/", NULL},
	{"/amd64", NULL},
	{"linux//v2", NULL},
	{"linux/amd64/", NULL},
	{"linux/amd64/v2/x", NULL},
	{"linux/amd64/v2/", NULL},
	{"linux/am d64", NULL},
	{"linux/amd64\n", NULL},
	{"linux/\xc3\xa9", NULL},
	{"windows(10.0)/amd64", NULL},
	{"linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
};

static void parses(void)
{
	for (size_t i = 0; i < sizeof(parse) / sizeof(parse[0]); i++) {
		struct o2r_err err = {0};
		struct platform p;
		int r = platform_parse(parse[i].text, &p, &err);

		CHECK_EQ(r, parse[i].normal ? 0 : -EINVAL);
		if (parse[i].normal)
			CHECK_STR(platform_format(&p).s, parse[i].normal);
		else
			CHECK_EQ(err.cls, ERR_USAGE);
	}
}

static void makes(void)
{
	struct o2r_err err = {0};
	struct platform p;

	CHECK_EQ(platform_make("linux", "x86_64", NULL, &p, &err), 1);
	CHECK_STR(platform_format(&p).s, "linux/amd64");
	CHECK_EQ(platform_make("linux", "arm", "", &p, &err), 1);
	CHECK_STR(platform_format(&p).s, "linux/arm/v7");
	CHECK_EQ(platform_make("linux", NULL, "v7", &p, &err), 0);
	CHECK_STR(platform_format(&p).s, "unknown");
	CHECK_STR(p.variant, "");
	CHECK_EQ(platform_make("", "amd64", NULL, &p, &err), 0);
	CHECK_EQ(platform_make("linux", "a/b", NULL, &p, &err), -EBADMSG);
	CHECK(strstr(err.text, "\"a/b\" is not the name of a platform"));
	CHECK_EQ(platform_make("unknown", "unknown", NULL, &p, &err), 1);
	CHECK(platform_is_unknown(&p));
	CHECK_EQ(platform_make("linux", "unknown", NULL, &p, &err), 1);
	CHECK(!platform_is_unknown(&p));
}

/* `have` from the best to the last that suits, then "-", then what does not suit. */
static const struct order {
	const char *want;
	const char *have[24];
} order[] = {
	{"linux/amd64", {"linux/amd64", "-", "linux/amd64/v2", "linux/386", "linux/arm64",
				"windows/amd64", "linux/amd64/v0", "linux/amd64/x"}},
	{"linux/amd64/v4",
		{"linux/amd64/v4", "linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "-",
			"linux/amd64/v5", "linux/386", "linux/amd64/vx"}},
	{"linux/amd64/v2", {"linux/amd64/v2", "linux/amd64/v1", "-", "linux/amd64/v3"}},
	{"linux/arm64", {"linux/arm64", "-", "linux/arm64/v8.1", "linux/arm64/v9",
				"linux/arm/v8", "linux/arm/v7"}},
	{"linux/arm64/v8.2",
		{"linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64/v8", "-",
			"linux/arm64/v8.3", "linux/arm64/v9", "linux/arm64/v8.x",
			"linux/arm64/v8.10", "linux/arm64/v7"}},
	{"linux/arm64/v9.1",
		{"linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6",
			"linux/arm64/v8.5", "linux/arm64/v8.4", "linux/arm64/v8.1",
			"linux/arm64", "-", "linux/arm64/v9.2", "linux/arm64/v8.7",
			"linux/arm/v8"}},
	{"linux/arm64/v9", {"linux/arm64/v9", "linux/arm64/v8.5", "linux/arm64/v8", "-",
				   "linux/arm64/v8.6"}},
	{"linux/arm",
		{"linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "-", "linux/arm/v8",
			"linux/arm64", "linux/arm/v4", "linux/arm/v77"}},
	{"linux/arm/v8",
		{"linux/arm/v8", "linux/arm", "linux/arm/v6", "linux/arm/v5", "-"}},
	{"linux/386", {"linux/386", "-", "linux/amd64"}},
	{"linux/riscv64", {"linux/riscv64", "-", "linux/riscv64/rva22"}},
	{"linux/mips/hard", {"linux/mips/hard", "-", "linux/mips", "linux/mips/soft"}},
	{"linux/amd64/odd", {"linux/amd64/odd", "-", "linux/amd64", "linux/amd64/v2"}},
};

static void check_order(const struct order *o)
{
	struct o2r_err err = {0};
	struct platform want, have;
	bool suits = true;
	int last = -1;

	CHECK_EQ(platform_parse(o->want, &want, &err), 0);
	for (size_t i = 0; o->have[i]; i++) {
		if (strcmp(o->have[i], "-") == 0) {
			suits = false;
			continue;
		}
		CHECK_EQ(platform_parse(o->have[i], &have, &err), 0);

		int rank = platform_rank(&want, &have);
		bool ok = suits ? rank > last && (i > 0 || rank == 0) : rank == -1;

		CHECK(ok);
		if (!ok)
			fprintf(stderr, "  %s for %s: %d\n", o->have[i], o->want, rank);
		last = rank;
	}
}

static void host(void)
{
	struct o2r_err err = {0};
	struct platform p, plain;

	CHECK_EQ(platform_host(&p, &err), 0);
	CHECK_STR(p.os, "linux");
#if defined(__x86_64__)
	CHECK_STR(p.arch, "amd64");
	CHECK_EQ(platform_parse("linux/amd64", &plain, &err), 0);
	CHECK(platform_rank(&p, &plain) >= 0 && platform_rank(&p, &plain) <= 3);
#elif defined(__aarch64__)
	CHECK_STR(p.arch, "arm64");
#endif
	(void)plain;
}

int main(void)
{
	parses();
	makes();
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		check_order(&order[i]);
	host();
	TEST_END;
}
