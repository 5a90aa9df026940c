#include "base/file_identity.h"

#include "base/le.h"

enum {
	/* How far behind CLOCK_REALTIME the time in an inode may be: kernels take it from
	 * the last tick, at most 10 ms; filesystems without fractions count in as much as
	 * two seconds. */
	LAG_MS = 50,
	COARSE_LAG_MS = 4000,
};

void file_identity_encode(const struct stat *st, unsigned char p[FILE_IDENTITY_SIZE])
{
	put_le64(p, st->st_dev);
	put_le64(p + 8, st->st_ino);
	put_le64(p + 16, (uint64_t)st->st_size);
	put_le64(p + 24, (uint64_t)st->st_mtim.tv_sec);
	put_le64(p + 32, (uint64_t)st->st_ctim.tv_sec);
	put_le32(p + 40, (uint32_t)st->st_mtim.tv_nsec);
	put_le32(p + 44, (uint32_t)st->st_ctim.tv_nsec);
}

static int64_t milliseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

bool file_identity_is_racy(const struct stat *st, const struct timespec *began)
{
	bool fine = st->st_ctim.tv_nsec || st->st_mtim.tv_nsec;

	return milliseconds(&st->st_ctim) >=
	       milliseconds(began) - (fine ? LAG_MS : COARSE_LAG_MS);
}
