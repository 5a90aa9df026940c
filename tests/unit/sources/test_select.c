/* Which image of a layout is meant: tags, places, platforms, nested indexes. */
#include "layout_case.h"
#include "unit.h"

#define AMD64 "\"os\":\"linux\",\"architecture\":\"amd64\","
#define ARM64 "\"os\":\"linux\",\"architecture\":\"arm64\","
#define P(arch) "\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"}"
#define V(arch, variant)                                                                 \
	"\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch                        \
	"\",\"variant\":\"" variant "\"}"
#define REF(name) "\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define NAME(name) "\"annotations\":{\"io.containerd.image.name\":\"" name "\"}"
#define BOTH(ref, name)                                                                  \
	"\"annotations\":{\"org.opencontainers.image.ref.name\":\"" ref                  \
	"\",\"io.containerd.image.name\":\"" name "\"}"

/*
 * Images a, b and c have one layer with that letter, and say linux/amd64, linux/arm64 and
 * nothing of themselves. In entries, @a, @b and @c stand for the descriptors of their
 * manifests, @i for that of an index of a and b with platforms, @x for that of an
 * artifact,
 * @m for a's without a mediaType, @n for i's.
 */
struct images {
	struct layout_case l;
	const char *of['z' + 1];
};

static const char *index_of(struct images *m, const char *entries)
{
	return layout_case_blob(&m->l, OCI_INDEX, text("{\"manifests\":[%s]}", entries));
}

static const char *artifact(struct images *m)
{
	const char *config =
		layout_case_blob(&m->l, "application/vnd.example+json", "{}");

	return layout_case_blob(&m->l, OCI_MANIFEST,
		text("{\"config\":{%s},\"layers\":[{%s}]}", config,
			layout_case_blob(&m->l, "text/plain", "hello")));
}

static const char *expand(struct images *m, const char *entries)
{
	char out[20000] = "";
	size_t at = 0;

	for (const char *p = entries; *p; p++) {
		const char *of =
			p[0] == '@' && p[1] >= 'a' ? m->of[(unsigned char)p[1]] : NULL;

		at += (size_t)snprintf(
			out + at, sizeof(out) - at, of ? "%s" : "%.1s", of ? of : p);
		p += of ? 1 : 0;
	}
	return text("%s", out);
}

static void begin(struct images *m)
{
	*m = (struct images){0};
	layout_case_begin(&m->l);
	m->of['a'] = layout_case_image(&m->l, AMD64, "a");
	m->of['b'] = layout_case_image(&m->l, ARM64, "b");
	m->of['c'] = layout_case_image(&m->l, "", "c");
	m->of['d'] = layout_case_image(&m->l, AMD64, "d");
	m->of['i'] = index_of(m, expand(m, "{@a," P("amd64") "},{@b," P("arm64") "}"));
	m->of['x'] = artifact(m);
	m->of['m'] = strchr(m->of['a'], ',') + 1;
	m->of['n'] = strchr(m->of['i'], ',') + 1;
}

