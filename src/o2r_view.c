/* An image's tree as a mounted view: what the library offers around fs/view.h. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "fs/view.h"
#include "fs/view_options.h"
#include "fs/view_point.h"
#include "handle.h"
#include "o2r_state_file.h"
#include "o2r_state_parts.h"
#include "sources/store.h"

struct o2r_mount_options {
	struct buf text; /* comma-separated */
};

struct o2r_view {
	struct o2r_image *image;
	struct view *view;
	struct span_cache *cache; /* the image's */
	char *mountpoint;         /* absolute */

	struct state_folder folder;
	struct state_name name;
	struct view_state state;
	bool stated; /* there is a file to remove */

	int (*ready)(void *arg); /* the user's, for the time of serving */
	void *ready_arg;
};

enum {
	OPTIONS_MAX = 64 << 10,
};

struct o2r_mount_options *o2r_mount_options_create(void)
{
	struct o2r_mount_options *o = calloc(1, sizeof(*o));

	if (o)
		o->text.max = OPTIONS_MAX;
	return o;
}

void o2r_mount_options_destroy(struct o2r_mount_options *o)
{
	if (!o)
		return;
	buf_finish(&o->text);
	free(o);
}

int o2r_mount_options_add(struct o2r_mount_options *o, const char *options)
{
	return buf_printf(&o->text, "%s%s", o->text.len ? "," : "", options);
}

/* ---- the state file */

static int describe(const struct o2r_view *v, struct view_state *s, struct o2r_err *err)
{
	const struct image *image = v->image->image;
	const struct o2r_options *o = &v->image->options;
	int r = process_self(&s->process, err);

	if (r == 0)
		r = boot_id_read(&s->boot, err);
	if (r < 0)
		return r;
	s->reference = image->absolute ? strdup(image->absolute) : NULL;
	s->manifest = image->manifest_digest;
	s->platform = strdup(v->image->platform);
	s->layers = calloc(image->layer_count + 1, sizeof(*s->layers));
	s->limits = o->limits;
	/* as it is here: the default one depends on the environment */
	s->cache_dir = v->image->store ? strdup(store_dir(v->image->store)) : NULL;
	s->no_cache = o->no_cache;
	s->mountpoint = strdup(v->mountpoint);
	s->since = time(NULL);
	if ((image->absolute && !s->reference) || !s->platform ||
		(v->image->store && !s->cache_dir) || !s->layers || !s->mountpoint)
		return err_nomem(err);
	for (unsigned i = 0; i < image->layer_count; i++) {
		const struct digest *blob = &image->layers[i].digest;

		s->layers[i] = blob->algo != DIGEST_NONE
				       ? *blob
				       : *stream_diff_id(v->image->streams[i]);
	}
	s->layer_count = image->layer_count;
	return state_copy_extras(
		image->extras, image->extra_count, &s->extras, &s->extra_count, err);
}

static int write_state(struct o2r_view *v, struct o2r_err *err)
{
	uint64_t device = view_device(v->view);
	int r = describe(v, &v->state, err);

	if (r == 0)
		r = state_folder_open(&v->folder, geteuid(), true, err);
	if (r < 0)
		return r;
	v->name = state_name(major(device), minor(device));
	r = state_file_write(&v->folder, v->name.s, &v->state, err);
	v->stated = r == 0;
	return r;
}

static void remove_state(struct o2r_view *v)
{
	if (v->stated)
		state_file_remove(&v->folder, v->name.s, &v->state);
	v->stated = false;
}

/* ---- the view */

/* Each check that needs no layer comes before the long part. */
static int check_early(const struct o2r_mount_options *o, const char *dir,
	char **mountpoint, struct o2r_err *err)
{
	struct view_mount_flags flags CLEANUP(view_options_finish) = {0};
	struct view_point point = VIEW_POINT_INIT;
	int r = view_options_parse(o ? o->text.data : NULL, &flags, err);

	if (r == 0)
		r = view_point_check(&point, dir, &(struct ctx){0}, err);
	*mountpoint = point.path;
	return r;
}

static int get_ready(struct o2r_view *v, struct o2r_err *err)
{
	int r = o2r_load_tree(v->image, err);

	if (r == 0)
		r = o2r_open_blobs(v->image, err);
	if (r == 0)
		r = o2r_read_cache(v->image, &v->cache, err);
	/* indexing took more than serving needs */
	malloc_trim(0);
	return r;
}

static int mount_it(
	struct o2r_view *v, const struct o2r_mount_options *o, struct o2r_err *err)
{
	const char *reference = v->image->image->reference;
	AUTO_BUF struct buf source = {0};
	int r = buf_printf(&source, "%s@%s", text_quote(reference, strlen(reference)).s,
		v->image->manifest_digest.s);

	if (r < 0)
		return err_nomem(err);

	const struct view_options options = {
		.source = source.data,
		.options = o ? o->text.data : NULL,
		.threads = v->image->options.threads,
	};

	return view_mount(v->image->tree, v->cache, v->mountpoint, &options,
		&v->image->ctx, &v->view, err);
}

int o2r_view_mount(struct o2r_image *image, const char *dir,
	const struct o2r_mount_options *options, struct o2r_view **out,
	struct o2r_error *error)
{
	struct o2r_view *v = calloc(1, sizeof(*v));
	struct o2r_err err = {0};
	int r;

	if (!v) {
		err_nomem(&err);
		return o2r_fail(error, &err);
	}
	v->image = image;
	v->folder.fd = -1;
	r = check_early(options, dir, &v->mountpoint, &err);
	if (r == 0)
		r = get_ready(v, &err);
	if (r == 0)
		r = mount_it(v, options, &err);
	if (r < 0) {
		o2r_view_destroy(v);
		return o2r_fail(error, &err);
	}
	*out = v;
	return 0;
}

/* The state first: who sees the view ready finds its file. */
static int on_ready(void *arg)
{
	struct o2r_view *v = arg;
	struct o2r_err err = {0};

	if (write_state(v, &err) < 0)
		ctx_log(&v->image->ctx, LOG_WARN,
			"%s; the view works, but 'o2r mounts' and 'o2r snapshot' will "
			"not know it",
			err.text);
	return v->ready ? v->ready(v->ready_arg) : 0;
}

static void log_counters(const struct o2r_view *v)
{
	struct span_cache_counters n;

	span_cache_counters(v->cache, &n);
	ctx_log(&v->image->ctx, LOG_INFO,
		"served %s: %" PRIu64 " spans decoded (%" PRIu64 " ahead), %" PRIu64
		" bytes decoded, %" PRIu64 " bytes read plain, %" PRIu64 " hits, %" PRIu64
		" failed",
		text_quote(v->mountpoint, strlen(v->mountpoint)).s, n.decoded_spans,
		n.ahead_spans, n.decoded_bytes, n.plain_bytes, n.hits, n.failed);
}

int o2r_view_serve(struct o2r_view *view, int (*ready)(void *arg), void *arg,
	struct o2r_error *error)
{
	struct o2r_err err = {0};
	int r;

	view->ready = ready;
	view->ready_arg = arg;
	r = view_serve(view->view, on_ready, view, &err);
	remove_state(view);
	log_counters(view);
	return r < 0 ? o2r_fail(error, &err) : 0;
}

void o2r_view_stop(struct o2r_view *view)
{
	view_stop(view->view);
}

void o2r_view_destroy(struct o2r_view *view)
{
	if (!view)
		return;
	view_destroy(view->view);
	remove_state(view);
	state_folder_close(&view->folder);
	view_state_finish(&view->state);
	free(view->mountpoint);
	free(view);
}
