/* Cleanup by attribute: the only way resources are released on the way out of a scope. */
#ifndef O2R_BASE_CLEANUP_H
#define O2R_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>
#include <errno.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_FD CLEANUP(cleanup_fd)

/* Hand a pointer out of a scope that would free it. */
#define STEAL(p)                                                                         \
	({                                                                               \
		__typeof__(p) stolen_ = (p);                                             \
		(p) = NULL;                                                              \
		stolen_;                                                                 \
	})

static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

#endif
