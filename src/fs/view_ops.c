#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/checked.h"
#include "fs/view_impl.h"

static void init(void *arg, struct fuse_conn_info *conn)
{
	struct view *v = arg;
	/* no splice: measured slower than a plain write of the reply */
	unsigned want = FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
			FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_PARALLEL_DIROPS |
			FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_NO_OPEN_SUPPORT |
			FUSE_CAP_NO_OPENDIR_SUPPORT;

	if (v->flags.rdp != VIEW_RDP_OFF)
		want |= FUSE_CAP_READDIRPLUS;
	if (v->flags.rdp == VIEW_RDP_AUTO)
		want |= FUSE_CAP_READDIRPLUS_AUTO;
	/* it makes the kernel check permissions: only where that is wanted anyway */
	if (v->facts.acls && v->flags.default_permissions && !v->flags.no_xattr)
		want |= FUSE_CAP_POSIX_ACL;
	conn->want = want & conn->capable;
	conn->max_read = (unsigned)v->flags.max_read;
	/* the pages of a request, of reading too, are counted from this */
	conn->max_write = MIN(conn->max_write, VIEW_READ_MAX);
	v->no_open = conn->want & FUSE_CAP_NO_OPEN_SUPPORT;
	/* fusermount3 unmounts behind us when it cannot open the root; where nothing is
	 * asked it always could */
	v->no_opendir =
		(conn->want & FUSE_CAP_NO_OPENDIR_SUPPORT) && !v->flags.auto_unmount;
	v->initialised = true;
}

void view_entry(const struct view *v, uint32_t ino, struct fuse_entry_param *e)
{
	e->ino = ino;
	/* numbers are never reused: one generation, the one that the root has */
	e->generation = 0;
	e->attr_timeout = VIEW_FOREVER;
	e->entry_timeout = VIEW_FOREVER;
	tree_stat(v->tree, ino, &e->attr);
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct view *v = view_of(req);
	const struct tree_inode *p = view_inode(req, parent);
	struct fuse_entry_param e = {.entry_timeout = VIEW_FOREVER};
	uint32_t ino;

	if (!p)
		return;
	/* "." of any node, ".." of a directory: how the kernel finds a node by its number
	 * after it has forgotten it */
	if (strcmp(name, ".") == 0)
		ino = (uint32_t)parent;
	else if (strcmp(name, "..") == 0)
		ino = S_ISDIR(p->mode) ? p->parent : 0;
	else
		ino = tree_lookup(v->tree, (uint32_t)parent, name, strlen(name));
	if (ino)
		view_entry(v, ino, &e);
	fuse_reply_entry(req, &e);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (!view_inode(req, ino))
		return;
	tree_stat(view_of(req)->tree, (uint32_t)ino, &st);
	fuse_reply_attr(req, &st, VIEW_FOREVER);
}

static void readlink_(fuse_req_t req, fuse_ino_t ino)
{
	const struct tree_inode *i = view_inode(req, ino);

	if (i && S_ISLNK(i->mode))
		fuse_reply_readlink(req, i->u.target);
	else if (i)
		fuse_reply_err(req, EINVAL);
}

static void statfs_(fuse_req_t req, fuse_ino_t ino)
{
	const struct view *v = view_of(req);
	struct statvfs st = {.f_bsize = TREE_BLOCK,
		.f_frsize = TREE_BLOCK,
		.f_blocks = v->facts.blocks,
		.f_files = v->tree->inode_count,
		.f_namemax = 255};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

/* ENOSYS: the kernel needs no open and release, now and ever. */
static void answer_open(fuse_req_t req, struct fuse_file_info *fi, bool needless)
{
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		fuse_reply_err(req, EROFS);
	else if (needless)
		fuse_reply_err(req, ENOSYS);
	else
		fuse_reply_open(req, fi);
}

static void open_(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	answer_open(req, fi, view_of(req)->no_open);
}

static void opendir_(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	answer_open(req, fi, view_of(req)->no_opendir);
}

/* Nothing is counted, so nothing is forgotten. */
static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino, (void)nlookup;
	fuse_reply_none(req);
}

static void forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count, (void)forgets;
	fuse_reply_none(req);
}

/* The mount is read-only and the kernel refuses before it asks, unless root remounts it.
 */
#define SAYS_EROFS(name, ...)                                                            \
	static void name(fuse_req_t req, __VA_ARGS__)                                    \
	{                                                                                \
		fuse_reply_err(req, EROFS);                                              \
	}
#define UNUSED __attribute__((unused))
#define INO UNUSED fuse_ino_t ino
#define NAME UNUSED const char *name
#define FI UNUSED struct fuse_file_info *fi
#define INO2 UNUSED fuse_ino_t ino2
#define NAME2 UNUSED const char *name2
#define MODE UNUSED mode_t mode
#define FLAGS UNUSED unsigned flags

SAYS_EROFS(setattr, INO, UNUSED struct stat *st, UNUSED int to_set, FI)
SAYS_EROFS(mknod_, INO, NAME, MODE, UNUSED dev_t rdev)
SAYS_EROFS(mkdir_, INO, NAME, MODE)
SAYS_EROFS(unlink_, INO, NAME)
SAYS_EROFS(symlink_, NAME, INO, NAME2)
SAYS_EROFS(rename_, INO, NAME, INO2, NAME2, FLAGS)
SAYS_EROFS(link_, INO, INO2, NAME)
SAYS_EROFS(create, INO, NAME, MODE, FI)
SAYS_EROFS(write_, INO, NAME, UNUSED size_t size, UNUSED off_t off, FI)
SAYS_EROFS(setxattr_, INO, NAME, NAME2, UNUSED size_t size, UNUSED int flags)
SAYS_EROFS(removexattr_, INO, NAME)
SAYS_EROFS(fallocate_, INO, UNUSED int mode, UNUSED off_t off, UNUSED off_t length, FI)

const struct fuse_lowlevel_ops view_ops = {
	.init = init,
	.lookup = lookup,
	.forget = forget,
	.forget_multi = forget_multi,
	.getattr = getattr,
	.readlink = readlink_,
	.statfs = statfs_,
	.open = open_,
	.opendir = opendir_,
	.read = view_read,
	.lseek = view_lseek,
	.readdir = view_readdir,
	.readdirplus = view_readdirplus,
	.getxattr = view_getxattr,
	.listxattr = view_listxattr,
	.setattr = setattr,
	.mknod = mknod_,
	.mkdir = mkdir_,
	.unlink = unlink_,
	.rmdir = unlink_,
	.symlink = symlink_,
	.rename = rename_,
	.link = link_,
	.create = create,
	.write = write_,
	.setxattr = setxattr_,
	.removexattr = removexattr_,
	.fallocate = fallocate_,
};
