/* Credentials: where they are looked for, in which order, and that they are never told.
 */
#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "home_case.h"
#include "sources/registry/auth_key.h"
#include "sources/registry/credentials.h"

/* ---- how keys are matched */

static const struct {
	const char *key;
	bool hosts_only;
	const char *registry, *repository;
	long want;
} keys[] = {
	{"ghcr.io", false, "ghcr.io", "org/app", 0},
	{"GHCR.io", false, "ghcr.IO", "org/app", 0},
	{"ghcr.io/", false, "ghcr.io", "org/app", 0},
	{"https://ghcr.io", false, "ghcr.io", "org/app", 0},
	{"http://ghcr.io/v2/", false, "ghcr.io", "org/app", 0},
	{"HTTPS://ghcr.io/org/other", false, "ghcr.io", "org/app", 0},
	{"ghcr.io/org", false, "ghcr.io", "org/app", 3},
	{"ghcr.io/org/app", false, "ghcr.io", "org/app", 7},
	{"ghcr.io/org/app", true, "ghcr.io", "org/app", 0},
	{"ghcr.io/org/a", false, "ghcr.io", "org/app", -1},
	{"ghcr.io/org/app/x", false, "ghcr.io", "org/app", -1},
	{"ghcr.io/Org", false, "ghcr.io", "org/app", -1},
	{"ghcr.io:443", false, "ghcr.io", "org/app", -1},
	{"ghcr.io", false, "ghcr.io:443", "org/app", -1},
	{"ghcr.i", false, "ghcr.io", "org/app", -1},
	{"ghcr.io.evil", false, "ghcr.io", "org/app", -1},
	{"evil/ghcr.io", false, "ghcr.io", "org/app", -1},
	{"https://", false, "ghcr.io", "org/app", -1},
	{"", false, "ghcr.io", "org/app", -1},
	{"localhost:5000", false, "localhost:5000", "a", 0},
	{"[::1]:5000/a", false, "[::1]:5000", "a/b", 1},
	{"https://index.docker.io/v1/", false, "docker.io", "library/nginx", 0},
	{"index.docker.io", false, "docker.io", "library/nginx", 0},
	{"registry-1.docker.io", false, "docker.io", "library/nginx", 0},
	{"docker.io", false, "index.docker.io", "library/nginx", 0},
	{"docker.io/library", false, "docker.io", "library/nginx", 7},
	{"hub.docker.com", false, "docker.io", "library/nginx", -1},
};

static void key_matches(void)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		CHECK_EQ(auth_key_match(keys[i].key, keys[i].hosts_only, keys[i].registry,
				 keys[i].repository),
			keys[i].want);
		if (unit_failures)
			fprintf(stderr, "key %zu: %s\n", i, keys[i].key);
	}
}

/* ---- forms of entries, in the one file of an image */