static const struct select_case {
	const char *name, *entries, *suffix, *platform;
	const char *gives; /* layer, or NULL: */
	enum err_class cls;
	const char *message;
} cases[] = {
	/* one image */
	{"one", "{@a}", "", NULL, "a"},
	{"one, platform from the config", "{@b}", "", "linux/arm64", "b"},
	{"one, other platform", "{@b}", "", "linux/amd64", NULL, ERR_PLATFORM,
		"has no image for linux/amd64, only for linux/arm64"},
	{"one that tells no platform", "{@c}", "", "linux/s390x", "c"},
	{"the descriptor's platform counts", "{@a," P("s390x") "}", "", "linux/s390x",
		"a"},
	{"empty platform is none",
		"{@a,\"platform\":{\"os\":\"\",\"architecture\":\"\"}}", "",
		"linux/amd64", "a"},
	{"no mediaType", "{@m}", "", NULL, "a"},
	{"index without mediaType", "{@n}", "", "linux/arm64", "b"},
	{"empty mediaType", "{\"mediaType\":\"\",@m}", "", NULL, "a"},

	/* tags */
	{"tag", "{@a," REF("v1") "},{@d," REF("v2") "}", ":v2", NULL, "d"},
	{"tag of one of two platforms", "{@a," REF("v1") "},{@b," REF("v1") "}", ":v1",
		"linux/arm64", "b"},
	{"no such tag", "{@a," REF("v1") "},{@b," REF("v2") "},{@c}", ":v3", NULL, NULL,
		ERR_NOT_FOUND, "has no image \"v3\", only v1 (@0), v2 (@1), @2"},
	{"no such tag in nothing", "", ":v3", NULL, NULL, ERR_NOT_FOUND, "only nothing"},
	{"tags differ by case", "{@a," REF("v1") "}", ":V1", NULL, NULL, ERR_NOT_FOUND,
		"has no image \"V1\""},
	{"tag with another platform", "{@b," REF("v1") "}", ":v1", NULL, NULL,
		ERR_PLATFORM, "only for linux/arm64"},
	{"tag with colons", "{@a," REF("x:y:z") "}", ":x:y:z", NULL, "a"},
	{"tags of nested entries do not count", "{@k}", ":inner", NULL, NULL,
		ERR_NOT_FOUND, "has no image \"inner\""},
	{"full name", "{@a," NAME("docker.io/library/nginx:1") "},{@d," REF("1") "}",
		":docker.io/library/nginx:1", NULL, "a"},
	{"familiar form of a full name",
		"{@a," NAME("docker.io/library/nginx:1") "},{@d," NAME(
			"docker.io/library/x:1") "}",
		":nginx:1", NULL, "a"},
	{"familiar form of latest", "{@a," NAME("docker.io/library/nginx:latest") "}",
		":nginx", NULL, "a"},
	{"tag part of a full name", "{@a," NAME("docker.io/library/nginx:1") "}", ":1",
		NULL, "a"},
	{"full name in ref.name", "{@a," REF("quay.io/x/y:1") "}", ":quay.io/x/y:1", NULL,
		"a"},
	{"full name in ref.name by its familiar form",
		"{@a," REF("docker.io/library/nginx:1") "}", ":nginx:1", NULL, "a"},
	{"a tag is not a name", "{@a," REF("nginx") "}",
		":docker.io/library/nginx:latest", NULL, NULL, ERR_NOT_FOUND,
		"has no image"},
	{"exact names go first",
		"{@a," NAME("docker.io/library/x:1") "},{@d," REF("1") "}", ":1", NULL,
		"d"},
	{"both names", "{@a," BOTH("1", "docker.io/library/x:1") "}", ":x:1", NULL, "a"},

	/* places */
	{"place", "{@a," REF("v") "},{@d," REF("v") "}", ":@1", NULL, "d"},
	{"place without a colon", "{@a," REF("v") "},{@d," REF("v") "}", "@1", NULL, "d"},
	{"place of an index", "{@a},{@i}", ":@1", "linux/arm64", "b"},
	{"place behind the end", "{@a},{@b}", ":@2", NULL, NULL, ERR_NOT_FOUND,
		"has no entry @2: its index.json has 2"},
	{"place of another platform", "{@a},{@b}", ":@1", NULL, NULL, ERR_PLATFORM,
		"only for linux/arm64"},
	{"place of an attestation",
		"{@a},{@a,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}"
		"}",
		":@1", NULL, NULL, ERR_FAIL, "entry @1"},

	/* platforms */
	{"several platforms", "{@a," P("amd64") "},{@b," P("arm64") "}", "",
		"linux/arm64", "b"},
	{"several platforms by config", "{@a},{@b}", "", "linux/arm64", "b"},
	{"platforms pick among names", "{@a," REF("x") "},{@b," REF("y") "}", "",
		"linux/arm64", "b"},
	{"no match", "{@a," P("amd64") "},{@b," V("arm64", "v9") "}", "", "linux/s390x",
		NULL, ERR_PLATFORM,
		"has no image for linux/s390x, only for linux/amd64, linux/arm64/v9"},
	{"a level below suits", "{@a," V("amd64", "v3") "},{@d," P("amd64") "}", "",
		"linux/amd64/v2", "d"},
	{"the best level is taken", "{@a," P("amd64") "},{@d," V("amd64", "v3") "}", "",
		"linux/amd64/v4", "d"},
	{"the plain level has no other", "{@a," V("amd64", "v2") "}", "", "linux/amd64",
		NULL, ERR_PLATFORM, "only for linux/amd64/v2"},
	{"never 386", "{@a," P("386") "}", "", "linux/amd64", NULL, ERR_PLATFORM,
		"only for linux/386"},
	{"never 32-bit arm", "{@b," V("arm", "v7") "}", "", "linux/arm64", NULL,
		ERR_PLATFORM, "only for linux/arm/v7"},
	{"another os",
		"{@a,\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}}", "",
		"linux/amd64", NULL, ERR_PLATFORM, "only for windows/amd64"},
	{"told platforms go before untold", "{@c},{@a}", "", "linux/amd64", "a"},
	{"untold does not stand in for another", "{@c},{@b}", "", "linux/amd64", NULL,
		ERR_PLATFORM, "only for unknown, linux/arm64"},

	/* ambiguity */
	{"two images", "{@a," REF("x") "},{@d," REF("y") "}", "", NULL, NULL, ERR_USAGE,
		"has several images for linux/amd64: x (@0), y (@1); choose with"},
	{"two images of one tag", "{@a," REF("x") "},{@d," REF("x") "}", ":x", NULL, NULL,
		ERR_USAGE, "x (@0), x (@1)"},
	{"two images without names", "{@a},{@d}", "", NULL, NULL, ERR_USAGE, "@0, @1"},
	{"two that tell no platform", "{@c},{@e}", "", NULL, NULL, ERR_USAGE, "@0, @1"},
	{"two tags of one image", "{@a," REF("x") "},{@a," REF("y") "}", "", NULL, "a"},
	{"one image through two indexes", "{@i},{@j}", "", "linux/amd64", "a"},
	{"the first of equals in an image's index", "{@k}", "", "linux/amd64", "a"},

	/* what is no image */
	{"unknown types are passed over",
		"{\"mediaType\":\"text/plain\",@m},{@a},{\"mediaType\":\"x/y\",@n}", "",
		NULL, "a"},
	{"only an unknown type", "{\"mediaType\":\"text/plain\",@m}", "", NULL, NULL,
		ERR_FAIL, "an artifact of the type \"text/plain\""},
	{"schema 1",
		"{\"mediaType\":\"" DOCKER_TYPE "distribution.manifest.v1+json\",@m}", "",
		NULL, NULL, ERR_FAIL, "Docker schema 1"},
	{"a layer as an entry", "{\"mediaType\":\"" OCI_LAYER "\",@m}", "", NULL, NULL,
		ERR_FAIL, "an artifact of the type \"" OCI_LAYER "\""},
	{"artifact by its config", "{@x}", "", NULL, NULL, ERR_FAIL,
		"an artifact of the type \"application/vnd.example+json\""},
	{"artifact beside an image", "{@x},{@a}", "", NULL, "a"},
	{"artifact by artifactType", "{@d,\"artifactType\":\"a/sbom\"},{@a}", "", NULL,
		"a"},
	{"artifact with a platform", "{@x," P("amd64") "}", "", NULL, NULL, ERR_FAIL,
		"not a container image but an artifact"},
	{"attestation by platform",
		"{@d,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},{@"
		"a}",
		"", NULL, "a"},
	{"attestation by annotation",
		"{@d,\"annotations\":{\"vnd.docker.reference.type\":\"attestation-"
		"manifest\"}},{@a}",
		"", NULL, "a"},
	{"attestation by config", "{@u},{@a}", "", NULL, "a"},
	{"only attestations", "{@u}", "", NULL, NULL, ERR_NOT_FOUND, "holds no image"},

	/* nested indexes */
	{"nested", "{@i}", "", "linux/arm64", "b"},
	{"nested, no match", "{@i}", "", "linux/s390x", NULL, ERR_PLATFORM,
		"only for linux/amd64, linux/arm64"},
	{"nested and tagged", "{@i," REF("x") "},{@d," REF("y") "}", ":x", NULL, "a"},
	{"four deep", "{@4}", "", "linux/arm64", "b"},
	{"five deep", "{@5}", "", "linux/arm64", NULL, ERR_CORRUPT,
		"indexes are nested deeper than 4"},
	{"an index led to as a manifest", "{\"mediaType\":\"" OCI_MANIFEST "\",@n}", "",
		NULL, NULL, ERR_CORRUPT,
		"an index by its members and a manifest otherwise"},
	{"a manifest led to as an index", "{\"mediaType\":\"" OCI_INDEX "\",@m}", "",
		NULL, NULL, ERR_CORRUPT,
		"a manifest by its members and an index otherwise"},
	{"the same index twice", "{@t}", "", "linux/arm64", "b"},
};

