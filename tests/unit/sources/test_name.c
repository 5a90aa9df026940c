/* Names of images in registries: the grammar of distribution/reference, with its traps.
 */
#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "sources/name.h"

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16
#define SHA256 "sha256:" HEX64
#define SHA512 "sha512:" HEX64 HEX64
#define LABEL50 "a1234567890123456789012345678901234567890123456789"
#define PATH250 LABEL50 LABEL50 LABEL50 LABEL50 LABEL50
#define TAG32 "_123456789.123456789-12345678901"
#define TAG128 TAG32 TAG32 TAG32 TAG32

static const struct good {
	const char *text, *domain, *path, *tag, *digest;
} good[] = {
	/* Docker Hub */
	{"nginx", "docker.io", "library/nginx", "latest", NULL},
	{"nginx:1.25", "docker.io", "library/nginx", "1.25", NULL},
	{"library/nginx", "docker.io", "library/nginx", "latest", NULL},
	{"org/app:v1", "docker.io", "org/app", "v1", NULL},
	{"org/team/app", "docker.io", "org/team/app", "latest", NULL},
	{"docker.io/nginx", "docker.io", "library/nginx", "latest", NULL},
	{"docker.io/library/nginx", "docker.io", "library/nginx", "latest", NULL},
	{"docker.io/org/app", "docker.io", "org/app", "latest", NULL},
	{"index.docker.io/nginx:1", "docker.io", "library/nginx", "1", NULL},
	{"index.docker.io/org/app", "docker.io", "org/app", "latest", NULL},
	{"registry-1.docker.io/org/app", "registry-1.docker.io", "org/app", "latest",
		NULL},
	{"docker.io:443/nginx", "docker.io:443", "nginx", "latest", NULL},
	{"index.docker.io:443/nginx", "index.docker.io:443", "nginx", "latest", NULL},
	/* without a slash nothing is a registry */
	{"localhost", "docker.io", "library/localhost", "latest", NULL},
	{"localhost:5000", "docker.io", "library/localhost", "5000", NULL},
	{"example.com", "docker.io", "library/example.com", "latest", NULL},
	{"example.com:5000", "docker.io", "library/example.com", "5000", NULL},
	{"index.docker.io", "docker.io", "library/index.docker.io", "latest", NULL},
	{"docker.io", "docker.io", "library/docker.io", "latest", NULL},
	{"127.0.0.1:5000", "docker.io", "library/127.0.0.1", "5000", NULL},
	/* registries */
	{"ghcr.io/org/app:v1", "ghcr.io", "org/app", "v1", NULL},
	{"ghcr.io/app", "ghcr.io", "app", "latest", NULL},
	{"localhost/app", "localhost", "app", "latest", NULL},
	{"localhost:5000/app", "localhost:5000", "app", "latest", NULL},
	{"localhost:5000/app:2", "localhost:5000", "app", "2", NULL},
	{"localhost2/app", "docker.io", "localhost2/app", "latest", NULL},
	{"sub.localhost/app", "sub.localhost", "app", "latest", NULL},
	{"registry:5000/a/b/c", "registry:5000", "a/b/c", "latest", NULL},
	{"registry/a/b", "docker.io", "registry/a/b", "latest", NULL},
	{"Registry/a", "Registry", "a", "latest", NULL},
	{"REG.example.COM/a", "REG.example.COM", "a", "latest", NULL},
	{"Docker.io/nginx", "Docker.io", "nginx", "latest", NULL},
	{"a-b.c-d.example/x", "a-b.c-d.example", "x", "latest", NULL},
	{"1.2.3.4/x", "1.2.3.4", "x", "latest", NULL},
	{"127.0.0.1:5000/x:y", "127.0.0.1:5000", "x", "y", NULL},
	{"xn--80ak6aa92e.com/x", "xn--80ak6aa92e.com", "x", "latest", NULL},
	{"host:1/x", "host:1", "x", "latest", NULL},
	{"host:65535/x", "host:65535", "x", "latest", NULL},
	{"host:443/x", "host:443", "x", "latest", NULL},
	/* IPv6 */
	{"[::1]/x", "[::1]", "x", "latest", NULL},
	{"[::1]:5000/x", "[::1]:5000", "x", "latest", NULL},
	{"[fe80::a:B]:5000/org/x:1", "[fe80::a:B]:5000", "org/x", "1", NULL},
	{"[2001:db8:0:0:0:0:0:1]/x", "[2001:db8:0:0:0:0:0:1]", "x", "latest", NULL},
	/* separators in a path */
	{"a.b/c", "a.b", "c", "latest", NULL},
	{"x/a.b_c__d-e--f---g", "docker.io", "x/a.b_c__d-e--f---g", "latest", NULL},
	{"0/1", "docker.io", "0/1", "latest", NULL},
	/* tags */
	{"nginx:_", "docker.io", "library/nginx", "_", NULL},
	{"nginx:UPPER.lower-1_", "docker.io", "library/nginx", "UPPER.lower-1_", NULL},
	{"nginx:" TAG128, "docker.io", "library/nginx", TAG128, NULL},
	{"nginx:latest", "docker.io", "library/nginx", "latest", NULL},
	/* digests */
	{"nginx@" SHA256, "docker.io", "library/nginx", NULL, SHA256},
	{"nginx:1@" SHA256, "docker.io", "library/nginx", "1", SHA256},
	{"ghcr.io/org/app@" SHA512, "ghcr.io", "org/app", NULL, SHA512},
	{"localhost:5000/x:y@" SHA512, "localhost:5000", "x", "y", SHA512},
	{"localhost:5000@" SHA256, "docker.io", "library/localhost", "5000", SHA256},
	/* 64 hexadecimal digits with something beside them are a name */
	{"library/" HEX64, "docker.io", "library/" HEX64, "latest", NULL},
	{HEX64 ":1", "docker.io", "library/" HEX64, "1", NULL},
	/* 255 characters with the registry */
	{"a.io/" PATH250, "a.io", PATH250, "latest", NULL},
	{"a.io/" PATH250 ":" TAG128 "@" SHA256, "a.io", PATH250, TAG128, SHA256},
};