static const struct {
	const char *file;
	const char *registry, *repository;
	int want; /* 1, 0, or an error with `text` in it */
	const char *username, *password, *identity, *token;
	const char *text;
} entries[] = {
	{"{\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}", "r.io", "a/b", 1, "user",
		MARK ":a"},
	{"{\"auths\":{\"r.io\":{\"auth\":\"" AUTH_NULS "\"}}}", "r.io", "a/b", 1, "user",
		MARK ":a"},
	{"{\"auths\":{\"r.io\":{\"auth\":\"dXNlcjpT\\nM0NS\\r\\nM1Q6YQ\\n\"}}}", "r.io",
		"a/b", 1, "user", MARK ":a"},
	{"{\"auths\":{\"r.io\":{\"auth\":\"dXNlcjo=\"}}}", "r.io", "a/b", 1, "user", ""},
	{"{\"auths\":{\"r.io\":{\"username\":\"u\",\"password\":\"" MARK "\"}}}", "r.io",
		"a/b", 1, "u", MARK},
	/* auth counts before the two of them apart */
	{"{\"auths\":{\"r.io\":{\"username\":\"u\",\"password\":\"p\",\"auth\":\"" AUTH
	 "\",\"email\":\"e\"}}}",
		"r.io", "a/b", 1, "user", MARK ":a"},
	{"{\"auths\":{\"r.io\":{\"identitytoken\":\"" MARK "i\"}}}", "r.io", "a/b", 1,
		NULL, NULL, MARK "i"},
	/* as for a registry that wants a name with it: "user:" */
	{"{\"auths\":{\"r.io\":{\"auth\":\"dXNlcjo=\",\"identitytoken\":\"" MARK "i\"}}}",
		"r.io", "a/b", 1, "user", "", MARK "i"},
	{"{\"auths\":{\"r.io\":{\"username\":\"u\",\"identitytoken\":\"" MARK "i\"}}}",
		"r.io", "a/b", 1, "u", "", MARK "i"},
	{"{\"auths\":{\"r.io\":{\"registrytoken\":\"" MARK "r\"}}}", "r.io", "a/b", 1,
		NULL, NULL, NULL, MARK "r"},
	/* "<token>:S3CR3T" */
	{"{\"auths\":{\"r.io\":{\"auth\":\"PHRva2VuPjpTM0NSM1Q=\"}}}", "r.io", "a/b", 1,
		NULL, NULL, MARK},
	/* what is none */
	{"", "r.io", "a/b", 0},
	{" \n\t", "r.io", "a/b", 0},
	{"{}", "r.io", "a/b", 0},
	{"{\"auths\":null,\"credHelpers\":null,\"credsStore\":null}", "r.io", "a/b", 0},
	{"{\"auths\":{}}", "r.io", "a/b", 0},
	{"{\"auths\":{\"r.io\":{}}}", "r.io", "a/b", 0},
	{"{\"auths\":{\"r.io\":null}}", "r.io", "a/b", 0},
	{"{\"auths\":{\"r.io\":{\"auth\":\"\",\"username\":\"\"}}}", "r.io", "a/b", 0},
	{"{\"auths\":{\"r.io\":{\"username\":\"u\"}}}", "r.io", "a/b", 0},
	{"{\"auths\":{\"r.io\":{\"auth\":\"Og==\"}}}", "r.io", "a/b", 0},
	{"{\"auths\":{\"other.io\":{\"auth\":\"" AUTH "\"}}}", "r.io", "a/b", 0},
	/* nobody looks at what is for others */
	{"{\"auths\":{\"other.io\":{\"auth\":\"!\"},\"third.io\":5}}", "r.io", "a/b", 0},
	/* most of the path wins, wherever it stands */
	{"{\"auths\":{\"r.io\":{\"username\":\"1\",\"password\":\"x\"},"
	 "\"r.io/a/b\":{\"username\":\"3\",\"password\":\"" MARK "\"},"
	 "\"r.io/a\":{\"username\":\"2\",\"password\":\"x\"}}}",
		"r.io", "a/b", 1, "3", MARK},
	{"{\"auths\":{\"r.io\":{\"username\":\"1\",\"password\":\"x\"},"
	 "\"r.io/a/b\":{\"username\":\"3\",\"password\":\"x\"},"
	 "\"r.io/a\":{\"username\":\"2\",\"password\":\"x\"}}}",
		"r.io", "a/c", 1, "2", "x"},
	{"{\"auths\":{\"r.io\":{\"username\":\"1\",\"password\":\"x\"},"
	 "\"r.io/a\":{\"username\":\"2\",\"password\":\"x\"}}}",
		"r.io", "ab", 1, "1", "x"},
	/* of two for the same the first that has something */
	{"{\"auths\":{\"r.io\":{},\"https://r.io/v1/\":{\"auth\":\"" AUTH "\"},"
	 "\"http://r.io\":{\"auth\":\"dXNlcjo=\"}}}",
		"r.io", "a", 1, "user", MARK ":a"},
	{"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"" AUTH "\"}}}",
		"docker.io", "library/nginx", 1, "user", MARK ":a"},
	/* what cannot be understood */
	{"{\"auths\":{\"r.io\":{\"auth\":\"" MARK "!\"}}}", "r.io", "a/b", -EBADMSG, NULL,
		NULL, NULL, NULL, "auths.r.io.auth is not the base64 of USER:PASSWORD"},
	{"{\"auths\":{\"r.io\":{\"auth\":\"UzNDUjNU\"}}}", "r.io", "a/b", -EBADMSG, NULL,
		NULL, NULL, NULL, "auths.r.io.auth"},
	/* "u:S3\0" "CR3T" */
	{"{\"auths\":{\"r.io\":{\"auth\":\"dTpTMwBDUjNU\"}}}", "r.io", "a/b", -EBADMSG,
		NULL, NULL, NULL, NULL, "auths.r.io.auth"},
	{"{\"auths\":{\"r.io\":\"" MARK "\"}}", "r.io", "a/b", -EBADMSG, NULL, NULL, NULL,
		NULL, "auths.r.io is a string, not an object"},
	{"{\"auths\":{\"r.io\":{\"identitytoken\":[\"" MARK "\"]}}}", "r.io", "a/b",
		-EBADMSG, NULL, NULL, NULL, NULL, "auths.r.io.identitytoken is a list"},
	{"{\"auths\":[\"" MARK "\"]}", "r.io", "a/b", -EBADMSG, NULL, NULL, NULL, NULL,
		"auths is a list, not an object"},
	{"{\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"},}}", "r.io", "a/b", -EBADMSG, NULL,
		NULL, NULL, NULL, "not valid JSON"},
	{"{\"auths\":{\"r.io\":{\"auth\":\"" MARK, "r.io", "a/b", -EBADMSG, NULL, NULL,
		NULL, NULL, "cut short"},
	{"{\"auths\":{}} " MARK, "r.io", "a/b", -EBADMSG, NULL, NULL, NULL, NULL,
		"behind the document"},
	{"[\"" MARK "\"]", "r.io", "a/b", -EBADMSG, NULL, NULL, NULL, NULL,
		"not an object"},
	{"{\"auths\":{\"r.io\":{}},\"auths\":{}}", "r.io", "a/b", -EBADMSG, NULL, NULL,
		NULL, NULL, "twice"},
	{"{\"credsStore\":\"../x\"}", "r.io", "a/b", -EBADMSG, NULL, NULL, NULL, NULL,
		"credsStore is no name of a credential helper"},
	{"{\"credsStore\":{}}", "r.io", "a/b", -EBADMSG, NULL, NULL, NULL, NULL,
		"credsStore is an object, not a string"},
	{"{\"credHelpers\":{\"r.io\":\"a b\"}}", "r.io", "a/b", -EBADMSG, NULL, NULL,
		NULL, NULL, "credHelpers.r.io is no name of a credential helper"},
	{"{\"credHelpers\":{\"r.io\":1}}", "r.io", "a/b", -EBADMSG, NULL, NULL, NULL,
		NULL, "credHelpers.r.io is a number, not a string"},
};

