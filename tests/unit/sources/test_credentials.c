/* Credentials: where they are looked for, in which order, and that they are never told.
 */
#include "unit.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sources/registry/auth_key.h"
#include "sources/registry/credential_helper.h"
#include "sources/registry/credentials.h"

/* Part of every secret here, and of no message. */
#define MARK "S3CR3T"
/* base64 of "user:S3CR3T:a", and with NULs behind it */
#define AUTH "dXNlcjpTM0NSM1Q6YQ=="
#define AUTH_NULS "dXNlcjpTM0NSM1Q6YQAAAA=="
#define MARK64 "TM0NSM1Q"

static char home[] = "/tmp/o2r-test-XXXXXX";
static char said[1 << 16]; /* all messages */
static int cancel;

static void listen(void *arg, enum log_level level, const char *msg)
{
	size_t at = strlen(said);

	(void)arg, (void)level;
	snprintf(said + at, sizeof(said) - at, "%s\n", msg);
}

static const struct ctx ctx = {
	.log = listen,
	.level = LOG_TRACE,
	.cancel = &cancel,
	.threads = 1,
	.limits = LIMITS_DEFAULT,
};

static void check_nothing_told(const char *text)
{
	CHECK(strstr(text, MARK) == NULL);
	CHECK(strstr(text, MARK64) == NULL);
	if (strstr(text, MARK) || strstr(text, MARK64))
		fprintf(stderr, "told: %s\n", text);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

static void write_file(const char *name, const char *content, int mode)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	for (char *slash = path + strlen(home) + 1; (slash = strchr(slash, '/'));
		slash++) {
		*slash = '\0';
		must(mkdir(path, 0700) == 0 || errno == EEXIST, path);
		*slash = '/';
	}
	f = fopen(path, "w");
	must(f && fputs(content, f) >= 0 && fclose(f) == 0, path);
	must(chmod(path, (mode_t)mode) == 0, path);
}

static char *read_file(const char *name)
{
	static char text[4096];
	char path[300];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", home, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
	}
	text[n] = '\0';
	return text;
}

static void remove_file(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	must(unlink(path) == 0, path);
}

