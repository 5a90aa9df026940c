/* The library's front: options, opening an image, what its config says. */
#include "o2r.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "config.h"
#include "handle.h"
#include "o2r_index.h"
#include "o2r_options.h"
#include "o2r_reopen.h"
#include "sources/platform.h"
#include "sources/store.h"

const char *o2r_version(void)
{
	return O2R_VERSION;
}

int o2r_fail(struct o2r_error *out, const struct o2r_err *err)
{
	if (out) {
		out->code = err->code;
		out->error_class = (enum o2r_class)err->cls;
		memcpy(out->text, err->text, MIN(sizeof(out->text), sizeof(err->text)));
		out->text[sizeof(out->text) - 1] = '\0';
	}
	return err->code ? err->code : -EIO;
}

static void pass_log(void *arg, enum log_level level, const char *msg)
{
	const struct o2r_image *image = arg;

	image->options.log(image->options.log_arg, (enum o2r_log_level)level, msg);
}

static void pass_progress(void *arg, const struct progress *p)
{
	const struct o2r_image *image = arg;
	struct o2r_progress out = {
		.stage = p->stage,
		.done = p->done,
		.total = p->total,
		.layers_done = p->layers_done,
		.layers = p->layers,
	};

	image->options.progress(image->options.progress_arg, &out);
}

static void pass_fetch(void *arg, const struct fetch_progress *p)
{
	const struct o2r_image *image = arg;
	struct o2r_fetch_progress out = {
		.digest = p->digest,
		.layer = p->layer,
		.layers = p->layers,
		.state = (enum o2r_fetch_state)p->state,
		.done = p->done,
		.total = p->total,
	};

	image->options.fetch_progress(image->options.fetch_progress_arg, &out);
}

static unsigned processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > OPTIONS_THREADS_MAX ? OPTIONS_THREADS_MAX : (unsigned)n;
}

static int take_options(
	struct o2r_image *image, const struct o2r_options *options, struct o2r_err *err)
{
	struct o2r_options *o = &image->options;

	if (!options)
		o->limits = (struct limits)LIMITS_DEFAULT;
	else if (options_copy(options, o, err) < 0)
		return err->code;
	image->ctx = (struct ctx){
		.log = o->log ? pass_log : NULL,
		.progress = o->progress ? pass_progress : NULL,
		.fetch = o->fetch_progress ? pass_fetch : NULL,
		.arg = image,
		.level = (enum log_level)o->level,
		.cancel = o->cancel,
		.threads = o->threads ? o->threads : processors(),
		.limits = o->limits,
		.lock = &image->callback_lock,
	};
	return 0;
}

static struct store *get_store(void *image)
{
	return o2r_image_store(image);
}

struct image_options o2r_open_options(struct o2r_image *image)
{
	return (struct image_options){
		.platform = image->options.platform,
		.registry = &image->options.registry,
		.extras = image->options.extras,
		.extra_count = image->options.extra_count,
		.store = get_store,
		.store_arg = image,
	};
}

static int make_texts(struct o2r_image *image, struct o2r_err *err)
{
	const struct image *i = image->image;

	image->manifest_digest = digest_format(&i->manifest_digest);
	image->config_digest = digest_format(&i->config_digest);
	image->named_digest = digest_format(
		i->named.algo == DIGEST_NONE ? &i->manifest_digest : &i->named);
	snprintf(image->platform, sizeof(image->platform), "%s",
		platform_format(&i->parsed.platform).s);
	image->layers = calloc(i->layer_count + 1, sizeof(*image->layers));
	image->streams = calloc(i->layer_count + 1, sizeof(*image->streams));
	if (!image->layers || !image->streams)
		return err_nomem(err);
	for (unsigned k = 0; k < i->layer_count; k++) {
		image->layers[k].digest = digest_format(&i->layers[k].digest);
		image->layers[k].diff_id = digest_format(&i->layers[k].diff_id);
	}
	return 0;
}

int o2r_image_open(const char *reference, const struct o2r_options *options,
	struct o2r_image **out, struct o2r_error *error)
{
	struct o2r_image *image = calloc(1, sizeof(*image));
	struct o2r_err err = {0};

