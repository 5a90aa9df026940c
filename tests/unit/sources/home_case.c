#include "home_case.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK64 "TM0NSM1Q"

char home[] = "/tmp/o2r-test-XXXXXX";
char said[1 << 16];
int home_cancel;

static void keep(void *arg, enum log_level level, const char *msg)
{
	size_t at = strlen(said);

	(void)arg, (void)level;
	snprintf(said + at, sizeof(said) - at, "%s\n", msg);
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

const struct ctx home_ctx = {
	.log = keep,
	.level = LOG_TRACE,
	.cancel = &home_cancel,
	.threads = 1,
	.limits = LIMITS_DEFAULT,
};

void home_write(const char *name, const char *content, int mode)
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

const char *home_read(const char *name)
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

void home_unlink(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	must(unlink(path) == 0, path);
}

void home_set(const char *variable, const char *relative)
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

void home_remove(void)
{
	nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void home_fresh(void)
{
	static const char *const variables[] = {"REGISTRY_AUTH_FILE",
		"DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "XDG_CONFIG_HOME"};

	if (strstr(home, "XXXXXX"))
		must(mkdtemp(home), "mkdtemp");
	home_remove();
	must(mkdir(home, 0700) == 0 || errno == EEXIST, home);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	setenv("HOME", home, 1);
	home_set("XDG_RUNTIME_DIR", "run");
	said[0] = '\0';
	home_cancel = 0;
}

void home_check_silence(const char *text)
{
	must(!strstr(text, MARK) && !strstr(said, MARK), "a secret was told");
	must(!strstr(text, MARK64) && !strstr(said, MARK64),
		"a secret was told in base64");
}
