/*
 * What a view is made of, for the view*.c files. The tree and what is computed from it at
 * mount time (facts) are read by all threads without locks; reads in flight and faults
 * have a lock each.
 */
#ifndef O2R_FS_VIEW_IMPL_H
#define O2R_FS_VIEW_IMPL_H

#include <stdatomic.h>

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "fs/view.h"
#include "fs/view_faults.h"
#include "fs/view_options.h"
#include "fs/view_point.h"
#include "fs/view_reads.h"

/* As good as for ever: nothing in a view ever changes. */
#define VIEW_FOREVER 4e9 /* seconds */

/* What is true of the whole tree. */
struct view_facts {
	uint64_t blocks; /* of TREE_BLOCK */
	/* security.* names that inodes carry, sorted */
	const char **security;
	size_t security_count, security_cap;
	bool xattrs; /* any at all */
	bool acls;
};

int view_facts_fill(
	struct view_facts *f, const struct tree *t, struct o2r_err *err) O2R_MUST_CHECK;
void view_facts_finish(struct view_facts *f);

struct view {
	const struct tree *tree;
	struct span_cache *cache;
	const struct ctx *ctx;
	struct fuse_session *session;
	struct view_point point;
	struct view_mount_flags flags;
	struct view_facts facts;
	struct view_reads reads;
	struct view_faults faults;
	unsigned threads;
	int wake; /* eventfd: view_serve has something to look at */
	_Atomic bool stopped;
	/* set while the kernel's first request is answered */
	bool initialised, no_open, no_opendir;
};

/* All operations; what changes anything is answered with EROFS. */
extern const struct fuse_lowlevel_ops view_ops;

static inline const struct view *view_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The inode, or NULL after ESTALE was answered: handles of exported files come from
 * outside. */
static inline const struct tree_inode *view_inode(fuse_req_t req, fuse_ino_t ino)
{
	const struct tree *t = view_of(req)->tree;

	if (ino >= TREE_ROOT && ino <= t->inode_count)
		return tree_get(t, (uint32_t)ino);
	fuse_reply_err(req, ESTALE);
	return NULL;
}

void view_entry(const struct view *v, uint32_t ino, struct fuse_entry_param *e);

void view_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi);
void view_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi);
void view_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void view_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void view_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi);
void view_lseek(
	fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);

/* What libfuse says on this thread goes to ctx (NULL: no longer). */
void view_log_to(const struct ctx *ctx);

#endif
