/* Files of an archive that has to be decoded: small ones into memory, large ones to disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "sources/archive_impl.h"

static int begin_file(struct spool *s, struct o2r_err *err)
{
	int r;

	if (!s->store) {
		s->fd = file_anonymous_large(err);
		return s->fd < 0 ? s->fd : 0;
	}
	r = store_begin(s->store, &s->tmp, err);
	return r < 0 ? r : digester_init(&s->digest, DIGEST_SHA256, err);
}

int spool_begin(struct spool *s, struct store *store, uint64_t size, uint64_t *small,
	uint64_t *large, struct o2r_err *err)
{
	*s = (struct spool){.store = store, .size = size, .fd = -1, .tmp = TMPFILE_INIT};
	if (size <= ARCHIVE_SMALL && size <= ARCHIVE_SMALL_TOTAL - *small) {
		*small += size;
		s->data = malloc((size_t)size + 1);
		return s->data ? 0 : err_nomem(err);
	}
	if (++*large > ARCHIVE_LARGE_MAX)
		return err_corrupt(err, "the archive has more than %d large files",
			ARCHIVE_LARGE_MAX);
	return begin_file(s, err);
}

int spool_add(struct spool *s, const void *p, size_t n, struct o2r_err *err)
{
	int r = 0, fd = s->store ? s->tmp.fd : s->fd;

	if (n > s->size - s->have)
		return err_corrupt(err, "it has more bytes than its header says");
	if (s->data) {
		memcpy(s->data + s->have, p, n);
	} else {
		r = write_full(fd, p, n);
		if (r < 0)
			return err_errno(err, -r, "cannot keep its %llu bytes",
				(unsigned long long)s->size);
		if (s->store)
			r = digester_update(&s->digest, p, n, err);
	}
	s->have += n;
	return r;
}

int spool_end(struct spool *s, struct member *m, struct o2r_err *err)
{
	struct digest digest;
	int r;

	if (s->have != s->size)
		return err_corrupt(err, "the archive is cut short in it");
	if (s->data) {
		m->kind = MEMBER_MEMORY;
		m->data = STEAL(s->data);
		return 0;
	}
	if (s->store) {
		r = digester_final(&s->digest, &digest, err);
		if (r == 0)
			r = store_publish(s->store, &s->tmp, STORE_BLOB, &digest, err);
		if (r < 0)
			return r;
		s->fd = steal_fd(&s->tmp.fd);
	}
	m->kind = MEMBER_FD;
	m->fd = steal_fd(&s->fd);
	return 0;
}

void spool_finish(struct spool *s)
{
	free(s->data);
	if (s->fd >= 0)
		close(s->fd);
	tmpfile_finish(&s->tmp);
	digester_finish(&s->digest);
}
