/* registries.conf and the endpoints that come of it, with files in a temporary home. The
 * system's own files are out of the way: $CONTAINERS_REGISTRIES_CONF, or the user's file,
 * stands for them. */
#include <errno.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "sources/registry/endpoint.h"
#include "unit.h"

static char home[200], file[300];
static char warned[1000];

static void note(void *arg, enum log_level level, const char *msg)
{
	(void)arg;
	if (level <= LOG_WARN)
		snprintf(warned, sizeof(warned), "%s", msg);
}

static const struct ctx ctx = {
	.threads = 1, .limits = LIMITS_DEFAULT, .level = LOG_WARN, .log = note};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	CHECK(f && fputs(text, f) >= 0);
	if (f)
		fclose(f);
}

/* One line an endpoint: "registry host path" and letters for what it is. */
static int find_with(const char *name_text, enum tls_choice tls, char *out, size_t cap,
	struct o2r_err *err)
{
	CLEANUP(endpoints_finish) struct endpoints e = {0};
	CLEANUP(name_finish) struct name name = {0};
	struct registry_settings settings = {.tls = tls};
	size_t at = 0;
	int r = name_parse(name_text, &name, err);

	out[0] = '\0';
	if (r == 0)
		r = endpoints_find(&name, &settings, &ctx, &e, err);
	for (size_t i = 0; r == 0 && i < e.count; i++) {
		struct endpoint *p = &e.list[i];

		at += (size_t)snprintf(out + at, cap - at, "%s%s %s %s%s%s%s%s%s%s",
			at ? "\n" : "", p->registry, p->host, p->path,
			p->mirror ? " mirror" : "", p->insecure ? " insecure" : "",
			p->loopback ? " loopback" : "", p->foreign ? " foreign" : "",
			p->tags ? "" : " no-tags", p->digests ? "" : " no-digests");
	}
	return r;
}

static void expect_with(
	const char *conf, const char *name, enum tls_choice tls, const char *want)
{
	struct o2r_err err = {0};
	char got[2000];
	int r;

	write_file(file, conf);
	r = find_with(name, tls, got, sizeof(got), &err);
	if (r < 0 || strcmp(got, want) != 0)
		fprintf(stderr, "%s with:\n%s\n%s\n", name, conf, err.text);
	CHECK_EQ(r, 0);
	CHECK_STR(got, want);
}

static void expect(const char *conf, const char *name, const char *want)
{
	expect_with(conf, name, TLS_AS_CONFIGURED, want);
}

static void expect_error(
	const char *conf, const char *name, enum err_class cls, const char *says)
{
	struct o2r_err err = {0};
	char got[2000];

	write_file(file, conf);
	CHECK(find_with(name, TLS_AS_CONFIGURED, got, sizeof(got), &err) < 0);
	CHECK_EQ(err.cls, cls);
	CHECK(strstr(err.text, says) && !strchr(err.text, '\n'));
	if (!strstr(err.text, says))
		fprintf(stderr, "  \"%s\" has not \"%s\"\n", err.text, says);
}

#define HUB "docker.io registry-1.docker.io library/nginx"
#define DIGEST "sha256:0123456789012345678901234567890123456789012345678901234567890123"