/* More to refer to: j and k indexes, e another untold image, u an attestation, t an index
 * of the same index three times. */
static void add_more(struct images *m)
{
	m->of['e'] = layout_case_image(&m->l, "", "e");
	m->of['j'] = index_of(m, expand(m, "{@a},{@b}"));
	m->of['k'] = index_of(
		m, expand(m, "{@a," P("amd64") "," REF("inner") "},{@d," P("amd64") "}"));
	m->of['u'] = layout_case_image(
		&m->l, "\"os\":\"unknown\",\"architecture\":\"unknown\",", "u");
	m->of['t'] = index_of(m, expand(m, "{@i},{@i},{@i}"));
}

static const char *nest(struct images *m, unsigned depth)
{
	const char *d = m->of['i'];

	while (--depth)
		d = index_of(m, text("{%s}", d));
	return d;
}

static void run(const struct select_case *c)
{
	struct images m;
	const char *entries;
	int before = unit_failures;

	begin(&m);
	add_more(&m);
	entries = strcmp(c->entries, "{@4}") == 0   ? text("{%s}", nest(&m, 4))
		  : strcmp(c->entries, "{@5}") == 0 ? text("{%s}", nest(&m, 5))
						    : expand(&m, c->entries);
	layout_case_index(&m.l, entries);
	if (c->gives)
		CHECK(layout_case_gives(&m.l, c->suffix, c->platform, c->gives));
	else
		CHECK(layout_case_fails(
			&m.l, c->suffix, c->platform, c->cls, c->message));
	if (unit_failures > before)
		fprintf(stderr, "  in case \"%s\"\n", c->name);
	layout_case_end(&m.l);
}

