#include "o2r_known_view.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/userns.h"

void known_view_finish(struct known_view *k)
{
	mounted_finish(&k->mount);
	state_folder_close(&k->folder);
	view_state_finish(&k->state);
	k->stated = false;
}

bool known_view_is_ours(const struct mount_entry *e)
{
	uint64_t uid;

	return mount_user(e, &uid) && (uid == geteuid() || uid == userns_outer_uid());
}

/* The server wrote both: the mount's source ends in the digest of its manifest. */
static bool same_digest(const struct mount_entry *e, const struct digest *manifest)
{
	struct digest_text text = digest_format(manifest);
	size_t have = strlen(e->source), want = strlen(text.s);

	return have > want && e->source[have - want - 1] == '@' &&
	       strcmp(e->source + have - want, text.s) == 0;
}

bool known_view_matches(const struct mount_entry *e, const struct view_state *s)
{
	struct boot_id boot;

	return strcmp(e->type, MOUNT_TYPE_VIEW) == 0 && known_view_is_ours(e) &&
	       same_digest(e, &s->manifest) && boot_id_read(&boot, NULL) == 0 &&
	       strcmp(boot.s, s->boot.s) == 0;
}

static int read_state(struct known_view *k, struct o2r_err *why)
{
	uint64_t uid;
	bool known = known_view_is_ours(&k->mount.e) && mount_user(&k->mount.e, &uid);
	int r = state_folder_open(&k->folder, known ? (uid_t)uid : geteuid(), false, why);

	k->name = state_name(k->mount.e.major, k->mount.e.minor);
	if (r > 0)
		r = state_file_read(&k->folder, k->name.s, &k->state, why);
	if (r == 0)
		return err_set(why, ERR_FAIL, ENOENT,
			"there is no %s/%s (was it mounted with another "
			"XDG_RUNTIME_DIR?)",
			k->folder.path, k->name.s);
	if (r > 0 && !known_view_matches(&k->mount.e, &k->state))
		return err_set(why, ERR_FAIL, ESTALE, "%s/%s is of another mount",
			k->folder.path, k->name.s);
	return r;
}

int known_view_find(const char *path, struct known_view *out, bool *at_root,
	struct o2r_err *why, struct o2r_err *err)
{
	int r = mounts_find_path(path, &out->mount, at_root, err);

	if (r < 0)
		return r;
	if (strcmp(out->mount.e.type, MOUNT_TYPE_VIEW) != 0)
		return 0;
	out->stated = read_state(out, why) > 0;
	return 1;
}
