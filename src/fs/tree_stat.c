#include <string.h>
#include <sys/sysmacros.h>

#include "base/checked.h"
#include "fs/tree.h"

/* 512-byte units of the blocks that hold data, as on the ext4 image without its own. */
static uint64_t data_sectors(const struct tree *t, uint32_t ino)
{
	struct data_run one;
	uint32_t n = 0;
	const struct data_run *r = tree_runs(t, ino, &one, &n);
	uint64_t blocks = 0, next = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t first = r[i].file_off / TREE_BLOCK;
		uint64_t end = DIV_ROUND_UP(r[i].file_off + r[i].len, TREE_BLOCK);

		first = MAX(first, next);
		if (end > first)
			blocks += end - first;
		next = MAX(next, end);
	}
	return blocks * (TREE_BLOCK / 512);
}

void tree_stat(const struct tree *t, uint32_t ino, struct stat *st)
{
	const struct tree_inode *i = tree_get(t, ino);

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = i->mode;
	st->st_nlink = i->nlink;
	st->st_uid = i->uid;
	st->st_gid = i->gid;
	st->st_size = S_ISDIR(i->mode) ? TREE_BLOCK : (off_t)i->size;
	st->st_blksize = TREE_BLOCK;
	st->st_blocks = S_ISREG(i->mode)   ? (blkcnt_t)data_sectors(t, ino)
			: S_ISDIR(i->mode) ? TREE_BLOCK / 512
					   : 0;
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		st->st_rdev = makedev(i->u.dev.major, i->u.dev.minor);
	st->st_mtim.tv_sec = i->mtime;
	st->st_mtim.tv_nsec = i->mtime_nsec;
	st->st_atim = st->st_ctim = st->st_mtim;
}
