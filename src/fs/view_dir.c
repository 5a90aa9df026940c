#include <string.h>

#include "base/checked.h"
#include "fs/view_impl.h"

/*
 * Directory offsets are places in the frozen slice, so they are stable: entry number k is
 * ".", "..", then the names in byte order; the offset handed out with it is k + 1, where
 * to go on.
 */
enum {
	DOT,
	DOT_DOT,
	FIRST_NAME,
	REPLY_MAX = 64 << 10,
};

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size, used;
	bool plus;
};

/* false: it has no room. */
static bool add(
	struct listing *l, const char *name, const struct fuse_entry_param *e, off_t next)
{
	char *at = l->buf + l->used;
	size_t room = l->size - l->used, n;

	n = l->plus ? fuse_add_direntry_plus(l->req, at, room, name, e, next)
		    : fuse_add_direntry(l->req, at, room, name, &e->attr, next);
	if (n > room)
		return false;
	l->used += n;
	return true;
}

static bool add_number(struct listing *l, const struct view *v, uint32_t ino, uint64_t k)
{
	const struct tree_inode *d = tree_get(v->tree, ino);
	struct fuse_entry_param e = {0};
	char name[256] = "..";

	if (k < FIRST_NAME) {
		/* without a node the kernel takes the number and the type alone */
		e.attr.st_ino = k == DOT ? ino : d->parent;
		e.attr.st_mode = S_IFDIR;
		name[k + 1] = '\0';
	} else {
		const struct tree_dirent *t =
			&v->tree->dirents[d->u.dir.first + (k - FIRST_NAME)];

		if (l->plus)
			view_entry(v, t->ino, &e);
		e.attr.st_ino = t->ino;
		e.attr.st_mode = tree_get(v->tree, t->ino)->mode;
		memcpy(name, dirent_name(t), dirent_len(t));
		name[dirent_len(t)] = '\0';
	}
	return add(l, name, &e, (off_t)k + 1);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	const struct view *v = view_of(req);
	const struct tree_inode *d = view_inode(req, ino);
	char buf[REPLY_MAX];
	struct listing l = {
		.req = req, .buf = buf, .size = MIN(size, sizeof(buf)), .plus = plus};

	if (!d)
		return;
	if (!S_ISDIR(d->mode)) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}

	uint64_t end = (uint64_t)d->u.dir.count + FIRST_NAME;

	for (uint64_t k = (uint64_t)off; k < end; k++)
		if (!add_number(&l, v, (uint32_t)ino, k))
			break;
	fuse_reply_buf(req, buf, l.used);
}

void view_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

void view_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}