/* A tree of indexes that is a billion entries wide when it is not noticed that they are
 * the same few. */
static void wide_and_deep(void)
{
	struct images m;
	const char *d;

	begin(&m);
	d = m.of['i'];
	for (int depth = 1; depth < 4; depth++) {
		char many[100000];
		size_t at = 0;

		for (int i = 0; i < 300; i++)
			at += (size_t)snprintf(
				many + at, sizeof(many) - at, "%s{%s}", i ? "," : "", d);
		d = index_of(&m, many);
	}
	layout_case_index(&m.l, text("{%s}", d));
	CHECK(layout_case_gives(&m.l, "", "linux/arm64", "b"));
	layout_case_end(&m.l);
}

static void too_many(void)
{
	struct images m;
	char *many = malloc(2000000);
	size_t at = 0;

	begin(&m);
	for (int i = 0; i < 1001; i++) {
		const char *d = index_of(
			&m, text("{%s,\"annotations\":{\"i\":\"%d\"}}", m.of['a'], i));

		at += (size_t)snprintf(
			many + at, 2000000 - at, "%s{%s}", i ? "," : "", d);
	}
	layout_case_index(&m.l, many);
	CHECK(layout_case_fails(&m.l, "", NULL, ERR_CORRUPT,
		"more than 1000 nested indexes to look at: name a tag"));
	free(many);
	layout_case_end(&m.l);
}

