#include "sources/registry/now.h"

#include <time.h>

static int64_t seconds_of(clockid_t clock)
{
	struct timespec t = {0};

	(void)clock_gettime(clock, &t);
	return t.tv_sec;
}

int64_t now_steady(void)
{
	return seconds_of(CLOCK_BOOTTIME);
}

int64_t now_wall(void)
{
	return seconds_of(CLOCK_REALTIME);
}