	if (!image) {
		err_nomem(&err);
		return o2r_fail(error, &err);
	}
	pthread_mutex_init(&image->callback_lock, NULL);
	pthread_mutex_init(&image->load_lock, NULL);
	pthread_mutex_init(&image->read_lock, NULL);

	int r = take_options(image, options, &err);
	struct image_options io = o2r_open_options(image);

	if (r == 0 && image->options.cache_required)
		r = o2r_image_open_store(image, &err);
	if (r == 0)
		r = o2r_reopen(image, reference, &err);
	if (r == 0)
		r = image_open(reference, &io, &image->ctx, &image->image, &err);
	if (r >= 0)
		r = make_texts(image, &err);
	if (r == 0)
		r = o2r_find_tag(image, &err);
	if (r < 0) {
		o2r_image_close(image);
		return o2r_fail(error, &err);
	}
	*out = image;
	return 0;
}

void o2r_image_close(struct o2r_image *image)
{
	if (!image)
		return;
	o2r_read_close(image);
	o2r_index_end(image);
	tree_destroy(image->tree);
	for (unsigned i = 0; image->streams && i < image->image->layer_count; i++)
		stream_destroy(image->streams[i]);
	free(image->streams);
	free(image->expected);
	free(image->layers);
	free(image->tag);
	image_destroy(image->image);
	store_close(image->store);
	pthread_mutex_destroy(&image->callback_lock);
	pthread_mutex_destroy(&image->load_lock);
	pthread_mutex_destroy(&image->read_lock);
	options_finish(&image->options);
	free(image);
}

const char *o2r_image_manifest_digest(const struct o2r_image *image)
{
	return image->manifest_digest.s;
}

const char *o2r_image_named_digest(const struct o2r_image *image)
{
	return image->named_digest.s;
}

const char *o2r_image_reference(const struct o2r_image *image)
{
	return image->image->reference;
}

const char *o2r_image_media_type(const struct o2r_image *image)
{
	return image->image->manifest_type;
}

const char *o2r_image_created(const struct o2r_image *image)
{
	return image->image->parsed.created;
}

const char *o2r_image_config_digest(const struct o2r_image *image)
{
	return image->config_digest.s;
}

const char *o2r_image_manifest_json(const struct o2r_image *image, size_t *size)
{
	if (size)
		*size = image->image->manifest.len;
	return image->image->manifest.data;
}

const char *o2r_image_config_json(const struct o2r_image *image, size_t *size)
{
	if (size)
		*size = image->image->config.len;
	return image->image->config.data;
}

const char *o2r_image_platform(const struct o2r_image *image)
{
	return image->platform;
}

const char *const *o2r_image_entrypoint(const struct o2r_image *image)
{
	return (const char *const *)image->image->parsed.entrypoint;
}

const char *const *o2r_image_cmd(const struct o2r_image *image)
{
	return (const char *const *)image->image->parsed.cmd;
}

const char *const *o2r_image_env(const struct o2r_image *image)
{
	return (const char *const *)image->image->parsed.env;
}

const char *o2r_image_working_dir(const struct o2r_image *image)
{
	return image->image->parsed.working_dir;
}

const char *o2r_image_user(const struct o2r_image *image)
{
	return image->image->parsed.user;
}

unsigned o2r_image_layer_count(const struct o2r_image *image)
{
	return image->image->layer_count;
}

int o2r_image_layer(
	const struct o2r_image *image, unsigned index, struct o2r_layer_info *info)
{
	if (index >= image->image->layer_count)
		return -ERANGE;

	const struct image_layer *l = &image->image->layers[index];
	const struct stream *s = image->tree ? image->streams[index] : NULL;

	*info = (struct o2r_layer_info){
		.digest = image->layers[index].digest.s,
		.diff_id = image->layers[index].diff_id.s,
		.media_type = l->media_type,
		.size = l->size,
		.decoded_size = s ? stream_size(s) : 0,
		.entries = s ? image->layers[index].entries : 0,
		.data_bytes = s ? image->layers[index].data_bytes : 0,
		.live_bytes = s ? image->layers[index].live_bytes : 0,
	};
	return 0;
}
