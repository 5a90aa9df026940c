/* Unmounting views: by the kernel for root, by fusermount3 for anybody else. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/text.h"
#include "fs/view_helper.h"
#include "handle.h"
#include "o2r_busy.h"
#include "o2r_known_view.h"

enum {
	/* A server ends at once; this long is for machines that swap. One that still has
	 * readers goes on, and nobody waits for it. */
	END_MS = 10000,
	LAZY_END_MS = 300,
};

static int by_helper(char *point, bool lazy, struct o2r_err *err)
{
	struct view_point p = VIEW_POINT_INIT;
	int r;

	p.path = point; /* borrowed: p is not finished */
	r = view_helper_unmount(&p, lazy, err);
	return r < 0 && strstr(err->text, "busy") ? -EBUSY : r;
}

static int by_kernel(const char *point, bool lazy, struct o2r_err *err)
{
	if (umount2(point, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno == EBUSY)
		return -EBUSY;
	return err_errno(err, errno, "cannot unmount it");
}

/* ---- what a user may ask for */

static int not_a_view(
	const char *dir, const struct mount_entry *e, bool at_root, struct o2r_err *err)
{
	struct quoted name = text_quote(dir, strlen(dir));

	if (at_root)
		return err_set(err, ERR_USAGE, EINVAL,
			"%s is not a view of o2r, but a mount of type %s", name.s,
			text_quote(e->type, strlen(e->type)).s);
	return err_set(err, ERR_USAGE, EINVAL,
		"%s is not a view: nothing is mounted there", name.s);
}

static int check(
	const char *dir, const struct known_view *k, bool at_root, struct o2r_err *err)
{
	const struct mount_entry *e = &k->mount.e;
	uint64_t uid;

	if (!at_root)
		return err_set(err, ERR_USAGE, EINVAL,
			"%s is inside the view at %s: give that name",
			text_quote(dir, strlen(dir)).s,
			text_quote(e->point, strlen(e->point)).s);
	if (geteuid() != 0 && mount_user(e, &uid) && uid != geteuid())
		return err_set(err, ERR_ACCESS, EPERM,
			"the view at %s belongs to user %llu: only he or root may "
			"unmount it",
			text_quote(dir, strlen(dir)).s, (unsigned long long)uid);
	return 0;
}

static int busy(const char *dir, const char *point, struct o2r_err *err)
{
	struct busy_text users = busy_users(point);

	return err_set(err, ERR_FAIL, EBUSY,
		"%s is busy%s%s: leave it first, or let it go when nobody uses it any "
		"more with --lazy",
		text_quote(dir, strlen(dir)).s, *users.s ? ", used by " : "", users.s);
}

/* So that a command that follows finds neither a process nor a file. */
static void wait_for_end(struct known_view *k, bool lazy)
{
	if (!k->stated)
		return;
	process_wait(&k->state.process, lazy ? LAZY_END_MS : END_MS);
	if (!process_alive(&k->state.process))
		state_file_remove(&k->folder, k->name.s, &k->state);
}

static int unmount(const char *dir, bool lazy, struct o2r_err *err)
{
	AUTO_KNOWN_VIEW struct known_view k = KNOWN_VIEW_INIT;
	bool at_root;
	int r = known_view_find(dir, &k, &at_root, NULL, err);

	if (r < 0)
		return r;
	if (r == 0)
		return not_a_view(dir, &k.mount.e, at_root, err);
	r = check(dir, &k, at_root, err);
	if (r < 0)
		return r;

	char *point = k.mount.e.point;

	r = geteuid() == 0 ? by_kernel(point, lazy, err) : by_helper(point, lazy, err);
	if (r == -EBUSY)
		return busy(dir, point, err);
	if (r < 0)
		return err_wrap(err, "%s", text_quote(dir, strlen(dir)).s);
	wait_for_end(&k, lazy);
	return 0;
}

int o2r_unmount(const char *dir, bool lazy, struct o2r_error *error)
{
	struct o2r_err err = {0};

	return unmount(dir, lazy, &err) < 0 ? o2r_fail(error, &err) : 0;
}