/* Blobs of other platforms may be missing (a sparse copy). */
static void sparse(void)
{
	struct images m;
	const char *b_manifest;

	begin(&m);
	b_manifest = strchr(strstr(m.of['b'], "sha256:"), ':') + 1;
	layout_case_index(&m.l, text("{%s}", m.of['i']));
	layout_case_file(&m.l, text("blobs/sha256/%.64s", b_manifest), NULL);
	CHECK(layout_case_gives(&m.l, "", "linux/amd64", "a"));
	CHECK(layout_case_fails(&m.l, "", "linux/arm64", ERR_CORRUPT, "is missing from"));
	/* where only the blob could tell, it is the last resort */
	layout_case_index(&m.l, text("{%s},{%s}", m.of['b'], m.of['a']));
	CHECK(layout_case_gives(&m.l, "", "linux/amd64", "a"));
	layout_case_index(&m.l, text("{%s}", m.of['b']));
	CHECK(layout_case_fails(&m.l, "", "linux/amd64", ERR_CORRUPT, "is missing from"));
	/* a missing index says nothing at all */
	layout_case_index(&m.l,
		text("{\"mediaType\":\"" OCI_INDEX "\",\"digest\":\"%s\",\"size\":1}",
			digest_text("none")));
	CHECK(layout_case_fails(&m.l, "", "linux/amd64", ERR_CORRUPT, "is missing from"));
	layout_case_end(&m.l);
}

static void warns_of_platforms(void)
{
	struct images m;

	begin(&m);
	layout_case_index(&m.l, expand(&m, "{@a," P("s390x") "}"));
	CHECK(layout_case_gives(&m.l, "", "linux/s390x", "a"));
	CHECK_STR(m.l.warnings,
		"the index calls the image linux/s390x, its config linux/amd64\n");
	layout_case_index(&m.l, expand(&m, "{@c}"));
	CHECK(layout_case_gives(&m.l, "", "linux/s390x", "c"));
	CHECK_STR(m.l.warnings,
		"the image does not tell its platform, taken for linux/s390x\n");
	/* a variant that the index tells and the config does not is no difference */
	layout_case_index(&m.l, expand(&m, "{@a," V("amd64", "v3") "}"));
	CHECK(layout_case_gives(&m.l, "", "linux/amd64/v3", "a"));
	CHECK_STR(m.l.warnings, "");
	layout_case_end(&m.l);
}

/* Many choices are cut, and the message stays one line. */
static void lists(void)
{
	struct images m;
	char many[20000];
	size_t at = 0;

	begin(&m);
	for (int i = 0; i < 30; i++)
		at += (size_t)snprintf(many + at, sizeof(many) - at,
			"%s{%s,\"annotations\":{\"org.opencontainers.image.ref.name\":"
			"\"a\\n%d\"}}",
			i ? "," : "", m.of['a'], i);
	layout_case_index(&m.l, many);
	CHECK(layout_case_fails(&m.l, ":x", NULL, ERR_NOT_FOUND,
		"only a\\x0a0 (@0), a\\x0a1 (@1), a\\x0a2 (@2)"));
	CHECK(layout_case_fails(
		&m.l, ":x", NULL, ERR_NOT_FOUND, "a\\x0a9 (@9) and 20 more"));
	layout_case_end(&m.l);
}

static void cancelled(void)
{
	struct images m;
	volatile int stop = 1;

	begin(&m);
	layout_case_index(&m.l, text("{%s}", m.of['a']));
	m.l.ctx.cancel = &stop;
	CHECK(layout_case_fails(&m.l, "", NULL, ERR_INTERRUPTED, ""));
	layout_case_end(&m.l);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run(&cases[i]);
	wide_and_deep();
	too_many();
	sparse();
	warns_of_platforms();
	lists();
	cancelled();
	TEST_END;
}