static void check_text(const char *got, const char *want)
{
	CHECK_EQ(!got, !want);
	if (got && want)
		CHECK_STR(got, want);
}

/* What is written out whole means the same, and is written so again. */
static void check_format(const struct name *n)
{
	CLEANUP(name_finish) struct name again = {0};
	AUTO_FREE char *text = name_format(n);
	struct o2r_err err = {0};

	CHECK_EQ(name_parse(text, &again, &err), 0);

	AUTO_FREE char *twice = name_format(&again);

	CHECK_STR(twice, text);
	CHECK_STR(again.domain, n->domain);
	CHECK_STR(again.path, n->path);
	check_text(again.tag, n->tag);
}

static void accepts(void)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CLEANUP(name_finish) struct name n = {0};
		const struct good *g = &good[i];
		struct o2r_err err = {0};

		CHECK_EQ(name_parse(g->text, &n, &err), 0);
		if (err.code) {
			fprintf(stderr, "  %s: %s\n", g->text, err.text);
			continue;
		}
		CHECK_STR(n.domain, g->domain);
		CHECK_STR(n.path, g->path);
		check_text(n.tag, g->tag);
		CHECK_STR(digest_format(&n.digest).s, g->digest ? g->digest : "none");
		check_format(&n);
	}
}

static const struct bad {
	const char *text, *message;
} bad[] = {
	{"", "is empty"},
	/* paths */
	{"Nginx", "\"Nginx\" must be lower-case"},
	{"org/App", "\"org/App\" must be lower-case"},
	{"MyOrg/App", "\"App\" must be lower-case"},
	{"ghcr.io/Org/app", "\"Org/app\" must be lower-case"},
	{"localhost:5000/APP", "\"APP\" must be lower-case"},
	{"ghcr.io/", "no name of a repository"},
	{"docker.io/", "no name of a repository"},
	{"docker.io/:1", "no name of a repository"},
	{":1", "no name of a repository"},
	{"@" SHA256, "no name of a repository"},
	{"ghcr.io//app", "has an empty part"},
	{"ghcr.io/app/", "has an empty part"},
	{"org/", "has an empty part"},
	{"/org", "has an empty part"},
	{"a//b", "has an empty part"},
	{"-", "the part \"-\" is not made of"},
	{"-nginx", "the part \"-nginx\" is not made of"},
	{"nginx-", "the part \"nginx-\" is not made of"},
	{"org/.app", "the part \".app\" is not made of"},
	{"org/app_", "the part \"app_\" is not made of"},
	{"org/a..b", "the part \"a..b\" is not made of"},
	{"org/a___b", "the part \"a___b\" is not made of"},
	{"org/a.-b", "the part \"a.-b\" is not made of"},
	{"org/a-_b", "the part \"a-_b\" is not made of"},
	{"org/..", "the part \"..\" is not made of"},
	{"ghcr.io/../x", "the part \"..\" is not made of"},
	{"a b", "the part \"a b\" is not made of"},
	{"a\nb", "\"a\\x0ab\""},
	{"\xc3\xa4pp", "is not made of"},
	{"a%2fb", "is not made of"},
	{"a.io/" PATH250 "x", "more than 255"},
	{PATH250, "more than 255"},
	{HEX64, "the id of a local image"},
	/* registries */
	{"http://localhost:5000/x", "without \"http://\""},
	{"docker://nginx", "without \"docker://\""},
	{"my_reg:5000/x", "\"my_reg:5000\" is not a host name"},
	{"-a.io/x", "\"-a.io\" is not a host name"},
	{"a-.io/x", "\"a-.io\" is not a host name"},
	{"a..io/x", "is not a host name"},
	{"a.io./x", "is not a host name"},
	{".io/x", "is not a host name"},
	{":5000/x", "is not a host name"},
	{"./x", "is not a host name"},
	{"user@host.io/x", "user and password do not belong"},
	{"user:word@host.io:5000/x", "\"***@host.io:5000/x\" is not the name"},
	{"host:/x", "the port \"\" is not from 1"},
	{"host:0/x", "is not from 1 to 65535"},
	{"host:65536/x", "is not from 1 to 65535"},
	{"host:99999999999999999999/x", "is not from 1 to 65535"},
	{"host:000080/x", "is not from 1 to 65535"},
	{"host:http/x", "the port \"http\" is not a number"},
	{"host:80:80/x", "the port \"80:80\" is not a number"},
	{"nginx:a/b", "the port \"a\" is not a number"},
	{"[::1/x", "is not an IPv6 address in brackets"},
	{"[:]/x", "is not an IPv6 address in brackets"},
	{"[1.2.3.4]/x", "is not an IPv6 address in brackets"},
	{"[::ffff:1.2.3.4]/x", "is not an IPv6 address in brackets"},
	{"[fe80::1%eth0]/x", "is not an IPv6 address in brackets"},
	{"[fe80::1%25eth0]/x", "is not an IPv6 address in brackets"},
	{"[1:2:3:4:5:6:7:8:9]/x", "is not an IPv6 address in brackets"},
	{"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/x",
		"is not an IPv6 address in brackets"},
	{"[::1]5000/x", "has something else than a port"},
	{"[::1]:/x", "the port \"\" is not from 1"},
	{"[::1]:x/x", "the port \"x\" is not a number"},
	{"[::1]", "is not made of"},
	{"::1/x", "is not a host name"},
	/* tags */
	{"nginx:", "no tag behind it"},
	{"nginx:@" SHA256, "no tag behind it"},
	{"nginx:.1", "the tag \".1\""},
	{"nginx:-1", "the tag \"-1\""},
	{"nginx:1 ", "the tag \"1 \""},
	{"nginx:1:2", "the tag \"1:2\""},
	{"nginx:1+2", "the tag \"1+2\""},
	{"ghcr.io/a:b/c", "the tag \"b/c\""},
	{"nginx:" TAG128 "x", "is longer than 128"},
	/* digests */
	{"nginx@", "is not of the form sha256:HEX"},
	{"nginx@sha256", "is not of the form sha256:HEX"},
	{"nginx@sha256:", "0 hex digits, not 64"},
	{"nginx@sha256:" HEX16, "16 hex digits, not 64"},
	{"nginx@sha256:" HEX64 "0", "65 hex digits, not 64"},
	{"nginx@sha256:" HEX16 HEX16 HEX16 "0123456789ABCDEF", "lower-case hex digits"},
	{"nginx@sha256:" HEX16 HEX16 HEX16 "0123456789abcdeg", "lower-case hex digits"},
	{"nginx@SHA256:" HEX64, "algorithm \"SHA256\" is not supported"},
	{"nginx@md5:" HEX16 HEX16, "algorithm \"md5\" is not supported"},
	{"nginx@sha256+b64:" HEX64, "is not supported"},
	{"nginx@sha512:" HEX64, "64 hex digits, not 128"},
	{"nginx@" SHA256 ":1", "hex digits, not 64"},
	{"nginx@" SHA256 "@" SHA256, "hex digits, not 64"},
};

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(name_finish) struct name n = {0};
		struct o2r_err err = {0};
		int r = name_parse(bad[i].text, &n, &err);

		CHECK_EQ(r, -EINVAL);
		CHECK_EQ(err.code, -EINVAL);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK(!n.domain && !n.path && !n.tag);
		CHECK(strstr(err.text, bad[i].message));
		if (!strstr(err.text, bad[i].message))
			fprintf(stderr, "  %s: %s\n", bad[i].text, err.text);
		CHECK(!strchr(err.text, '\n'));
	}
	CHECK_EQ(name_parse("Nginx", &(struct name){0}, NULL), -EINVAL);
}

int main(void)
{
	accepts();
	refuses();
	TEST_END;
}
