#include "sources/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

static bool same(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Lower-case copy of a name; false when it is none, or too long for the field. */
static bool copy_name(char *out, size_t cap, const char *s, size_t n)
{
	if (n >= cap)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!isascii(c) || (!isalnum(c) && !strchr("._-", c)))
			return false;
		out[i] = (char)tolower(c);
	}
	out[n] = '\0';
	return true;
}

static void set(char field[32], const char *value)
{
	snprintf(field, 32, "%s", value);
}

/* One name written in several ways: arch and variant become those on the right. An empty
 * variant on the left stands for itself, NULL for any. */
static const struct alias {
	const char *arch, *variant, *new_arch, *new_variant;
} aliases[] = {
	{"i386", NULL, "386", ""},
	{"x86_64", NULL, "amd64", NULL},
	{"x86-64", NULL, "amd64", NULL},
	{"aarch64", NULL, "arm64", NULL},
	{"armhf", NULL, "arm", "v7"},
	{"armel", NULL, "arm", "v6"},
	/* now the arch is final */
	{"amd64", "v1", "amd64", ""},
	{"arm64", "8", "arm64", ""},
	{"arm64", "v8", "arm64", ""},
	{"arm64", "v8.0", "arm64", ""},
	{"arm64", "9", "arm64", "v9"},
	{"arm64", "9.0", "arm64", "v9"},
	{"arm64", "v9.0", "arm64", "v9"},
	{"arm", "", "arm", "v7"},
	{"arm", "5", "arm", "v5"},
	{"arm", "6", "arm", "v6"},
	{"arm", "7", "arm", "v7"},
	{"arm", "8", "arm", "v8"},
};

static void normalise(struct platform *p)
{
	if (same(p->os, "macos"))
		set(p->os, "darwin");
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		const struct alias *a = &aliases[i];

		if (!same(p->arch, a->arch) ||
			(a->variant && !same(p->variant, a->variant)))
			continue;
		set(p->arch, a->new_arch);
		if (a->new_variant)
			set(p->variant, a->new_variant);
	}
}

int platform_parse(const char *text, struct platform *out, struct o2r_err *err)
{
	struct platform p = {0};
	char *field[] = {p.os, p.arch, p.variant};
	const char *s = text;
	size_t i = 0;
	bool ok = true;

	for (; ok && i < ARRAY_LEN(field); i++) {
		size_t n = strcspn(s, "/");

		ok = n > 0 && copy_name(field[i], sizeof(p.os), s, n);
		s += n;
		if (!*s)
			break;
		s++;
	}
	if (!ok || i < 1 || i == ARRAY_LEN(field))
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" is not a platform: write os/arch[/variant], such as "
			"linux/amd64 or linux/arm/v7",
			text_quote(text, strlen(text)).s);
	normalise(&p);
	*out = p;
	return 0;
}

int platform_make(const char *os, const char *arch, const char *variant,
	struct platform *out, struct o2r_err *err)
{
	const char *value[] = {os, arch, variant};
	struct platform p = {0};
	char *field[] = {p.os, p.arch, p.variant};

	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if (value[i] &&
			!copy_name(field[i], sizeof(p.os), value[i], strlen(value[i])))
			return err_corrupt(err, "\"%s\" is not the name of a platform",
				text_quote(value[i], strlen(value[i])).s);
	*out = (struct platform){0};
	if (!p.os[0] || !p.arch[0])
		return 0;
	normalise(&p);
	*out = p;
	return 1;
}

bool platform_is_unknown(const struct platform *p)
{
	return same(p->os, "unknown") && same(p->arch, "unknown");
}

struct platform_text platform_format(const struct platform *p)
{
	struct platform_text t = {.s = "unknown"};

	if (p->os[0])
		snprintf(t.s, sizeof(t.s), "%s/%s%s%s", p->os, p->arch,
			p->variant[0] ? "/" : "", p->variant);
	return t;
}

/* A variant as one number on the scale of its architecture, -1 when it is not on one. A
 * processor runs what stands for a number up to its own. */
static int amd64_level(const char *variant)
{
	if (!variant[0])
		return 1;
	if (variant[0] == 'v' && variant[1] >= '2' && variant[1] <= '9' && !variant[2])
		return variant[1] - '0';
	return -1;
}

static int arm_level(const char *variant)
{
	if (variant[0] == 'v' && variant[1] >= '5' && variant[1] <= '8' && !variant[2])
		return variant[1] - '0';
	return -1;
}

/* v8 .. v8.9, v9 .. v9.9 as 80 .. 89, 90 .. 99. */
static int arm64_version(const char *variant)
{
	int minor = 0;

	if (!variant[0])
		return 80;
	if (variant[0] != 'v' || (variant[1] != '8' && variant[1] != '9'))
		return -1;
	if (variant[2]) {
		if (variant[2] != '.' || !isdigit((unsigned char)variant[3]) ||
			variant[4])
			return -1;
		minor = variant[3] - '0';
	}
	return (variant[1] - '0') * 10 + minor;
}

/* v9.x runs v9.x and below, and v8.(x+5) and below, in this order. */
static int arm64_rank(const char *want, const char *have)
{
	int w = arm64_version(want), h = arm64_version(have);

	if (w < 0 || h < 0)
		return -1;
	if (w / 10 == h / 10)
		return h <= w ? w - h : -1;
	if (w / 10 == 8)
		return -1;

	int best = 80 + w % 10 + 5;

	return h <= best ? w % 10 + 1 + best - h : -1;
}

static int level_rank(int want, int have)
{
	return want < 0 || have < 0 || have > want ? -1 : want - have;
}

int platform_rank(const struct platform *want, const struct platform *have)
{
	if (!same(want->os, have->os) || !same(want->arch, have->arch))
		return -1;
	if (same(want->variant, have->variant))
		return 0;
	if (same(want->arch, "amd64"))
		return level_rank(amd64_level(want->variant), amd64_level(have->variant));
	if (same(want->arch, "arm"))
		return level_rank(arm_level(want->variant), arm_level(have->variant));
	if (same(want->arch, "arm64"))
		return arm64_rank(want->variant, have->variant);
	return -1;
}