static void check_text(const char *got, const char *want)
{
	CHECK_EQ(!got, !want);
	if (got && want)
		CHECK_STR(got, want);
}

static void entry_forms(void)
{
	static const struct registry_settings settings;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		CLEANUP(credential_finish) struct credential c = {0};
		struct o2r_err err = {0};
		int failures = unit_failures;

		home_fresh();
		home_write(".docker/config.json", entries[i].file, 0644);
		CHECK_EQ(credentials_find(entries[i].registry, entries[i].repository,
				 &settings, &home_ctx, &c, &err),
			entries[i].want);
		check_text(c.username, entries[i].username);
		check_text(c.password, entries[i].password);
		check_text(c.identity_token, entries[i].identity);
		check_text(c.registry_token, entries[i].token);
		if (entries[i].want > 0)
			CHECK(c.from && strstr(c.from, "/.docker/config.json"));
		if (entries[i].want < 0) {
			CHECK_EQ(err.cls, ERR_CORRUPT);
			CHECK(strstr(err.text, "/.docker/config.json: ") != NULL);
			CHECK(strstr(err.text, entries[i].text) != NULL);
		}
		home_check_silence(err.text);
		if (unit_failures > failures)
			fprintf(stderr, "entry %zu: %s\n%s\n", i, entries[i].file,
				err.text);
	}
}

/* ---- places, and their order */

static void write_user(const char *file, const char *user)
{
	char text[200];

	snprintf(text, sizeof(text),
		"{\"auths\":{\"r.io\":{\"username\":\"%s\",\"password\":\"" MARK "\"}}}",
		user);
	home_write(file, text, 0600);
}

/* The user whose credentials are found, "" for none, the error's text for one. */
static const char *who_with(const struct registry_settings *settings)
{
	CLEANUP(credential_finish) struct credential c = {0};
	static struct o2r_err err;
	static char name[100];
	int r = credentials_find("r.io", "a/b", settings, &home_ctx, &c, &err);

	home_check_silence(err.text);
	if (r < 0)
		return err.text;
	snprintf(name, sizeof(name), "%s", r ? c.username : "");
	CHECK_EQ(r > 0, c.from != NULL);
	return name;
}

static const char *who(void)
{
	return who_with(&(struct registry_settings){0});
}

