#include "sources/overlay_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/beneath.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/userns.h"
#include "sources/synthetic.h"

enum {
	LOWER_MAX = 64 << 10, /* bytes of the file */
	TARGET_MAX = 4096,
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

bool overlay_dir_is(int fd)
{
	struct stat st;

	return fstatat(fd, "diff", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode) &&
	       (faccessat(fd, "link", F_OK, 0) == 0 ||
		       faccessat(fd, "lower", F_OK, 0) == 0);
}

bool overlay_dir_is_roots(const char *path)
{
	struct stat st;

	return userns_is_initial() && stat(path, &st) == 0 && st.st_uid == 0;
}

/* One part of a path, as drivers make them. */
static bool is_id(const char *id, size_t n)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (n == 0 || n > OVERLAY_ID_MAX || id[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!strchr(ok, id[i]))
			return false;
	return true;
}

static int copy_rules(
	struct dir_rules *to, const struct dir_rules *from, struct o2r_err *err)
{
	struct id_map *maps[2] = {&to->uids, &to->gids};
	const struct id_map *of[2] = {&from->uids, &from->gids};

	*to = *from;
	to->uids = to->gids = (struct id_map){0};
	for (int i = 0; i < 2; i++) {
		size_t n = of[i]->count * sizeof(*of[i]->ranges);

		if (!n)
			continue;
		maps[i]->ranges = malloc(n);
		if (!maps[i]->ranges)
			return err_nomem(err);
		memcpy(maps[i]->ranges, of[i]->ranges, n);
		maps[i]->count = of[i]->count;
	}
	return 0;
}

int overlay_dir_layer(struct image *image, unsigned number, int driver, const char *path,
	const char *id, const char *below, const struct dir_rules *rules,
	struct o2r_err *err)
{
	struct image_layer *layer = &image->layers[number];
	char diff[OVERLAY_ID_MAX + sizeof("/diff")];
	int fd;

	if (!is_id(id, strlen(id)))
		return err_corrupt(err, "\"%s\" is not the name of a layer", quote(id).s);
	snprintf(diff, sizeof(diff), "%s%s%s", id, below ? "/" : "", below ? below : "");
	fd = open_beneath(driver, diff, O_RDONLY | O_DIRECTORY);
	if (fd == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"layer %s is missing: %s/%s is not there", id, quote(path).s,
			diff);
	if (fd < 0)
		return err_errno(err, -fd, "cannot open %s/%s", quote(path).s, diff);
	layer->codec = -1;
	layer->dir = calloc(1, sizeof(*layer->dir));
	if (!layer->dir) {
		close(fd);
		return err_nomem(err);
	}
	layer->dir->fd = fd;
	if (asprintf(&layer->dir->path, "%s/%s", path, diff) < 0) {
		layer->dir->path = NULL;
		return err_nomem(err);
	}
	layer->media_type = strdup("application/vnd.oci.image.layer.v1.tar");
	if (!layer->media_type)
		return err_nomem(err);
	return copy_rules(&layer->dir->rules, rules, err);
}

/* ---- by `lower` */

/* Directories from the top down: the names of their layers. */
struct stack {
	char *ids[OVERLAY_LAYERS_MAX];
	unsigned count;
};

static void stack_finish(struct stack *s)
{
	for (unsigned i = 0; i < s->count; i++)
		free(s->ids[i]);
}

static int push(struct stack *s, const char *id, size_t n, struct o2r_err *err)
{
	if (!is_id(id, n))
		return err_corrupt(
			err, "\"%s\" is not the name of a layer", text_quote(id, n).s);
	for (unsigned i = 0; i < s->count; i++)
		if (strlen(s->ids[i]) == n && memcmp(s->ids[i], id, n) == 0)
			return err_corrupt(
				err, "layer %s is below itself", text_quote(id, n).s);
	if (s->count == OVERLAY_LAYERS_MAX)
		return err_corrupt(err, "it has more than %d layers", OVERLAY_LAYERS_MAX);
	s->ids[s->count] = strndup(id, n);
	if (!s->ids[s->count])
		return err_nomem(err);
	s->count++;
	return 0;
}

/* "l/SHORT" to the ID that it leads to: exactly "../ID/diff". */
static int follow(
	struct stack *s, int driver, const char *link, size_t n, struct o2r_err *err)
{
	char name[OVERLAY_ID_MAX + 3], target[TARGET_MAX];
	ssize_t len;

