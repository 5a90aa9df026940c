#include "sources/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/userns.h"
#include "sources/platform.h"
#include "sources/subid.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

void stored_rules_finish(struct dir_rules *r)
{
	free(r->uids.ranges);
	free(r->gids.ranges);
	r->uids = r->gids = (struct id_map){0};
}

static int map_user(struct dir_rules *out, const struct stat *st, struct o2r_err *err)
{
	int r = subid_map("/etc/subuid", st->st_uid, st->st_uid, &out->uids, err);

	return r < 0 ? r
		     : subid_map("/etc/subgid", st->st_uid, st->st_gid, &out->gids, err);
}

int stored_rules(int fd, const char *path, bool overlay, struct dir_rules *out,
	struct o2r_err *err)
{
	bool initial = userns_is_initial();
	struct stat st;

	*out = (struct dir_rules){.overlay = overlay};
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "cannot stat %s", quote(path).s);
	if (st.st_uid == 0) {
		out->trusted = overlay && initial;
		return 0;
	}
	if (!initial)
		return err_set(err, ERR_ACCESS, EACCES,
			"%s belongs to nobody of this user namespace, so its owners and "
			"marks cannot be seen: read it as the user that it belongs to",
			quote(path).s);
	return map_user(out, &st, err);
}

/* The number that n characters are; false: they are none. */
static bool number(const char *s, size_t n, uint32_t *out)
{
	uint64_t v = 0;

	if (n == 0 || n > 10)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*out = (uint32_t)v;
	return v < UINT32_MAX;
}

bool stored_is_remapped(const char *name, size_t n, uint32_t *uid, uint32_t *gid)
{
	const char *dot = memchr(name, '.', n);
	size_t first = dot ? (size_t)(dot - name) : 0;

	return dot && number(name, first, uid) && number(dot + 1, n - first - 1, gid);
}

int stored_rules_remapped(
	uint32_t uid, uint32_t gid, struct dir_rules *out, struct o2r_err *err)
{
	int r;

	*out = (struct dir_rules){.overlay = true, .trusted = true};
	r = subid_map_first("/etc/subuid", uid, &out->uids, err);
	if (r == 0)
		r = subid_map_first("/etc/subgid", gid, &out->gids, err);
	if (r < 0)
		return r;
	if (out->uids.count && out->gids.count)
		return 0;
	return err_set(err, ERR_ACCESS, EACCES,
		"its files have the ids of a userns-remap that begins with %u:%u, which "
		"/etc/subuid and /etc/subgid do not have",
		uid, gid);
}

static int copy_map(struct id_map *to, const struct id_map *from, struct o2r_err *err)
{
	size_t n = from->count * sizeof(*from->ranges);

	*to = (struct id_map){0};
	if (!n)
		return 0;
	to->ranges = malloc(n);
	if (!to->ranges)
		return err_nomem(err);
	memcpy(to->ranges, from->ranges, n);
	to->count = from->count;
	return 0;
}

int stored_rules_copy(
	struct dir_rules *to, const struct dir_rules *from, struct o2r_err *err)
{
	struct dir_rules copy = *from;
	int r = copy_map(&copy.uids, &from->uids, err);

	copy.gids = (struct id_map){0};
	if (r == 0)
		r = copy_map(&copy.gids, &from->gids, err);
	*to = copy;
	return r;
}

int stored_check_platform(const struct image *image, const struct platform *want,
	const char *name, struct o2r_err *err)
{
	const struct platform *have = &image->parsed.platform;

	if (!have->os[0] || platform_rank(want, have) >= 0)
		return 0;
	return err_set(err, ERR_PLATFORM, ENOENT,
		"%s is for %s, not for %s: choose with --platform", quote(name).s,
		platform_format(have).s, platform_format(want).s);
}
