/* The cache folder behind o2r.h: what is kept, and removing it. */
#include <errno.h>

#include "base/cleanup.h"
#include "handle.h"
#include "sources/store.h"

struct hearing {
	o2r_cache_fn fn;
	void *arg;
};

static const char *kind_name(enum store_kind kind)
{
	static const char *const names[] = {
		[STORE_INDEX] = "index",
		[STORE_DECODED] = "decoded",
		[STORE_BLOB] = "blob",
		[STORE_NAME] = "name",
		[STORE_PARTIAL] = "partial",
		[STORE_ARCHIVE] = "archive",
		[STORE_UNFINISHED] = "unfinished",
	};

	return names[kind];
}

static int pass_item(void *arg, const struct store_item *item)
{
	const struct hearing *h = arg;
	struct digest_text digest = digest_format(&item->digest);
	const struct o2r_cache_item out = {
		.kind = kind_name(item->kind),
		.digest = item->kind == STORE_UNFINISHED ? NULL : digest.s,
		.bytes = item->bytes,
		.used = item->used,
		.in_use = item->in_use,
	};

	return h->fn ? h->fn(h->arg, &out) : 0;
}

static void close_store(struct store **s)
{
	store_close(*s);
}

/* keep: what is to remain, in bytes; NULL: all of it, it is only looked at. */
static int each_item(const char *dir, const uint64_t *keep, o2r_cache_fn fn, void *arg,
	struct o2r_error *error)
{
	CLEANUP(close_store) struct store *s = NULL;
	struct hearing h = {fn, arg};
	struct o2r_err err = {0};
	int r = store_open(dir, false, &s, &err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = keep ? store_prune(s, *keep, pass_item, &h, &err)
			 : store_list(s, pass_item, &h, &err);
	/* what the caller's function returned comes without an error */
	return err.code ? o2r_fail(error, &err) : r;
}

int o2r_cache_list(const char *dir, o2r_cache_fn fn, void *arg, struct o2r_error *error)
{
	return each_item(dir, NULL, fn, arg, error);
}

int o2r_cache_prune(const char *dir, uint64_t max_bytes, o2r_cache_fn fn, void *arg,
	struct o2r_error *error)
{
	return each_item(dir, &max_bytes, fn, arg, error);
}
