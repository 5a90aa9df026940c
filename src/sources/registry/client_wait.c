#include "sources/registry/client_impl.h"

#include <time.h>

enum {
	SLICE_MS = 50, /* how soon a wait sees that it is to stop */
};

int client_wait(struct client_session *s, uint32_t ms, struct o2r_err *err)
{
	struct timespec now, end;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	for (;;) {
		struct timespec slice = {.tv_nsec = SLICE_MS * 1000000L};

		r = client_check(s, err);
		clock_gettime(CLOCK_MONOTONIC, &now);

		int64_t left = (int64_t)(end.tv_sec - now.tv_sec) * 1000000000 +
			       (end.tv_nsec - now.tv_nsec);

		if (r < 0 || left <= 0)
			return r;
		if (left < slice.tv_nsec)
			slice.tv_nsec = (long)left;
		nanosleep(&slice, NULL);
	}
}
