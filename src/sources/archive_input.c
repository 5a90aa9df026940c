#include "sources/archive_input.h"

#include <archive.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"

enum {
	INPUT_CHUNK = 256 << 10,
	LOOK_UP_MS = 200, /* how long a signal may go unnoticed */
};

/* Whoever writes to a pipe may take his time. */
static int wait_for_bytes(const struct archive_input *in)
{
	struct pollfd p = {.fd = in->fd, .events = POLLIN};

	for (;;) {
		if (ctx_check(in->ctx, NULL) < 0)
			return -EINTR;

		int n = poll(&p, 1, LOOK_UP_MS);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static la_ssize_t read_more(struct archive *a, void *arg, const void **out)
{
	struct archive_input *in = arg;
	ssize_t n = -1;
	int r = 0;

	*out = in->buf;
	while (r == 0 && n < 0) {
		r = wait_for_bytes(in);
		if (r == 0)
			n = read(in->fd, in->buf, INPUT_CHUNK);
		if (r == 0 && n < 0 && errno != EINTR && errno != EAGAIN)
			r = -errno;
	}
	if (r < 0) {
		archive_set_error(a, -r, "cannot be read");
		return -1;
	}
	in->left -= MIN(in->left, (uint64_t)n);
	return n;
}

/* Never past the end, so that what is missing there is noticed. */
static la_int64_t skip(struct archive *a, void *arg, la_int64_t request)
{
	struct archive_input *in = arg;
	la_int64_t n = (la_int64_t)MIN(in->left, (uint64_t)request);

	(void)a;
	if (n <= 0 || lseek(in->fd, n, SEEK_CUR) < 0)
		return 0;
	in->left -= (uint64_t)n;
	return n;
}

int archive_input_open(struct archive *a, struct archive_input *in)
{
	in->buf = malloc(INPUT_CHUNK);
	if (!in->buf) {
		archive_set_error(a, ENOMEM, "out of memory");
		return ARCHIVE_FATAL;
	}
	return archive_read_open2(a, in, NULL, read_more, skip, NULL);
}

void archive_input_finish(struct archive_input *in)
{
	free(in->buf);
	in->buf = NULL;
}
