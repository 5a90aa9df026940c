#include "o2r_reopen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "o2r_known_view.h"
#include "sources/platform.h"

/* Only what is written as a path can be a mount point (docs/references.md). */
static bool is_path(const char *reference)
{
	return reference[0] == '/' || strncmp(reference, "./", 2) == 0 ||
	       strncmp(reference, "../", 3) == 0 || strcmp(reference, ".") == 0 ||
	       strcmp(reference, "..") == 0;
}

static int refuse(const struct known_view *k, bool at_root, const char *reference,
	const struct o2r_err *why, struct o2r_err *err)
{
	const char *point = k->mount.e.point;
	struct quoted name = text_quote(reference, strlen(reference));
	uint64_t uid;

	if (!at_root)
		return err_set(err, ERR_USAGE, EINVAL,
			"%s is inside the view at %s: name that for the image that the "
			"view shows, or oci:%s for a layout that the view holds",
			name.s, text_quote(point, strlen(point)).s, name.s);
	if (!known_view_is_ours(&k->mount.e))
		return err_set(err, ERR_ACCESS, EPERM,
			"the view at %s belongs to user %llu, whose notes on it are not "
			"believed: name the image itself",
			name.s,
			mount_user(&k->mount.e, &uid) ? (unsigned long long)uid : 0ULL);
	return err_set(err, ERR_FAIL, ENOENT,
		"what the view at %s shows is not known: %s; name the image itself",
		name.s, why->text);
}

/* A limit that the caller did not change is as the view has it. */
static void take_limits(struct limits *mine, const struct limits *views)
{
	const struct limits standard = LIMITS_DEFAULT;
	uint64_t *m = (uint64_t *)mine;
	const uint64_t *v = (const uint64_t *)views, *s = (const uint64_t *)&standard;

	_Static_assert(sizeof(struct limits) % sizeof(uint64_t) == 0, "all are uint64_t");
	for (size_t i = 0; i < sizeof(*mine) / sizeof(*m); i++)
		if (m[i] == s[i])
			m[i] = v[i];
}

static int take_options(
	struct o2r_image *image, const struct view_state *s, struct o2r_err *err)
{
	struct o2r_options *o = &image->options;

	take_limits(&o->limits, &s->limits);
	image->ctx.limits = o->limits;
	if (!o->cache_dir && s->cache_dir) {
		o->cache_dir = strdup(s->cache_dir);
		if (!o->cache_dir)
			return err_nomem(err);
	}
	return 0;
}

/* The view has its platform already: another one asked for is a mistake. */
static int check_platform(
	const struct o2r_image *image, const struct view_state *s, struct o2r_err *err)
{
	struct platform want, have;

	if (!image->options.platform)
		return 0;
	if (platform_parse(image->options.platform, &want, err) < 0)
		return err->code;
	if (platform_parse(s->platform, &have, NULL) == 0 &&
		platform_rank(&want, &have) >= 0)
		return 0;
	return err_set(err, ERR_PLATFORM, ENOENT, "the view shows %s, not %s",
		s->platform, platform_format(&want).s);
}

/* Layers without a blob are told apart when they have been read: o2r_load.c. */
static int check_layers(
	struct o2r_image *image, struct view_state *s, struct o2r_err *err)
{
	const struct image *is = image->image;
	bool same = is->layer_count >= s->layer_count;

	if (!image->options.extra_count)
		same = is->layer_count == s->layer_count;
	for (unsigned i = 0; same && i < s->layer_count; i++)
		same = is->layers[i].digest.algo == DIGEST_NONE ||
		       digest_equal(&is->layers[i].digest, &s->layers[i]);
	if (!same)
		return err_corrupt(err, "its layers are not those that the view shows");
	image->expected = STEAL(s->layers);
	image->expected_count = s->layer_count;
	return 0;
}

/* What is on top of the view's image, and what is to go on top of that: borrowed. */
static struct image_extra *join_extras(
	const struct view_state *s, const struct image_options *io)
{
	struct image_extra *all =
		calloc(s->extra_count + io->extra_count + 1, sizeof(*all));

	if (!all)
		return NULL;
	if (s->extra_count)
		memcpy(all, s->extras, s->extra_count * sizeof(*all));
	if (io->extra_count)
		memcpy(all + s->extra_count, io->extras, io->extra_count * sizeof(*all));
	return all;
}

static int open_again(struct o2r_image *image, struct view_state *s, struct o2r_err *err)
{
	struct image_options io = o2r_open_options(image);
	AUTO_FREE struct image_extra *extras = join_extras(s, &io);
	int r;

	io.platform = NULL;
	io.manifest = &s->manifest;
	io.extras = extras;
	io.extra_count += s->extra_count;

	if (!extras)
		return err_nomem(err);
	if (!s->reference)
		return err_set(err, ERR_FAIL, ENOENT,
			"it came from where nothing can be read twice: name a copy of "
			"the image");
	r = image_open(s->reference, &io, &image->ctx, &image->image, err);
	if (r == 0)
		r = check_layers(image, s, err);
	if (r < 0)
		return err_wrap(err,
			"what the view shows cannot be opened again; put it back, or "
			"name the image where it is now");
	return 0;
}

int o2r_reopen(struct o2r_image *image, const char *reference, struct o2r_err *err)
{
	AUTO_KNOWN_VIEW struct known_view k = KNOWN_VIEW_INIT;
	struct o2r_err why = {0}, unseen = {0};
	bool at_root;
	int r;

	/* a path that is wrong is for the source to explain */
	if (!is_path(reference) ||
		known_view_find(reference, &k, &at_root, &why, &unseen) <= 0)
		return 0;
	if (!at_root || !k.stated)
		return refuse(&k, at_root, reference, &why, err);
	r = check_platform(image, &k.state, err);
	if (r == 0)
		r = take_options(image, &k.state, err);
	if (r == 0)
		r = open_again(image, &k.state, err);
	return r < 0 ? err_wrap(err, "%s", text_quote(reference, strlen(reference)).s)
		     : 1;
}