static void set(const char *variable, const char *relative)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", home, relative);
	setenv(variable, path, 1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* Nothing there, and nothing set. */
static void fresh(void)
{
	static const char *const variables[] = {"REGISTRY_AUTH_FILE",
		"DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "XDG_CONFIG_HOME"};

	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	must(mkdir(home, 0700) == 0 || errno == EEXIST, home);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("HOME", home, 1);
	set("XDG_RUNTIME_DIR", "run");
	said[0] = '\0';
	cancel = 0;
}

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

		fresh();
		write_file(".docker/config.json", entries[i].file, 0644);
		CHECK_EQ(credentials_find(entries[i].registry, entries[i].repository,
				 &settings, &ctx, &c, &err),
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
		check_nothing_told(err.text);
		check_nothing_told(said);
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
	write_file(file, text, 0600);
}

/* The user whose credentials are found, "" for none, the error's text for one. */
static const char *who_with(const struct registry_settings *settings)
{
	CLEANUP(credential_finish) struct credential c = {0};
	static struct o2r_err err;
	static char name[100];
	int r = credentials_find("r.io", "a/b", settings, &ctx, &c, &err);

	check_nothing_told(err.text);
	check_nothing_told(said);
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

	fresh();
	CHECK_STR(who(), "");
	/* from the last to the first */
	write_file(".dockercfg",
		"{\"https://r.io/v1/\":{\"username\":\"dockercfg\",\"password\":\"" MARK
		"\"}}",
		0600);
	CHECK_STR(who(), "dockercfg");
	write_user(".docker/config.json", "docker");
	CHECK_STR(who(), "docker");
	set("DOCKER_CONFIG", "elsewhere");
	CHECK_STR(who(), "dockercfg");
	write_user("elsewhere/config.json", "elsewhere");
	CHECK_STR(who(), "elsewhere");
	write_user(".config/containers/auth.json", "config");
	CHECK_STR(who(), "config");
	set("XDG_CONFIG_HOME", "xdg");
	CHECK_STR(who(), "elsewhere");
	write_user("xdg/containers/auth.json", "xdg");
	CHECK_STR(who(), "xdg");
	write_user("run/containers/auth.json", "run");
	CHECK_STR(who(), "run");
	/* files without something for this registry are passed over */
	write_file("run/containers/auth.json", "{\"auths\":{\"r.io\":{}}}", 0600);
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
	set("REGISTRY_AUTH_FILE", "named");
	CHECK_STR(who(), "");
	CHECK(strstr(said, "$REGISTRY_AUTH_FILE") != NULL);
	write_user("named", "named");
	CHECK_STR(who(), "named");
	write_file("named", "{\"auths\":{\"x.io\":{}}}", 0600);
	CHECK_STR(who(), "");

	snprintf(path, sizeof(path), "%s/option", home);
	named.authfile = path;
	CHECK(strstr(who_with(&named), "option") != NULL);
	CHECK(strstr(who_with(&named), "No such file") != NULL);
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
		fresh();
		write_file(files[i], "{\"r.io\":\"" MARK, 0600);
		CHECK(strstr(who(), files[i]) != NULL);
		CHECK(strstr(who(), "cut short") != NULL);
		write_file(files[i], large, 0600);
		CHECK(strstr(who(), files[i]) != NULL);
		CHECK(strstr(who(), "more than the 1048576 allowed") != NULL);
		large[1 << 20] = '\0';
		write_file(files[i], large, 0600);
		CHECK_STR(who(), "");
		large[1 << 20] = ' ';
	}
	/* no place for files at all */
	fresh();
	set("HOME", "nowhere");
	set("XDG_RUNTIME_DIR", "nowhere");
	CHECK_STR(who(), "");
	write_file("file", "", 0600);
	set("HOME", "file");
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

	fresh();
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

/* ---- helpers */

static const struct {
	const char *name, *script;
} helpers[] = {
	{"good", "key=$(cat)\n"
		 "echo \"$* $key\" >>\"$HELPERS/asked\"\n"
		 "case $key in\n"
		 "r.io|https://index.docker.io/v1/) echo '{\"ServerURL\":\"'$key'\","
		 "\"Username\":\"good\",\"Secret\":\"" MARK "\"}' ;;\n"
		 "*) echo 'credentials not found in native keychain'; exit 1 ;;\n"
		 "esac\n"},
	{"hub", "key=$(cat)\n"
		"echo \"$* $key\" >>\"$HELPERS/asked\"\n"
		"if [ $key = docker.io ]; then echo "
		"'{\"Username\":\"hub\",\"Secret\":\"" MARK
		"\"}'; else echo 'credentials not found in native keychain'; exit 1; "
		"fi\n"},
	{"none", "echo 'credentials not found in native keychain'; exit 1\n"},
	{"token", "echo '{\"Username\":\"<token>\",\"Secret\":\"" MARK "\"}'\n"},
	{"empty", "echo '{\"ServerURL\":\"r.io\",\"Username\":\"\",\"Secret\":\"\"}'\n"},
	/* does not read, and takes its answer from the environment */
	{"deaf", "exec <&-\n"
		 "echo '{\"Username\":\"'$WHO'\",\"Secret\":\"" MARK "\"}'\n"},
	{"chatty", "echo " MARK " >&2\necho '{\"Username\":\"c\",\"Secret\":\"" MARK
		   "\"}'\n"},
	/* leaves somebody behind who has its standard output */
	{"daemon", "sleep 3 &\necho '{\"Username\":\"d\",\"Secret\":\"" MARK "\"}'\n"},
	{"quiet", "echo '{\"Username\":\"q\",\"Secret\":\"" MARK
		  "\"}'; exec >&-; sleep 0.2\n"},
	{"fails", "echo " MARK "; echo " MARK " >&2; exit 7\n"},
	{"junk", "echo '{\"Username\":\"u\",\"Secret\":[\"" MARK "\"]}'\n"},
	{"silent", "exit 0\n"},
	{"killed", "echo " MARK "; kill -9 $$\n"},
	{"endless", "while :; do echo " MARK MARK MARK MARK "; done\n"},
	{"slow", "sleep 1000 &\necho $! >\"$HELPERS/pid\"\nwait\n"},
};

static void fresh_with_helpers(void)
{
	char name[100], text[1000], path[2000];

	fresh();
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(name, sizeof(name), "bin/docker-credential-%s", helpers[i].name);
		snprintf(text, sizeof(text), "#!/bin/sh\n%s", helpers[i].script);
		write_file(name, text, 0755);
	}
	write_file("bin/docker-credential-plain", "no program", 0644);
	snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", home);
	setenv("PATH", path, 1);
	setenv("HELPERS", home, 1);
	setenv("WHO", "deaf", 1);
}

static const struct {
	const char *file, *registry;
	const char *want;    /* user, "" for none */
	const char *warning; /* NULL: none */
	const char *asked;   /* of the helpers that note it; NULL: no matter */
} orders[] = {
	{"{\"credHelpers\":{\"r.io\":\"good\"}}", "r.io", "good", NULL, "get r.io\n"},
	{"{\"credHelpers\":{\"https://r.io\":\"good\"}}", "r.io", "good", NULL, NULL},
	{"{\"credHelpers\":{\"r.io/a\":\"good\"}}", "r.io", "", NULL, ""},
	{"{\"credHelpers\":{\"x.io\":\"good\"}}", "r.io", "", NULL, ""},
	{"{\"credsStore\":\"good\"}", "r.io", "good", NULL, "get r.io\n"},
	{"{\"credsStore\":\"good\"}", "x.io", "", NULL, "get x.io\n"},
	{"{\"credsStore\":\"good\",\"auths\":{\"r.io\":{}}}", "r.io", "good", NULL, NULL},
	/* Docker Hub by Docker's name, then by podman's */
	{"{\"credsStore\":\"good\"}", "docker.io", "good", NULL,
		"get https://index.docker.io/v1/\n"},
	{"{\"credHelpers\":{\"docker.io\":\"hub\"}}", "docker.io", "hub", NULL,
		"get https://index.docker.io/v1/\nget docker.io\n"},
	/* a helper of its own before the store, and the file */
	{"{\"credHelpers\":{\"r.io\":\"deaf\"},\"credsStore\":\"good\","
	 "\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}",
		"r.io", "deaf", NULL, ""},
	{"{\"credHelpers\":{\"r.io\":\"none\"},\"credsStore\":\"good\"}", "r.io", "",
		NULL, ""},
	{"{\"credHelpers\":{\"r.io\":\"none\"},\"credsStore\":\"good\","
	 "\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}",
		"r.io", "user", NULL, ""},
	/* and nobody, where it says so */
	{"{\"credHelpers\":{\"r.io\":\"\"},\"credsStore\":\"good\","
	 "\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}",
		"r.io", "user", NULL, ""},
	/* an entry for the repository before the store, one for the registry after it */
	{"{\"credsStore\":\"good\",\"auths\":{\"r.io/a\":{\"auth\":\"" AUTH "\"}}}",
		"r.io", "user", NULL, ""},
	{"{\"credsStore\":\"good\",\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}", "r.io",
		"good", NULL, "get r.io\n"},
	{"{\"credsStore\":\"none\",\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}", "r.io",
		"user", NULL, NULL},
	{"{\"credHelpers\":{\"r.io\":\"good\"},\"auths\":{\"r.io/a\":{\"auth\":\"" AUTH
	 "\"}}}",
		"r.io", "good", NULL, NULL},
	/* odd ones that are right */
	{"{\"credsStore\":\"deaf\"}", "r.io", "deaf", NULL, NULL},
	{"{\"credsStore\":\"chatty\"}", "r.io", "c", NULL, NULL},
	{"{\"credsStore\":\"daemon\"}", "r.io", "d", NULL, NULL},
	{"{\"credsStore\":\"quiet\"}", "r.io", "q", NULL, NULL},
	{"{\"credsStore\":\"token\"}", "r.io", "identity " MARK, NULL, NULL},
	{"{\"credsStore\":\"none\"}", "r.io", "", NULL, NULL},
	{"{\"credsStore\":\"empty\"}", "r.io", "", NULL, NULL},
	{"{\"credsStore\":\"\"}", "r.io", "", NULL, NULL},
	/* those that fail are no reason to fail */
	{"{\"credsStore\":\"missing\"}", "r.io", "",
		"docker-credential-missing: there is no such program in $PATH", NULL},
	{"{\"credsStore\":\"missing\",\"auths\":{\"r.io\":{\"auth\":\"" AUTH "\"}}}",
		"r.io", "user", "docker-credential-missing", NULL},
	{"{\"credsStore\":\"plain\"}", "r.io", "", "Permission denied", NULL},
	{"{\"credsStore\":\"fails\"}", "r.io", "",
		"no credentials for r.io from the credential helper that", NULL},
	{"{\"credsStore\":\"fails\"}", "r.io", "",
		"docker-credential-fails: it failed with "
		"status 7",
		NULL},
	{"{\"credsStore\":\"junk\"}", "r.io", "",
		"its answer cannot be used: Secret is a list", NULL},
	{"{\"credsStore\":\"silent\"}", "r.io", "", "its answer cannot be used", NULL},
	{"{\"credsStore\":\"killed\"}", "r.io", "", "it was ended by signal 9", NULL},
	{"{\"credsStore\":\"endless\"}", "r.io", "", "more than 262144 bytes", NULL},
};

static const char *shown(int r, const struct credential *c)
{
	static char text[200];

	if (r <= 0)
		return "";
	if (c->identity_token)
		snprintf(text, sizeof(text), "identity %s", c->identity_token);
	return c->identity_token ? text : c->username;
}

static void helper_orders(void)
{
	static const struct registry_settings settings;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		CLEANUP(credential_finish) struct credential c = {0};
		struct o2r_err err = {0};
		int failures = unit_failures, r;

		fresh_with_helpers();
		write_file(".docker/config.json", orders[i].file, 0600);
		r = credentials_find(
			orders[i].registry, "a/b", &settings, &ctx, &c, &err);
		CHECK(r >= 0);
		CHECK_STR(shown(r, &c), orders[i].want);
		check_nothing_told(said);
		if (orders[i].warning)
			CHECK(strstr(said, orders[i].warning) != NULL);
		else
			CHECK_STR(said, "");
		if (orders[i].asked)
			CHECK_STR(read_file("asked"), orders[i].asked);
		if (c.from)
			CHECK(strstr(c.from, "/.docker/config.json") != NULL);
		if (unit_failures > failures)
			fprintf(stderr, "order %zu: %s\nsaid: %s\nerr: %s\n", i,
				orders[i].file, said, err.text);
	}
}

