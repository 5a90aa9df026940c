#include "sources/store_partial.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/store_impl.h"

struct partial {
	struct store *store; /* NULL: an unlinked file */
	struct digest digest;
	int fd, ranges_fd; /* ranges_fd -1: nobody will go on with it */
	pthread_mutex_t lock;
	struct ranges ranges;
};

static struct store_name ranges_name(const struct digest *d)
{
	return store_name(d, store_companion(STORE_PARTIAL));
}

static int no_space(const struct partial *p, int r, struct o2r_err *err)
{
	if (!p->store)
		return err_set(err, ERR_SPACE, -r,
			"there is no room for a temporary file: set TMPDIR to a folder "
			"on a larger disk");
	return err_set(err, ERR_SPACE, -r,
		"there is no room in the cache folder %s: make some (o2r cache prune) or "
		"name another with --cache; what was fetched is gone on with",
		text_quote(p->store->dir, strlen(p->store->dir)).s);
}

static int fail(const struct partial *p, int r, const char *what, struct o2r_err *err)
{
	if (r == -ENOSPC || r == -EDQUOT)
		return no_space(p, r, err);
	if (!p->store)
		return err_errno(err, -r, "%s a temporary file", what);
	return err_errno(err, -r, "%s partial/%s/%s of the cache folder %s", what,
		digest_algo_name(p->digest.algo), store_name(&p->digest, "").s,
		text_quote(p->store->dir, strlen(p->store->dir)).s);
}

