#include "base/home.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The home of the effective user; NULL when there is none. */
static char *home_of_passwd(void)
{
	struct passwd pw, *found = NULL;
	AUTO_FREE char *buf = malloc(1 << 16);

	if (!buf || getpwuid_r(geteuid(), &pw, buf, 1 << 16, &found) != 0 || !found ||
		found->pw_dir[0] != '/')
		return NULL;
	return strdup(found->pw_dir);
}

char *home_dir(void)
{
	const char *home = getenv("HOME");

	return home && home[0] == '/' ? strdup(home) : home_of_passwd();
}

char *home_config_dir(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME");
	char *dir;

	/* the specification: a path that is not absolute is to be ignored */
	if (xdg && xdg[0] == '/')
		return strdup(xdg);

	AUTO_FREE char *home = home_dir();

	if (!home || asprintf(&dir, "%s/.config", home) < 0)
		return NULL;
	return dir;
}