static void places(void)
{
	struct registry_settings named = {.authfile = NULL};
	char path[300];

	home_fresh();
	CHECK_STR(who(), "");
	/* from the last to the first */
	home_write(".dockercfg",
		"{\"https://r.io/v1/\":{\"username\":\"dockercfg\",\"password\":\"" MARK
		"\"}}",
		0600);
	CHECK_STR(who(), "dockercfg");
	write_user(".docker/config.json", "docker");
	CHECK_STR(who(), "docker");
	home_set("DOCKER_CONFIG", "elsewhere");
	CHECK_STR(who(), "dockercfg");
	write_user("elsewhere/config.json", "elsewhere");
	CHECK_STR(who(), "elsewhere");
	write_user(".config/containers/auth.json", "config");
	CHECK_STR(who(), "config");
	home_set("XDG_CONFIG_HOME", "xdg");
	CHECK_STR(who(), "elsewhere");
	write_user("xdg/containers/auth.json", "xdg");
	CHECK_STR(who(), "xdg");
	write_user("run/containers/auth.json", "run");
	CHECK_STR(who(), "run");
	/* files without something for this registry are passed over */
	home_write("run/containers/auth.json", "{\"auths\":{\"r.io\":{}}}", 0600);
	CHECK_STR(who(), "xdg");

	/* what is in the environment, in the form that CI systems give it */
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}", 1);
	CHECK_STR(who(), "user");
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"x.io\":{\"auth\":\"" AUTH "\"}}}", 1);
	CHECK_STR(who(), "xdg");
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"x.io\":{\"auth\":\"" AUTH "\"}}", 1);
	CHECK(strstr(who(), "$DOCKER_AUTH_CONFIG: the JSON is cut short") != NULL);
	setenv("DOCKER_AUTH_CONFIG", "{\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}", 1);

	/* a file that is named is the only one */
	home_set("REGISTRY_AUTH_FILE", "named");
	CHECK_STR(who(), "");
	CHECK(strstr(said, "$REGISTRY_AUTH_FILE") != NULL);
	write_user("named", "named");
	CHECK_STR(who(), "named");
	home_write("named", "{\"auths\":{\"x.io\":{}}}", 0600);
	CHECK_STR(who(), "");

	snprintf(path, sizeof(path), "%s/option", home);
	named.authfile = path;
	CHECK(strstr(who_with(&named), "option") != NULL);
	CHECK(strstr(who_with(&named), "--authfile: cannot open") != NULL);
	write_user("option", "option");
	CHECK_STR(who_with(&named), "option");
	named.username = "given";
	named.password = MARK;
	CHECK_STR(who_with(&named), "given");
}

static void broken_files(void)
{
	static const char *const files[] = {"run/containers/auth.json",
		".config/containers/auth.json", ".docker/config.json", ".dockercfg"};
	static char large[(1 << 20) + 2];

	memset(large, ' ', sizeof(large) - 1);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		home_fresh();
		home_write(files[i], "{\"r.io\":\"" MARK, 0600);
		CHECK(strstr(who(), files[i]) != NULL);
		CHECK(strstr(who(), "cut short") != NULL);
		home_write(files[i], large, 0600);
		CHECK(strstr(who(), files[i]) != NULL);
		CHECK(strstr(who(), "more than the 1048576 allowed") != NULL);
		large[1 << 20] = '\0';
		home_write(files[i], large, 0600);
		CHECK_STR(who(), "");
		large[1 << 20] = ' ';
	}
	/* no place for files at all */
	home_fresh();
	home_set("HOME", "nowhere");
	home_set("XDG_RUNTIME_DIR", "nowhere");
	CHECK_STR(who(), "");
	home_write("file", "", 0600);
	home_set("HOME", "file");
	CHECK_STR(who(), "");
	/* not absolute: then it is that of the user database, which has nothing for r.io
	 */
	setenv("HOME", ".", 1);
	unsetenv("XDG_RUNTIME_DIR");
	CHECK_STR(who(), "");
}

/* Of a user who may not enter his home: a warning, but an error for a file he named. */
static int as_nobody(void)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/named", home);
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 2;
	if (strcmp(who(), "") != 0 || !strstr(said, "may not be read"))
		return 3;
	if (!strstr(who_with(&(struct registry_settings){.authfile = path}),
		    "Permission denied"))
		return 4;
	return unit_failures ? 5 : 0;
}

static void forbidden_files(void)
{
	int status = -1;
	pid_t pid;

	home_fresh();
	write_user(".docker/config.json", "docker");
	write_user("named", "named");
	must(chmod(home, geteuid() == 0 ? 0700 : 0) == 0, home);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		_exit(as_nobody());
	waitpid(pid, &status, 0);
	must(chmod(home, 0700) == 0, home);
	CHECK_EQ(status, 0);
}

int main(void)
{
	key_matches();
	entry_forms();
	places();
	broken_files();
	forbidden_files();
	home_remove();
	TEST_END;
}