	if (n < 3 || n >= sizeof(name) || memcmp(link, "l/", 2) != 0 ||
		!is_id(link + 2, n - 2))
		return err_corrupt(err, "its lower names \"%s\", which is no layer",
			text_quote(link, n).s);
	snprintf(name, sizeof(name), "%.*s", (int)n, link);
	len = readlinkat(driver, name, target, sizeof(target));
	if (len < 0 && errno == ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"the layer %s below it is missing", name);
	if (len < 0)
		return err_errno(err, errno, "cannot read the link %s", name);
	if (len < 9 || memcmp(target, "../", 3) != 0 ||
		memcmp(target + len - 5, "/diff", 5) != 0)
		return err_corrupt(err, "%s leads to \"%s\", which is no layer", name,
			text_quote(target, (size_t)len).s);
	return push(s, target + 3, (size_t)len - 8, err);
}

static int read_lower(struct stack *s, int driver, int dir, struct o2r_err *err)
{
	AUTO_BUF struct buf text = {0};
	int r = file_read(dir, "lower", LOWER_MAX, &text, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (const char *p = text.data; r == 0 && p && *p;) {
		size_t n = strcspn(p, ":\n");

		if (n)
			r = follow(s, driver, p, n, err);
		p += n;
		p += strspn(p, ":\n");
	}
	return r;
}

/* The last part of a path, which is no "." or "..". */
static int name_of(const char *path, char **parent, char **id, struct o2r_err *err)
{
	AUTO_FREE char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	if (!real)
		return err_errno(err, errno, "cannot open %s", quote(path).s);
	*id = strdup(slash + 1);
	*slash = '\0';
	*parent = strdup(*real ? real : "/");
	return *id && *parent ? 0 : err_nomem(err);
}

int overlay_dir_layers(struct image *image, const char *path,
	const struct dir_rules *rules, struct o2r_err *err)
{
	AUTO_FREE char *parent = NULL, *id = NULL;
	CLEANUP(stack_finish) struct stack stack = {.count = 0};
	AUTO_FD int driver = -1;
	AUTO_FD int dir = -1;
	int r = name_of(path, &parent, &id, err);

	if (r < 0)
		return r;
	driver = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = driver < 0 ? -1 : open_beneath(driver, id, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return err_errno(
			err, driver < 0 ? errno : -dir, "cannot open %s", quote(path).s);
	r = push(&stack, id, strlen(id), err);
	if (r == 0)
		r = read_lower(&stack, driver, dir, err);
	if (r < 0)
		return r;
	image->layers = calloc(stack.count, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; r == 0 && i < stack.count; i++) {
		image->layer_count = i + 1;
		r = overlay_dir_layer(image, i, driver, parent,
			stack.ids[stack.count - 1 - i], "diff", rules, err);
	}
	return r;
}

int overlay_dir_open(struct image *image, const char *path,
	const struct platform *platform, const struct ctx *ctx, struct o2r_err *err)
{
	/* whose it is, of Docker or podman, is not known: all marks count */
	struct dir_rules rules = {.overlay = true, .names = true, .override_stat = true};
	AUTO_FREE struct digest *diff_ids = NULL;
	AUTO_FREE char *real = realpath(path, NULL);
	unsigned count = 0;
	int r = synthetic_make(image, platform, ctx, &diff_ids, &count, err);

	if (r < 0)
		return r;
	if (!real)
		return err_errno(err, errno, "cannot open %s", quote(path).s);
	if (asprintf(&image->absolute, "overlay:%s", real) < 0) {
		image->absolute = NULL;
		return err_nomem(err);
	}
	rules.trusted = overlay_dir_is_roots(real);
	r = overlay_dir_layers(image, real, &rules, err);
	return r < 0 ? err_wrap(err, "%s", quote(path).s) : 0;
}
