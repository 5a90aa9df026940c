/* Image configs: what is read, what may be missing, what is refused. */
#include "unit.h"

#include <stdbool.h>

#include "base/cleanup.h"
#include "sources/config.h"
#include "sources/platform.h"

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define ID "\"sha256:" HEX "\""
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[" ID "]}"

static char logged[1000];

static void keep_log(void *arg, enum log_level level, const char *msg)
{
	(void)arg, (void)level;
	snprintf(logged, sizeof(logged), "%s", msg);
}

static const struct ctx ctx = {
	.log = keep_log, .level = LOG_WARN, .threads = 1, .limits = LIMITS_DEFAULT};

struct parsed {
	struct image_config config;
	struct digest *ids;
	unsigned count;
	struct o2r_err err;
};

static int parse(const char *text, struct parsed *p)
{
	*p = (struct parsed){0};
	logged[0] = '\0';
	return config_parse(
		text, strlen(text), &ctx, &p->config, &p->ids, &p->count, &p->err);
}

static void parsed_finish(struct parsed *p)
{
	config_finish(&p->config);
	free(p->ids);
}

static void reads_all(void)
{
	static const char text[] =
		"{\"created\":\"2024-05-06T09:08:09.5+02:00\",\"author\":\"x\",\"os\":"
		"\"linux\","
		"\"architecture\":\"arm\",\"variant\":\"7\",\"config\":{\"User\":\"1000:"
		"1000\","
		"\"Env\":[\"A=1\",\"B=\"],\"Entrypoint\":[\"/"
		"init\"],\"Cmd\":[\"a\",\"\",\"c\"],"
		"\"WorkingDir\":\"/srv\",\"Labels\":{\"x\":\"y\"},\"Volumes\":{}},"
		"\"history\":[{\"created_by\":\"x\"}]," ROOTFS "}";
	CLEANUP(parsed_finish) struct parsed p;
	struct image_config *c = &p.config;

	CHECK_EQ(parse(text, &p), 0);
	CHECK_STR(c->created, "2024-05-06T09:08:09.5+02:00");
	CHECK(c->created_valid);
	CHECK_EQ(c->created_sec, 1714979289);
	CHECK_EQ(c->created_nsec, 500000000);
	CHECK_STR(platform_format(&c->platform).s, "linux/arm/v7");
	CHECK_STR(c->user, "1000:1000");
	CHECK_STR(c->working_dir, "/srv");
	CHECK_STR(c->entrypoint[0], "/init");
	CHECK(!c->entrypoint[1]);
	CHECK_STR(c->cmd[1], "");
	CHECK_STR(c->cmd[2], "c");
	CHECK(!c->cmd[3]);
	CHECK_STR(c->env[1], "B=");
	CHECK(!c->env[2]);
	CHECK_EQ(p.count, 1);
	CHECK_STR(digest_format(&p.ids[0]).s, "sha256:" HEX);
	CHECK_STR(logged, "");
}

/* Everything but rootfs may be missing, null or empty. */
static void reads_nothing(void)
{
	static const char *const text[] = {
		"{" ROOTFS "}",
		"{\"config\":{}," ROOTFS "}",
		"{\"config\":null,\"created\":null,\"os\":null,\"architecture\":"
		"null," ROOTFS "}",
		"{\"config\":{\"Env\":null,\"Cmd\":null,\"Entrypoint\":null,\"User\":"
		"null,"
		"\"WorkingDir\":null}," ROOTFS "}",
		"{\"config\":{\"Env\":[],\"Cmd\":[],\"Entrypoint\":[],\"User\":\"\","
		"\"WorkingDir\":\"\"},\"created\":\"\",\"os\":\"\",\"architecture\":"
		"\"\"," ROOTFS "}",
		"{\"os\":\"linux\"," ROOTFS "}",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		CLEANUP(parsed_finish) struct parsed p;
		struct image_config *c = &p.config;

		CHECK_EQ(parse(text[i], &p), 0);
		CHECK(c->env && c->cmd && c->entrypoint);
		CHECK(c->env && !c->env[0] && !c->cmd[0] && !c->entrypoint[0]);
		CHECK(!c->user && !c->working_dir && !c->created && !c->created_valid);
		CHECK_STR(c->platform.os, "");
		CHECK_EQ(p.count, 1);
	}
}

static void reads_no_layers(void)
{
	static const char *const text[] = {
		"{\"rootfs\":{}}",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		CLEANUP(parsed_finish) struct parsed p;

		CHECK_EQ(parse(text[i], &p), 0);
		CHECK_EQ(p.count, 0);
	}
}

