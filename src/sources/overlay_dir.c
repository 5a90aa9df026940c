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
#include "base/text.h"
#include "sources/overlay_lower.h"
#include "sources/stored.h"
#include "sources/synthetic.h"

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

int overlay_dir_failed(
	int errnum, const char *path, const char *name, struct o2r_err *err)
{
	if (errnum == ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"%s/%s is missing: pull the image again", quote(path).s, name);
	if (errnum == ENOTDIR || errnum == ELOOP || errnum == EXDEV)
		return err_corrupt(err, "%s/%s is no directory", quote(path).s, name);
	return err_errno(err, errnum, "cannot open %s/%s", quote(path).s, name);
}

/* Files as a store of composefs has them: by content, under other names. */
static int refuse_composefs(int driver, const char *id, struct o2r_err *err)
{
	char path[OVERLAY_ID_MAX + sizeof("/composefs-data")];
	struct stat st;

	snprintf(path, sizeof(path), "%s/composefs-data", id);
	if (fstatat(driver, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return err_set(err, ERR_USAGE, EOPNOTSUPP,
		"layer %s is in the composefs format, which is not read: copy the image "
		"by `skopeo copy containers-storage:NAME oci:DIR:TAG`",
		id);
}

int overlay_dir_layer(struct image *image, unsigned number, int driver, const char *path,
	const char *id, const char *below, const struct dir_rules *rules,
	struct o2r_err *err)
{
	struct image_layer *layer = &image->layers[number];
	char diff[OVERLAY_ID_MAX + sizeof("/diff")];
	int fd, r;

	if (!overlay_id_ok(id, strlen(id)))
		return err_corrupt(err, "\"%s\" is not the name of a layer", quote(id).s);
	r = below ? refuse_composefs(driver, id, err) : 0;
	if (r < 0)
		return r;
	snprintf(diff, sizeof(diff), "%s%s%s", id, below ? "/" : "", below ? below : "");
	fd = open_beneath(driver, diff, O_RDONLY | O_DIRECTORY);
	if (fd == -ENOENT)
		return err_set(err, ERR_CORRUPT, ENOENT,
			"layer %s is missing: %s/%s is not there", id, quote(path).s,
			diff);
	if (fd < 0)
		return overlay_dir_failed(-fd, path, diff, err);
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
	return stored_rules_copy(&layer->dir->rules, rules, err);
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

static int add_layers(struct image *image, int driver, const char *where,
	const struct overlay_stack *stack, const struct dir_rules *rules,
	struct o2r_err *err)
{
	int r = 0;

	image->layers = calloc(stack->count, sizeof(*image->layers));
	if (!image->layers)
		return err_nomem(err);
	for (unsigned i = 0; r == 0 && i < stack->count; i++) {
		image->layer_count = i + 1;
		r = overlay_dir_layer(image, i, driver, where,
			stack->ids[stack->count - 1 - i], "diff", rules, err);
	}
	return r;
}

/* The driver's folder lies in the store's, whose name tells of a userns-remap. */
static int rules_of(const char *driver, int dir, const char *path, struct dir_rules *out,
	struct o2r_err *err)
{
	const char *last = strrchr(driver, '/'), *name = last;
	uint32_t uid, gid;
	int r;

	while (name && name > driver && name[-1] != '/')
		name--;
	if (last && name && last > name &&
		stored_is_remapped(name, (size_t)(last - name), &uid, &gid))
		r = stored_rules_remapped(uid, gid, out, err);
	else
		r = stored_rules(dir, path, true, out, err);
	/* whose it is, of Docker or podman, is not known: all marks count */
	out->names = out->override_stat = true;
	return r;
}

static int open_layers(struct image *image, const char *path, struct o2r_err *err)
{
	CLEANUP(overlay_stack_finish) struct overlay_stack stack = {.count = 0};
	CLEANUP(stored_rules_finish) struct dir_rules rules = {0};
	AUTO_FREE char *parent = NULL, *id = NULL;
	AUTO_FD int driver = -1;
	AUTO_FD int dir = -1;
	int r = name_of(path, &parent, &id, err);

	if (r < 0)
		return r;
	driver = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (driver < 0)
		return err_errno(err, errno, "cannot open %s", quote(parent).s);
	dir = open_beneath(driver, id, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return err_errno(err, -dir, "cannot open it");
	r = rules_of(parent, dir, path, &rules, err);
	if (r == 0)
		r = overlay_stack_push(&stack, id, strlen(id), err);
	if (r == 0)
		r = overlay_lower_read(&stack, driver, dir, err);
	return r < 0 ? r : add_layers(image, driver, parent, &stack, &rules, err);
}

int overlay_dir_open(struct image *image, const char *path,
	const struct platform *platform, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE struct digest *diff_ids = NULL;
	AUTO_FREE char *real = realpath(path, NULL);
	unsigned count = 0;
	int r;

	if (!real)
		return err_errno(err, errno, "cannot open %s", quote(path).s);
	r = synthetic_make(image, platform, ctx, &diff_ids, &count, err);
	if (r < 0)
		return r;
	if (asprintf(&image->absolute, "overlay:%s", real) < 0) {
		image->absolute = NULL;
		return err_nomem(err);
	}
	r = open_layers(image, real, err);
	return r < 0 ? err_wrap(err, "%s", quote(path).s) : 0;
}
