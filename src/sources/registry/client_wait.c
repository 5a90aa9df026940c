#include "sources/registry/client_impl.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "base/checked.h"

enum {
	SLICE_MS = 50, /* how soon a wait sees that it is to stop */
};

int client_check(const struct client_session *s, struct o2r_err *err)
{
	if (s->stop && atomic_load(s->stop))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	return ctx_check(s->client->ctx, err);
}

uint32_t client_backoff(unsigned tries)
{
	uint32_t ms = (uint32_t)CLIENT_WAIT_MS << MIN(tries, 5), spread = ms * 2 / 5;
	uint16_t random = 0;

	/* many clients of a server that has just come back must not ask all at once */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = UINT16_MAX / 2;
	return ms - spread / 2 + (uint32_t)((uint64_t)spread * random / UINT16_MAX);
}

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
