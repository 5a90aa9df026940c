/* Options of images: set by the caller, copied by o2r_image_open. */
#include "o2r_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

struct o2r_options *o2r_options_create(void)
{
	struct o2r_options *o = calloc(1, sizeof(*o));

	if (o) {
		o->limits = (struct limits)LIMITS_DEFAULT;
		o->level = O2R_LOG_WARN;
	}
	return o;
}

/* Secrets do not stay behind in freed memory. */
static void free_secret(const char *s)
{
	if (s)
		explicit_bzero((char *)s, strlen(s));
	free((char *)s);
}

void options_finish(struct o2r_options *o)
{
	struct registry_settings *r = &o->registry;

	free(o->platform);
	free(o->cache_dir);
	free((char *)r->authfile);
	free((char *)r->cert_dir);
	free_secret(r->username);
	free_secret(r->password);
	*r = (struct registry_settings){0};
	options_finish_extras(o);
	o->platform = o->cache_dir = NULL;
}

static bool copy_failed(const char *from, const char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to;
}

int options_copy(
	const struct o2r_options *from, struct o2r_options *to, struct o2r_err *err)
{
	struct o2r_options copy = *from;
	const char *platform, *cache_dir;
	bool failed = copy_failed(from->platform, &platform);

	failed |= copy_failed(from->cache_dir, &cache_dir);
	failed |= copy_failed(from->registry.authfile, &copy.registry.authfile);
	failed |= copy_failed(from->registry.cert_dir, &copy.registry.cert_dir);
	failed |= copy_failed(from->registry.username, &copy.registry.username);
	failed |= copy_failed(from->registry.password, &copy.registry.password);
	copy.platform = (char *)platform;
	copy.cache_dir = (char *)cache_dir;
	failed |= options_copy_extras(from, &copy) < 0;
	if (failed) {
		options_finish(&copy);
		return err_nomem(err);
	}
	*to = copy;
	return 0;
}

void o2r_options_destroy(struct o2r_options *o)
{
	if (!o)
		return;
	options_finish(o);
	free(o);
}

int o2r_options_set_platform(struct o2r_options *o, const char *platform)
{
	char *copy = platform ? strdup(platform) : NULL;

	if (platform && !copy)
		return -ENOMEM;
	free(o->platform);
	o->platform = copy;
	return 0;
}

int o2r_options_set_threads(struct o2r_options *o, unsigned threads)
{
	if (threads > OPTIONS_THREADS_MAX)
		return -EINVAL;
	o->threads = threads;
	return 0;
}

void o2r_options_set_log(struct o2r_options *o,
	void (*log)(void *arg, enum o2r_log_level level, const char *message),
	enum o2r_log_level level, void *arg)
{
	o->log = log;
	o->level = level;
	o->log_arg = arg;
}

void o2r_options_set_progress(struct o2r_options *o,
	void (*progress)(void *arg, const struct o2r_progress *p), void *arg)
{
	o->progress = progress;
	o->progress_arg = arg;
}

void o2r_options_set_cancel(struct o2r_options *o, const volatile int *cancel)
{
	o->cancel = cancel;
}

int o2r_options_set_limit(struct o2r_options *o, const char *name, uint64_t max)
{
	struct {
		const char *name;
		uint64_t *value;
	} const table[] = {
		{"entries", &o->limits.entries},
		{"path", &o->limits.path},
		{"pax-header", &o->limits.pax_header},
		{"xattr-value", &o->limits.xattr_value},
		{"manifest", &o->limits.manifest},
		{"config", &o->limits.config},
		{"json-depth", &o->limits.json_depth},
		{"layer-bytes", &o->limits.layer_bytes},
		{"zstd-window", &o->limits.zstd_window},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(name, table[i].name) == 0) {
			*table[i].value = max;
			return 0;
		}
	return -EINVAL;
}

int o2r_options_set_cache(struct o2r_options *o, const char *dir)
{
	char *copy = dir ? strdup(dir) : NULL;

	if (dir && !copy)
		return -ENOMEM;
	free(o->cache_dir);
	o->cache_dir = copy;
	return 0;
}

void o2r_options_set_no_cache(struct o2r_options *o, bool on)
{
	o->no_cache = on;
}

void o2r_options_set_cache_required(struct o2r_options *o, bool on)
{
	o->cache_required = on;
}

void o2r_options_set_read_memory(struct o2r_options *o, uint64_t bytes)
{
	o->read_memory = bytes;
}

void o2r_options_set_fetch_progress(struct o2r_options *o,
	void (*progress)(void *arg, const struct o2r_fetch_progress *p), void *arg)
{
	o->fetch_progress = progress;
	o->fetch_progress_arg = arg;
}

void o2r_options_set_tls(struct o2r_options *o, enum o2r_tls tls)
{
	o->registry.tls = (enum tls_choice)tls;
}

static int replace(const char **at, const char *value)
{
	const char *copy;

	if (copy_failed(value, &copy))
		return -ENOMEM;
	free_secret(*at);
	*at = copy;
	return 0;
}

int o2r_options_set_credentials(
	struct o2r_options *o, const char *username, const char *password)
{
	if (!username != !password)
		return -EINVAL;

	int r = replace(&o->registry.username, username);

	return r < 0 ? r : replace(&o->registry.password, password);
}

int o2r_options_set_authfile(struct o2r_options *o, const char *path)
{
	return replace(&o->registry.authfile, path);
}

int o2r_options_set_cert_dir(struct o2r_options *o, const char *dir)
{
	return replace(&o->registry.cert_dir, dir);
}

int o2r_options_set_parallel(struct o2r_options *o, unsigned transfers)
{
	if (transfers > REGISTRY_PARALLEL_MAX)
		return -EINVAL;
	o->registry.parallel = transfers;
	return 0;
}

void o2r_options_set_offline(struct o2r_options *o, bool on)
{
	o->registry.offline = on;
}