/* Gone, or dead and waiting for somebody to look. */
static bool is_gone(long pid)
{
	char path[64], text[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return true;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return !text[0] || strstr(text, ") Z ") || strstr(text, ") X ");
}

static void check_killed(void)
{
	long pid = strtol(read_file("pid"), NULL, 10);

	CHECK(pid > 0);
	/* a signal takes its time; if it never comes the test does not end well */
	for (int i = 0; i < 1000 && !is_gone(pid); i++)
		usleep(10000);
	CHECK(is_gone(pid));
}

/* Who does not answer is killed with all that it started. */
static void slow_helper(void)
{
	CLEANUP(credential_finish) struct credential c = {0};
	struct o2r_err err = {0};

	fresh_with_helpers();
	CHECK_EQ(credential_helper_get("slow", "r.io", 1500, &ctx, &c, &err), -ETIMEDOUT);
	CHECK(strstr(err.text, "docker-credential-slow: it did not answer within 1 s") !=
		NULL);
	check_killed();

	/* and so is one whom nobody waits for any more */
	remove_file("pid");
	write_file(".docker/config.json", "{\"credsStore\":\"slow\"}", 0600);
	cancel = 1;
	CHECK_EQ(credentials_find(
			 "r.io", "a/b", &(struct registry_settings){0}, &ctx, &c, &err),
		-EINTR);
	CHECK_EQ(err.cls, ERR_INTERRUPTED);
	CHECK(!c.username && !c.password && !c.from);
}

static void long_keys(void)
{
	CLEANUP(credential_finish) struct credential c = {0};
	static char key[HELPER_KEY_MAX + 2];
	struct o2r_err err = {0};

	fresh_with_helpers();
	memset(key, 'k', sizeof(key) - 1);
	CHECK_EQ(credential_helper_get("good", key, 30000, &ctx, &c, &err), -EBADMSG);
	key[HELPER_KEY_MAX] = '\0';
	CHECK_EQ(credential_helper_get("good", key, 30000, &ctx, &c, &err), 0);
	CHECK_EQ(credential_helper_get("deaf", key, 30000, &ctx, &c, &err), 1);
	CHECK_STR(c.username, "deaf");
}

int main(void)
{
	must(mkdtemp(home), "mkdtemp");
	/* a broken pipe would end the test */
	signal(SIGPIPE, SIG_DFL);
	key_matches();
	entry_forms();
	places();
	broken_files();
	forbidden_files();
	helper_orders();
	slow_helper();
	long_keys();
	fresh();
	rmdir(home);
	TEST_END;
}