/* A file of ours to read and write, made when it is not there; -errno. */
static int open_ours(int folder, const char *name)
{
	AUTO_FD int fd = openat(folder, name,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return store_is_ours(&st) ? steal_fd(&fd) : -EPERM;
}

/* Locked, and still of that name: 0, or -EWOULDBLOCK. */
static int open_data(struct partial *p, int folder)
{
	struct store_name name = store_name(&p->digest, "");
	int fd = open_ours(folder, name.s);

	if (fd < 0)
		return fd;
	p->fd = fd;
	/* who has just published or removed it had the lock until then */
	if (!store_lock(fd, F_WRLCK) || !store_is_named(folder, name.s, fd))
		return -EWOULDBLOCK;
	return 0;
}

static int write_ranges(struct partial *p)
{
	unsigned char all[RANGES_FILE];
	int r = ftruncate(p->ranges_fd, 0) < 0 ? -errno : 0;

	ranges_write_header(&p->ranges, &p->digest, all);
	for (unsigned i = 0; i < RANGES_MAX; i++)
		ranges_write_slot(
			&p->ranges, i, all + RANGES_HEADER + (size_t)i * RANGES_SLOT);
	return r < 0 ? r : pwrite_full(p->ranges_fd, all, sizeof(all), 0);
}

static int open_ranges(struct partial *p, int folder, uint64_t size)
{
	unsigned char all[RANGES_FILE + 1];
	struct stat st;

	p->ranges_fd = open_ours(folder, ranges_name(&p->digest).s);
	if (p->ranges_fd < 0)
		return p->ranges_fd;

	ssize_t n = pread(p->ranges_fd, all, sizeof(all), 0);

	if (n < 0 || fstat(p->fd, &st) < 0)
		return -errno;
	/* nothing that is known of it: begun anew */
	if (ranges_parse(&p->ranges, all, (size_t)n, &p->digest, size,
		    (uint64_t)st.st_size) < 0 &&
		ftruncate(p->fd, 0) < 0)
		return -errno;
	if ((uint64_t)st.st_size > size && ftruncate(p->fd, (off_t)size) < 0)
		return -errno;
	return write_ranges(p);
}

static int open_kept(struct partial *p, uint64_t size, struct o2r_err *err)
{
	AUTO_FD int folder =
		store_folder(p->store, STORE_PARTIAL, p->digest.algo, true, err);
	int r;

	if (folder < 0)
		return folder;
	r = open_data(p, folder);
	if (r == 0)
		r = open_ranges(p, folder, size);
	return r < 0 && r != -EWOULDBLOCK ? fail(p, r, "cannot use", err) : r;
}

static void partial_cleanup(struct partial **p)
{
	partial_close(*p);
}

int partial_open(struct store *s, const struct digest *d, uint64_t size,
	struct partial **out, struct o2r_err *err)
{
	CLEANUP(partial_cleanup) struct partial *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return err_nomem(err);
	p->store = s;
	p->digest = *d;
	p->fd = p->ranges_fd = -1;
	p->ranges.size = size;
	pthread_mutex_init(&p->lock, NULL);
	if (s)
		r = open_kept(p, size, err);
	else
		r = p->fd = file_anonymous_large(err);
	if (r < 0)
		return r;
	*out = STEAL(p);
	return 0;
}

void partial_close(struct partial *p)
{
	if (!p)
		return;
	if (p->ranges_fd >= 0)
		close(p->ranges_fd);
	if (p->fd >= 0)
		close(p->fd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void partial_give_up(struct partial *p)
{
	store_lock(p->fd, F_UNLCK);
}

int partial_fd(const struct partial *p)
{
	return p->fd;
}

bool partial_missing(struct partial *p, uint64_t from, struct range *out)
{
	pthread_mutex_lock(&p->lock);

	bool found = ranges_missing(&p->ranges, from, out);

	pthread_mutex_unlock(&p->lock);
	return found;
}

static uint64_t ask(struct partial *p, uint64_t (*what)(const struct ranges *r))
{
	pthread_mutex_lock(&p->lock);

	uint64_t n = what(&p->ranges);

	pthread_mutex_unlock(&p->lock);
	return n;
}

uint64_t partial_front(struct partial *p)
{
	return ask(p, ranges_front);
}

uint64_t partial_bytes(struct partial *p)
{
	return ask(p, ranges_bytes);
}

unsigned partial_room(struct partial *p)
{
	pthread_mutex_lock(&p->lock);

	unsigned n = ranges_room(&p->ranges);

	pthread_mutex_unlock(&p->lock);
	return n;
}

/* A slot that cannot be written costs the next run a fetch of these bytes, no more. */
static void write_slots(struct partial *p, const unsigned *changed, int count)
{
	unsigned char slot[RANGES_SLOT];

	for (int i = 0; i < count && p->ranges_fd >= 0; i++) {
		ranges_write_slot(&p->ranges, changed[i], slot);
		if (pwrite_full(p->ranges_fd, slot, sizeof(slot),
			    RANGES_HEADER + (uint64_t)changed[i] * RANGES_SLOT) < 0)
			break;
	}
}

static int note(struct partial *p, const struct range *r)
{
	unsigned changed[2];

	pthread_mutex_lock(&p->lock);

	int n = ranges_add(&p->ranges, r->first, r->end, changed);

	if (n > 0)
		write_slots(p, changed, n);
	pthread_mutex_unlock(&p->lock);
	return n < 0 ? n : 0;
}

int partial_write(struct partial *p, const void *buf, size_t n, uint64_t off, bool *all,
	struct o2r_err *err)
{
	const unsigned char *from = buf;
	uint64_t end = off + n, written = 0;
	struct range gap;

	while (off < end && partial_missing(p, off, &gap) && gap.first < end) {
		gap.end = MIN(gap.end, end);

		uint64_t len = gap.end - gap.first;
		int r = pwrite_full(
			p->fd, from + (gap.first - (end - n)), (size_t)len, gap.first);

		if (r == 0)
			r = note(p, &gap);
		if (r < 0)
			return fail(p, r, "cannot write to", err);
		written += len;
		off = gap.end;
	}
	*all = written == n;
	return 0;
}

/* All is there, and nobody goes on with it: images of many layers need descriptors. */
static void drop_ranges(struct partial *p, int folder)
{
	(void)unlinkat(folder, ranges_name(&p->digest).s, 0);
	pthread_mutex_lock(&p->lock);
	if (p->ranges_fd >= 0)
		close(p->ranges_fd);
	p->ranges_fd = -1;
	pthread_mutex_unlock(&p->lock);
}

int partial_publish(struct partial *p, struct stat *st, struct o2r_err *err)
{
	struct store_name name = store_name(&p->digest, "");

	if (!p->store)
		return 0;

	AUTO_FD int from =
		store_folder(p->store, STORE_PARTIAL, p->digest.algo, false, err);
	AUTO_FD int to = store_folder(p->store, STORE_BLOB, p->digest.algo, true, err);

	if (from < 0 || to < 0)
		return from < 0 ? fail(p, from, "cannot rename", err) : to;
	/* from now on it may be read; and nobody may write to it */
	store_lock(p->fd, F_RDLCK);
	if (!store_is_named(from, name.s, p->fd))
		return fail(p, -ENOENT, "cannot rename", err);
	if (renameat(from, name.s, to, name.s) < 0)
		return fail(p, -errno, "cannot rename", err);
	drop_ranges(p, from);
	if (!store_is_named(to, name.s, p->fd) || fstat(p->fd, st) < 0) {
		/* somebody put another file in its place meanwhile */
		store_drop(p->store, STORE_BLOB, &p->digest);
		return fail(p, -ENOENT, "cannot rename", err);
	}
	store_note_seen(p->store, &p->digest, st, NULL);
	return 1;
}

void partial_discard(struct partial *p)
{
	struct store_name name = store_name(&p->digest, "");

	if (p->store) {
		AUTO_FD int folder = store_folder(
			p->store, STORE_PARTIAL, p->digest.algo, false, NULL);

		if (folder >= 0 && store_is_named(folder, name.s, p->fd)) {
			(void)unlinkat(folder, ranges_name(&p->digest).s, 0);
			(void)unlinkat(folder, name.s, 0);
		}
	}
	partial_give_up(p);
}
