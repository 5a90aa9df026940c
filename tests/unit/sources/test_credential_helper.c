/* Credential helpers: when they are asked, and what becomes of those that fail. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "home_case.h"
#include "sources/registry/credential_helper.h"
#include "sources/registry/credentials.h"

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

	home_fresh();
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++) {
		snprintf(name, sizeof(name), "bin/docker-credential-%s", helpers[i].name);
		snprintf(text, sizeof(text), "#!/bin/sh\n%s", helpers[i].script);
		home_write(name, text, 0755);
	}
	home_write("bin/docker-credential-plain", "no program", 0644);
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
		home_write(".docker/config.json", orders[i].file, 0600);
		r = credentials_find(
			orders[i].registry, "a/b", &settings, &home_ctx, &c, &err);
		CHECK(r >= 0);
		CHECK_STR(shown(r, &c), orders[i].want);
		home_check_silence("");
		if (orders[i].warning)
			CHECK(strstr(said, orders[i].warning) != NULL);
		else
			CHECK_STR(said, "");
		if (orders[i].asked)
			CHECK_STR(home_read("asked"), orders[i].asked);
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
	long pid = strtol(home_read("pid"), NULL, 10);

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
	CHECK_EQ(credential_helper_get("slow", "r.io", 1500, &home_ctx, &c, &err),
		-ETIMEDOUT);
	CHECK(strstr(err.text, "docker-credential-slow: it did not answer within 1 s") !=
		NULL);
	check_killed();

	/* and so is one whom nobody waits for any more */
	home_unlink("pid");
	home_write(".docker/config.json", "{\"credsStore\":\"slow\"}", 0600);
	home_cancel = 1;
	CHECK_EQ(credentials_find("r.io", "a/b", &(struct registry_settings){0},
			 &home_ctx, &c, &err),
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
	CHECK_EQ(
		credential_helper_get("good", key, 30000, &home_ctx, &c, &err), -EBADMSG);
	key[HELPER_KEY_MAX] = '\0';
	CHECK_EQ(credential_helper_get("good", key, 30000, &home_ctx, &c, &err), 0);
	CHECK_EQ(credential_helper_get("deaf", key, 30000, &home_ctx, &c, &err), 1);
	CHECK_STR(c.username, "deaf");
}

int main(void)
{
	/* a broken pipe would end the test */
	signal(SIGPIPE, SIG_DFL);
	helper_orders();
	slow_helper();
	long_keys();
	home_remove();
	TEST_END;
}