static void reads_times(void)
{
	static const struct {
		const char *text, *warning;
	} c[] = {
		/* Go's zero time stands for none */
		{"{\"created\":\"0001-01-01T00:00:00Z\"," ROOTFS "}", ""},
		{"{\"created\":\"yesterday\"," ROOTFS "}",
			"the image's creation time \"yesterday\" is not a time and is "
			"ignored"},
		{"{\"created\":\"1\\n2\"," ROOTFS "}",
			"the image's creation time \"1\\x0a2\" is not a time and is "
			"ignored"},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		CLEANUP(parsed_finish) struct parsed p;

		CHECK_EQ(parse(c[i].text, &p), 0);
		CHECK(!p.config.created_valid);
		CHECK(p.config.created);
		CHECK_EQ(p.config.created_sec, 0);
		CHECK_STR(logged, c[i].warning);
	}
}

static const struct bad {
	const char *text, *message;
} bad[] = {
	{"", "cut short"},
	{"{" ROOTFS, "cut short"},
	{"[]", "the document is a list"},
	{"{}", "rootfs is missing"},
	{"{\"rootfs\":null}", "rootfs is missing"},
	{"{\"rootfs\":[]}", "rootfs is a list, not an object"},
	{"{\"rootfs\":{\"type\":\"tree\"}}", "rootfs.type is \"tree\", not \"layers\""},
	{"{\"rootfs\":{\"type\":1}}", "rootfs.type is a number"},
	{"{\"rootfs\":{\"diff_ids\":\"x\"}}", "rootfs.diff_ids is a string, not a list"},
	{"{\"rootfs\":{\"diff_ids\":[" ID ",7]}}", "rootfs.diff_ids[1] is a number"},
	{"{\"rootfs\":{\"diff_ids\":[null]}}",
		"rootfs.diff_ids[0] is null, not a string"},
	{"{\"rootfs\":{\"diff_ids\":[" ID ",\"sha256:abc\"]}}", "rootfs.diff_ids[1]: "},
	{"{\"rootfs\":{\"diff_ids\":[\"../" HEX "\"]}}", "rootfs.diff_ids[0]: "},
	{"{\"config\":[]," ROOTFS "}", "config is a list, not an object"},
	{"{\"config\":{\"Cmd\":\"x\"}," ROOTFS "}", "config.Cmd is a string, not a list"},
	{"{\"config\":{\"Env\":[1]}," ROOTFS "}",
		"config.Env[0] is a number, not a string"},
	{"{\"config\":{\"Entrypoint\":[\"a\",null]}," ROOTFS "}",
		"config.Entrypoint[1] is null"},
	{"{\"config\":{\"User\":0}," ROOTFS "}", "config.User is a number, not a string"},
	{"{\"config\":{\"WorkingDir\":[]}," ROOTFS "}", "config.WorkingDir is a list"},
	{"{\"created\":5," ROOTFS "}", "created is a number"},
	{"{\"os\":5," ROOTFS "}", "os is a number"},
	{"{\"os\":\"linux\",\"architecture\":\"a/b\"," ROOTFS "}",
		"\"a/b\" is not the name of a platform"},
	{"{\"os\":\"linux\",\"os\":\"linux\"," ROOTFS "}", "the name \"os\" twice"},
};

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(parsed_finish) struct parsed p;
		int r = parse(bad[i].text, &p);
		bool ok = r < 0 && p.err.cls == ERR_CORRUPT && !p.ids && !p.config.env &&
			  strstr(p.err.text, bad[i].message);

		CHECK(ok);
		if (!ok)
			fprintf(stderr, "  %s: %s\n", bad[i].text, p.err.text);
	}
}

static void reads_platform_only(void)
{
	static const char some[] =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":7}";
	struct o2r_err err = {0};
	struct platform p;

	CHECK_EQ(config_platform(some, strlen(some), &ctx, &p, &err), 1);
	CHECK_STR(platform_format(&p).s, "linux/amd64");
	CHECK_EQ(config_platform("{}", 2, &ctx, &p, &err), 0);
	CHECK_EQ(config_platform("{", 1, &ctx, &p, &err), -EBADMSG);
}

int main(void)
{
	reads_all();
	reads_nothing();
	reads_no_layers();
	reads_times();
	refuses();
	reads_platform_only();
	TEST_END;
}