static void test_alone(void)
{
	static const struct {
		const char *name, *want;
	} cases[] = {
		{"nginx", HUB},
		{"index.docker.io/nginx", HUB},
		{"example.com/a/b:c", "example.com example.com a/b"},
		{"localhost/a", "localhost localhost a loopback"},
		{"localhost:5000/a", "localhost:5000 localhost:5000 a loopback"},
		{"127.0.0.9:80/a", "127.0.0.9:80 127.0.0.9:80 a loopback"},
		{"[::1]/a", "[::1] [::1] a loopback"},
		{"[::1]:5000/a", "[::1]:5000 [::1]:5000 a loopback"},
		{"[fe80::1]:5000/a", "[fe80::1]:5000 [fe80::1]:5000 a"},
		{"10.0.0.1:5000/a", "10.0.0.1:5000 10.0.0.1:5000 a"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect("", cases[i].name, cases[i].want);
	expect("unqualified-search-registries = ['x.org']\nshort-name-mode = "
	       "'enforcing'\n"
	       "[aliases]\nnginx = 'x.org/nginx'\n",
		"nginx", HUB);
}

static void test_prefix(void)
{
	static const char conf[] =
		"[[registry]]\nlocation = 'a.com'\ninsecure = true\n"
		"[[registry]]\nprefix = 'a.com/foo/'\nlocation = 'b.com/x/'\n"
		"[[registry]]\nprefix = 'a.com/foo/bar'\nlocation = 'c.com'\n"
		"[[registry]]\nprefix = 'a.com/one:v1'\nlocation = 'd.com/one'\n"
		"[[registry]]\nprefix = 'a.com/one@" DIGEST
		"'\nlocation = 'e.com/p/q@" DIGEST "'\n";

	expect(conf, "a.com/x", "a.com a.com x insecure");
	expect(conf, "a.com/foobar", "a.com a.com foobar insecure");
	expect(conf, "a.com/foo/x:1", "b.com b.com x/x foreign");
	expect(conf, "a.com/foo", "b.com b.com x foreign");
	expect(conf, "a.com/foo/bar/x", "c.com c.com x foreign");
	expect(conf, "a.com/one", "a.com a.com one insecure");
	expect(conf, "a.com/one:v1", "d.com d.com one foreign");
	expect(conf, "a.com/one:v11", "a.com a.com one insecure");
	expect(conf, "a.com/one@" DIGEST, "e.com e.com p/q foreign");
	expect(conf, "xa.com/foo", "xa.com xa.com foo");
	expect(conf, "a.com.org/foo", "a.com.org a.com.org foo");
	/* as the container tools do it, where nothing better is there */
	expect(conf, "a.com:5000/x", "a.com:5000 a.com:5000 x insecure");
	expect("[[registry]]\nlocation = 'docker.io/library'\ninsecure = true\n", "nginx",
		HUB " insecure");
	expect("[[registry]]\nprefix = 'docker.io'\nlocation = 'localhost:5000/hub'\n",
		"nginx",
		"localhost:5000 localhost:5000 hub/library/nginx loopback foreign");
	expect("[[registry]]\nprefix = 'a.com'\nlocation = 'docker.io'\n", "a.com/nginx",
		HUB " foreign");
	expect("[[registry]]\nprefix = 'a.com'\nlocation = 'index.docker.io'\n",
		"a.com/nginx", HUB " foreign");
	expect("[[registry]]\nprefix = '[::1]:5000'\nlocation = '[::1]:6000/m'\n",
		"[::1]:5000/x", "[::1]:6000 [::1]:6000 m/x loopback foreign");
	/* prefix alone: the location is the same */
	expect("[[registry]]\nprefix = 'a.com/foo'\ninsecure = true\n", "a.com/foo/x",
		"a.com a.com foo/x insecure");
}

static void test_wildcard(void)
{
	static const char conf[] =
		"[[registry]]\nprefix = '*.a.com'\ninsecure = true\n"
		"[[registry]]\nprefix = '*.b.a.com'\nlocation = 'm.org/q'\n"
		"[[registry]]\nprefix = 'x.b.a.com'\nblocked = true\n"
		"[[registry]]\nprefix = 'y.a.com/foo'\nlocation = 'n.org'\n";

	expect(conf, "a.com/x", "a.com a.com x");
	expect(conf, "xa.com/x", "xa.com xa.com x");
	expect(conf, "z.a.com/x", "z.a.com z.a.com x insecure");
	expect(conf, "z.a.com:80/x", "z.a.com:80 z.a.com:80 x insecure");
	expect(conf, "v.w.a.com/x", "v.w.a.com v.w.a.com x insecure");
	expect(conf, "c.com/z.a.com", "c.com c.com z.a.com");
	expect(conf, "v.b.a.com/x", "m.org m.org q/x foreign");
	expect(conf, "y.a.com/foo/x", "n.org n.org x foreign");
	expect_error(conf, "x.b.a.com/x", ERR_ACCESS, "x.b.a.com/x:latest is blocked");
	/* one longer than the other by its star */
	expect("[[registry]]\nprefix = '*.a.com'\ninsecure = true\n[[registry]]\n"
	       "prefix = 'x.a.com'\n",
		"x.a.com/y", "x.a.com x.a.com y");
	expect("[[registry]]\nprefix = 'x.a.com'\n[[registry]]\nprefix = '*.a.com'\n"
	       "insecure = true\n",
		"x.a.com/y", "x.a.com x.a.com y");
}

static void test_mirrors(void)
{
	static const char conf[] =
		"[[registry]]\nprefix = 'docker.io'\nlocation = 'docker.io'\n"
		"[[registry.mirror]]\nlocation = 'one.com/hub'\n"
		"[[registry.mirror]]\nlocation = 'two.com'\ninsecure = true\n"
		"pull-from-mirror = 'digest-only'\n"
		"[[registry.mirror]]\nlocation = 'localhost:5000'\n"
		"pull-from-mirror = 'tag-only'\n"
		"[[registry.mirror]]\nlocation = 'docker.io/copies'\n"
		"pull-from-mirror = 'all'\n";
	static const char only[] = "[[registry]]\nlocation = 'a.com'\ninsecure = true\n"
				   "mirror-by-digest-only = true\n"
				   "[[registry.mirror]]\nlocation = 'one.com'\n";

	expect(conf, "nginx",
		"one.com one.com hub/library/nginx mirror foreign\n"
		"localhost:5000 localhost:5000 library/nginx mirror loopback foreign\n"
		"docker.io registry-1.docker.io copies/library/nginx mirror\n" HUB);
	expect(conf, "nginx@" DIGEST,
		"one.com one.com hub/library/nginx mirror foreign\n"
		"two.com two.com library/nginx mirror insecure foreign\n"
		"docker.io registry-1.docker.io copies/library/nginx mirror\n" HUB);
	/* with both the digest decides */
	expect(conf, "docker.io/a/b:tag@" DIGEST,
		"one.com one.com hub/a/b mirror foreign\n"
		"two.com two.com a/b mirror insecure foreign\n"
		"docker.io registry-1.docker.io copies/a/b mirror\n"
		"docker.io registry-1.docker.io a/b");
	expect(only, "a.com/x", "a.com a.com x insecure");
	expect(only, "a.com/x@" DIGEST,
		"one.com one.com x mirror foreign\na.com a.com x insecure");
}

static void test_tls(void)
{
	static const char conf[] = "[[registry]]\nlocation = 'a.com'\ninsecure = true\n"
				   "[[registry.mirror]]\nlocation = 'm.com'\n";

	expect_with(conf, "a.com/x", TLS_AS_CONFIGURED,
		"m.com m.com x mirror foreign\na.com a.com x insecure");
	expect_with(conf, "a.com/x", TLS_VERIFY,
		"m.com m.com x mirror foreign\na.com a.com x");
	expect_with(conf, "a.com/x", TLS_INSECURE,
		"m.com m.com x mirror insecure foreign\na.com a.com x insecure");
	expect_with(conf, "b.com/x", TLS_INSECURE, "b.com b.com x insecure");
}

static void test_blocked(void)
{
	static const char conf[] =
		"[[registry]]\nlocation = 'a.com/bad'\nblocked = true\n"
		"[[registry]]\nprefix = 'b.com'\nlocation = 'a.com'\n"
		"[[registry]]\nlocation = 'c.com'\n"
		"[[registry.mirror]]\nlocation = 'a.com/bad'\n";
	char says[400];

	snprintf(says, sizeof(says), "a.com/bad/x:1 is blocked by %s, line 1", file);
	expect_error(conf, "a.com/bad/x:1", ERR_ACCESS, says);
	expect(conf, "a.com/good", "a.com a.com good");
	/* not by another name either */
	expect_error(conf, "b.com/bad/x", ERR_ACCESS, "registries.conf leads there");
	warned[0] = '\0';
	expect(conf, "c.com/x", "c.com c.com x");
	CHECK(strstr(warned, "mirror left out: a.com/bad/x:latest is blocked"));
}

static void test_version1(void)
{
	static const char conf[] =
		"[registries.search]\nregistries = ['s.com']\n"
		"[registries.insecure]\nregistries = ['a.com', 'b.com']\n"
		"[registries.block]\nregistries = ['b.com', 'c.com']\n";

	expect(conf, "nginx", HUB);
	expect(conf, "a.com/x", "a.com a.com x insecure");
	expect_error(conf, "b.com/x", ERR_ACCESS, "is blocked");
	expect_error(conf, "c.com/x", ERR_ACCESS, "line 6");
	expect_error(
		"[registries.search]\nregistries = []\n[[registry]]\nlocation='a.com'\n",
		"nginx", ERR_CORRUPT, "line 1: [registries...] is version 1");
}

static void test_broken(void)
{
	static const struct {
		const char *conf, *says;
	} cases[] = {
		{"a", "registries.conf: line 1: no = behind the key a"},
		{"\n[[registry]]\nlocation = 5", "line 3: location is an integer"},
		{"[[registry]]\ninsecure = 'true'\nlocation='a.com'",
			"line 2: insecure is a string, not a truth value"},
		{"[[registry]]\ninsecure = true",
			"line 1: a registry without prefix and"},
		{"[[registry]]\nlocation = ''", "line 1: a registry without prefix and"},
		{"[registry]\nlocation = 'x'",
			"line 1: registry is a table, not an array"},
		{"registry = [1]", "line 1: an element is an integer, not a table"},
		{"[[registry]]\nlocation = 'https://a.com'",
			"line 2: location \"https://a.com\" has a scheme"},
		{"[[registry]]\nprefix = 'http://a.com'",
			"line 2: prefix \"http://a.com\""},
		{"[[registry]]\nprefix = '*.com/foo'", "line 1: prefix \"*.com/foo\""},
		{"[[registry]]\nprefix = '*.a.com:5000'",
			"a * may stand in front of a host"},
		{"[[registry]]\nprefix = 'a.*.com'", "a * may stand in front of a host"},
		{"[[registry]]\nprefix = '*.'", "a * may stand in front of a host"},
		{"[[registry]]\nlocation = 'a.com'\nmirror = 'm.com'",
			"line 3: mirror is a string, not an array"},
		{"[[registry]]\nlocation = 'a.com'\n[[registry.mirror]]\ninsecure = true",
			"line 3: a mirror without a location"},
		{"[[registry]]\nlocation = 'a.com'\n[[registry.mirror]]\nlocation = "
		 "'m.com'\n"
		 "pull-from-mirror = 'both'",
			"line 5: pull-from-mirror is \"both\""},
		{"[[registry]]\nlocation = 'a.com'\nmirror-by-digest-only = true\n"
		 "[[registry.mirror]]\nlocation = 'm.com'\npull-from-mirror = 'all'",
			"line 4: pull-from-mirror and mirror-by-digest-only"},
		{"[registries.block]\nregistries = 'a.com'",
			"line 2: registries is a string, not an array"},
		/* what is wrong for this name only */
		{"[[registry]]\nprefix = 'docker.io'\nlocation = 'foo'",
			"line 1: location \"foo\" does not begin with a registry"},
		{"[[registry]]\nprefix = 'docker.io/library/nginx'\nlocation = 'foo.com'",
			"line 1: location \"foo.com\" does not begin with a registry"},
		{"[[registry]]\nprefix = 'docker.io'\nlocation = 'foo.com/BAR'",
			"line 1: location \"foo.com/BAR\": "},
		{"[[registry]]\nprefix = 'docker.io'\nlocation = 'foo.com/*'",
			"line 1: location \"foo.com/*\": "},
		{"[[registry]]\nprefix = 'docker.io/library/nginx'\nlocation = "
		 "'a.com/b:v2'",
			"has another tag or digest"},
		{"[[registry]]\nlocation = 'docker.io'\n[[registry.mirror]]\nlocation = "
		 "'m'",
			"line 3: location \"m\" does not begin with a registry"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_error(cases[i].conf, "nginx", ERR_CORRUPT, cases[i].says);
	/* of no matter to another name */
	expect(cases[ARRAY_LEN(cases) - 1].conf, "b.com/x", "b.com b.com x");
}

static void test_warnings(void)
{
	warned[0] = '\0';
	expect("[[registry]]\nlocation = 'a.com'\nblockd = true\n", "a.com/x",
		"a.com a.com x");
	CHECK(strstr(warned, "line 3: unknown key \"blockd\" of a registry"));
	warned[0] = '\0';
	expect("[[registry]]\nlocation = 'a.com'\n[[registry]]\nlocation = 'a.com'\n"
	       "insecure = true\n",
		"a.com/x", "a.com a.com x");
	CHECK(strstr(warned, "is there twice: line 1 counts, line 3 does not"));
	warned[0] = '\0';
	expect("unqualified-search-registries = []\ncredential-helpers = []\n[aliases]\n",
		"nginx", HUB);
	CHECK_STR(warned, "");
}

/* ---- which files */

static void in_home(char *out, size_t cap, const char *name)
{
	snprintf(out, cap, "%s/%s", home, name);
}

static void make_folder(const char *name)
{
	char path[300];

	in_home(path, sizeof(path), name);
	CHECK(mkdir(path, 0755) == 0);
}

static void make_file(const char *name, const char *text)
{
	char path[300];

	in_home(path, sizeof(path), name);
	write_file(path, text);
}

static void expect_usual(const char *name, const char *want)
{
	struct o2r_err err = {0};
	char got[2000];

	CHECK_EQ(find_with(name, TLS_AS_CONFIGURED, got, sizeof(got), &err), 0);
	CHECK_STR(got, want);
}

static void test_user_files(const char *prefix)
{
	struct o2r_err err = {0};
	char name[300], got[2000];

	/* no file of the user; the system's do not know these names */
	expect_usual("t1.invalid/x", "t1.invalid t1.invalid x");
#define FILE_OF(n) (snprintf(name, sizeof(name), "%s" n, prefix), name)
	make_folder(FILE_OF("/containers"));
	make_folder(FILE_OF("/containers/registries.conf.d"));
	/* without a main file too */
	make_file(FILE_OF("/containers/registries.conf.d/20.conf"),
		"[[registry]]\nprefix = 't1.invalid'\nlocation = 'late.invalid'\n");
	expect_usual("t1.invalid/x", "late.invalid late.invalid x foreign");
	make_file(FILE_OF("/containers/registries.conf"),
		"[[registry]]\nlocation = 't1.invalid'\n"
		"[[registry]]\nlocation = 't2.invalid'\ninsecure = true\n"
		"[[registry]]\nlocation = 't3.invalid'\ninsecure = true\n");
	make_file(FILE_OF("/containers/registries.conf.d/10.conf"),
		"[[registry]]\nprefix = 't1.invalid'\nlocation = 'early.invalid'\n"
		"[[registry]]\nprefix = 't2.invalid'\n");
	make_file(FILE_OF("/containers/registries.conf.d/30.conf.off"), "broken");
	make_folder(FILE_OF("/containers/registries.conf.d/40.conf"));
	expect_usual("t1.invalid/x", "late.invalid late.invalid x foreign");
	/* replaced as a whole */
	expect_usual("t2.invalid/x", "t2.invalid t2.invalid x");
	expect_usual("t3.invalid/x", "t3.invalid t3.invalid x insecure");
	make_file(FILE_OF("/containers/registries.conf.d/50.conf"),
		"[registries.insecure]\nregistries = ['a']\n");
	CHECK(find_with("nginx", TLS_AS_CONFIGURED, got, sizeof(got), &err) < 0);
	CHECK(strstr(err.text, "50.conf: line 1: [registries...] is version 1"));
	/* a file that is named stands alone */
	CHECK(setenv("CONTAINERS_REGISTRIES_CONF", file, 1) == 0);
	expect("", "t3.invalid/x", "t3.invalid t3.invalid x");
	CHECK(unsetenv("CONTAINERS_REGISTRIES_CONF") == 0);
#undef FILE_OF
}

static void test_named_file(void)
{
	struct o2r_err err = {0};
	char got[2000], path[300];

	in_home(path, sizeof(path), "none.conf");
	CHECK(setenv("CONTAINERS_REGISTRIES_CONF", path, 1) == 0);
	CHECK_EQ(find_with("nginx", TLS_AS_CONFIGURED, got, sizeof(got), &err), -ENOENT);
	CHECK(strstr(err.text, "none.conf does not exist"));
	CHECK(setenv("CONTAINERS_REGISTRIES_CONF", home, 1) == 0);
	CHECK(find_with("nginx", TLS_AS_CONFIGURED, got, sizeof(got), &err) < 0);
	CHECK(strstr(err.text, "is not a regular file"));
	CHECK(unsetenv("CONTAINERS_REGISTRIES_CONF") == 0);
}

static void remove_home(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -r '%s'", home);
	CHECK(system(command) == 0);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(home, sizeof(home), "%s/o2r-endpoint-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(home))
		return 1;
	in_home(file, sizeof(file), "registries.conf");
	CHECK(setenv("HOME", home, 1) == 0 && unsetenv("XDG_CONFIG_HOME") == 0);
	CHECK(setenv("CONTAINERS_REGISTRIES_CONF", file, 1) == 0);
	test_alone();
	test_prefix();
	test_wildcard();
	test_mirrors();
	test_tls();
	test_blocked();
	test_version1();
	test_broken();
	test_warnings();
	test_named_file();
	make_folder(".config");
	test_user_files(".config");
	make_folder("xdg");
	in_home(file, sizeof(file), "registries.conf");
	{
		char path[300];

		in_home(path, sizeof(path), "xdg");
		CHECK(setenv("XDG_CONFIG_HOME", path, 1) == 0);
	}
	test_user_files("xdg");
	remove_home();
	TEST_END;
}
