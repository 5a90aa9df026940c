/* manifest.json of Docker archives: which image is meant, and what is refused. */
#include <errno.h>
#include <stdlib.h>

#include "archive_case.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "sources/docker_archive.h"
#include "unit.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define CONFIG                                                                           \
	"{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\","  \
	"\"diff_ids\":[\"sha256:" ZEROS "\"]}}"

static const struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};

static void close_archive(struct archive_file **a)
{
	archive_close(*a);
}

static struct archive_file *archive_of(const char *manifest)
{
	AUTO_BUF struct buf tar = {0};
	struct archive_file *a = NULL;

	archive_case_add(&tar, '0', "c.json", CONFIG);
	archive_case_add(&tar, '0', "d.json", CONFIG " ");
	archive_case_add(&tar, '0', ZEROS ".json", CONFIG);
	archive_case_add(&tar, '0', "l", "layer");
	archive_case_add(&tar, '0', "g", "\x1f\x8b\x08");
	archive_case_add(&tar, '0', "manifest.json", manifest);
	archive_case_end(&tar);
	CHECK_EQ(archive_open(archive_case_file(&tar), "x", NULL, &ctx, &a, NULL), 0);
	return a;
}

/* Of index.json: how many manifests, and what the first is called. */
static void check_index(struct docker_archive *d, unsigned count, const char *name)
{
	CLEANUP(blob_close) struct blob b = {0};
	AUTO_FREE char *text = calloc(1, 100000);
	unsigned found = 0;

	CHECK_EQ(docker_archive_open(d, "index.json", &b, NULL), 0);
	CHECK(b.size < 100000);
	CHECK_EQ(blob_pread(&b, text, (size_t)b.size, 0, NULL), 0);
	for (const char *p = text; (p = strstr(p, "\"digest\"")); p++)
		found++;
	CHECK_EQ(found, count);
	CHECK(!name || strstr(text, name));
}

static const char several[] =
	"[{\"Config\":\"c.json\",\"RepoTags\":[\"a:1\",\"b:1\"],\"Layers\":[\"l\"]},"
	"{\"Config\":\"d.json\",\"RepoTags\":[\"localhost/m:1\",\"c:1\"],"
	"\"Layers\":[\"l\"]},"
	"{\"Config\":\"d.json\",\"RepoTags\":null,\"Layers\":[\"g\"]},"
	"{\"Config\":\"c.json\",\"RepoTags\":[\"c:1\"],\"Layers\":[\"l\"]},"
	"{\"Config\":\"none\",\"RepoTags\":[\"broken:1\"],\"Layers\":[\"l\"]}]";

static const struct {
	const char *tag;
	long index;
	const char *first; /* its name; or what the error says */
	enum err_class cls;
} choices[] = {
	{"a:1", -1, "a:1", 0},
	{"b:1", -1, "a:1", 0},
	{"docker.io/library/a:1", -1, "a:1", 0},
	{"localhost/m:1", -1, "localhost/m:1", 0},
	{"m:1", -1, "localhost/m:1", 0},
	{NULL, 0, "a:1", 0},
	{NULL, 2, NULL, 0},
	{"a", -1, "x has no image \"a\", only a:1, b:1, localhost/m:1, c:1 and",
		ERR_NOT_FOUND},
	{"c:1", -1, "x has several images \"c:1\": @1, @3; choose with", ERR_USAGE},
	{NULL, 5, "x has no entry @5: its manifest.json has 5", ERR_NOT_FOUND},
	{"broken:1", -1, "x: image @4: none is not in the archive", ERR_CORRUPT},
	{NULL, -1, "x: image @4: none is not in the archive", ERR_CORRUPT},
};

static void chooses(void)
{
	CLEANUP(close_archive) struct archive_file *a = archive_of(several);

	for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
		struct wanted w = {.tag = choices[i].tag, .index = choices[i].index};
		struct docker_archive *d = NULL;
		struct o2r_err err = {0};
		int r = docker_archive_create(a, &w, "x", &ctx, &d, &err);

		CHECK_EQ(err.cls, choices[i].cls);
		if (r == 0)
			check_index(d, 1, choices[i].first);
		else if (choices[i].cls != ERR_NOT_FOUND || choices[i].index == 5)
			CHECK(strstr(err.text, choices[i].first));
		docker_archive_destroy(d);
	}
}

static const struct {
	const char *manifest, *says;
} bad[] = {
	{"", "cut short"},
	{"{}", "x: manifest.json: "},
	{"[null]", "[0]"},
	{"[{}]", "[0].Config is missing"},
	{"[{\"Config\":\"c.json\"}]",
		"manifest.json has 0 layers, but config c.json has 1"},
	{"[{\"Config\":\"c.json\",\"Layers\":{}}]", "[0].Layers"},
	{"[{\"Config\":\"c.json\",\"Layers\":[1]}]", "Layers[0]"},
	{"[{\"Config\":\"c.json\",\"Layers\":[\"none\"]}]",
		"layer 1 of 1 (none): none is not"},
	{"[{\"Config\":\"c.json\",\"Layers\":[],\"RepoTags\":[1]}]", "RepoTags[0]"},
	{"[{\"Config\":\"c.json\",\"Layers\":[],\"RepoTags\":1}]", "RepoTags"},
	{"[{\"Config\":\"l\",\"Layers\":[]}]", "config l: "},
	{"[{\"Config\":\"" ZEROS ".json\",\"Layers\":[\"l\"]}]", "not that of its name"},
	{"[{\"Config\":\"../c.json\",\"Layers\":[\"l\"]}]", "is not in the archive"},
};

static void refuses(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(close_archive)
		struct archive_file *a = archive_of(bad[i].manifest);
		struct wanted w = {.index = -1};
		struct docker_archive *d = NULL;
		struct o2r_err err = {0};

		CHECK(docker_archive_create(a, &w, "x", &ctx, &d, &err) < 0);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		if (!strstr(err.text, bad[i].says))
			CHECK_STR(err.text, bad[i].says);
	}
}

/* The same manifest every time, and found by its digest only. */
static void layout(void)
{
	CLEANUP(close_archive) struct archive_file *a = archive_of(several);
	const struct wanted w = {.tag = "a:1", .index = -1};
	struct docker_archive *d = NULL;
	struct blob b = {0};

	CHECK_EQ(docker_archive_create(a, &w, "x", &ctx, &d, NULL), 0);
	if (!d)
		return;
	CHECK_EQ(docker_archive_open(d, "oci-layout", &b, NULL), 0);
	blob_close(&b);
	CHECK_EQ(docker_archive_open(d, "blobs/sha256/" ZEROS, &b, NULL), 0);
	CHECK_EQ(b.size, strlen("layer"));
	blob_close(&b);
	CHECK_EQ(docker_archive_open(d, "blobs/sha256/x", &b, NULL), -ENOENT);
	CHECK_EQ(docker_archive_open(d, "blobs/sha256/1" ZEROS, &b, NULL), -ENOENT);
	CHECK_EQ(docker_archive_open(d, "manifest.json", &b, NULL), -ENOENT);
	CHECK_EQ(docker_archive_open(d, "", &b, NULL), -ENOENT);
	docker_archive_destroy(d);
}

int main(void)
{
	chooses();
	refuses();
	layout();
	TEST_END;
}
