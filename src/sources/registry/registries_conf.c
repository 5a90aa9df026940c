/* What a registries.conf says: its tables made into entries. */
#include "sources/registry/registries_conf.h"

#include <string.h>

#include "base/text.h"
#include "base/vec.h"
#include "sources/toml.h"

/* One file being read. */
struct reading {
	struct registries_conf *conf;
	const char *file; /* in the arena */
	const struct ctx *ctx;
	struct o2r_err *err;
};

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static struct quoted quote_place(const char *s)
{
	return text_quote_place(s, strlen(s));
}

/* ---- entries */

static struct registries_entry *find(struct registries_conf *conf, const char *prefix)
{
	for (size_t i = 0; i < conf->count; i++)
		if (strcmp(conf->entries[i].prefix, prefix) == 0)
			return &conf->entries[i];
	return NULL;
}

/* A later file's entry stands for an earlier one's. Within a file the first one counts,
 * as for the container tools; twice is hardly meant. */
static int put(struct reading *r, const struct registries_entry *entry)
{
	struct registries_conf *conf = r->conf;
	struct registries_entry *old = find(conf, entry->prefix);

	if (old && old->file == entry->file) {
		ctx_log(r->ctx, LOG_WARN,
			"%s: prefix \"%s\" is there twice: line %u counts, line %u does "
			"not",
			quote(r->file).s, quote_place(entry->prefix).s, old->line,
			entry->line);
		return 0;
	}
	if (!old) {
		if (conf->count == REGISTRIES_ENTRIES_MAX)
			return err_corrupt(r->err, "more than %d registries",
				REGISTRIES_ENTRIES_MAX);
		if (VEC_RESERVE(conf->entries, conf->count, conf->cap, 1,
			    REGISTRIES_ENTRIES_MAX) < 0)
			return err_nomem(r->err);
		old = &conf->entries[conf->count++];
	}
	*old = *entry;
	return 0;
}

/* A misspelt "blocked" blocks nothing, and nobody would know. */
static void warn_unknown(struct reading *r, const struct toml *table, const char *where,
	const char *const known[])
{
	for (const struct toml *m = NULL; toml_next(table, &m);) {
		const char *const *k = known;

		while (*k && strcmp(*k, toml_key(m)) != 0)
			k++;
		if (!*k)
			ctx_log(r->ctx, LOG_WARN,
				"%s: line %u: unknown key \"%s\"%s, not looked at",
				quote(r->file).s, toml_line(m), quote(toml_key(m)).s,
				where);
	}
}

/* ---- prefixes and locations */

/* "host[:port][/path][:tag|@digest]", without slashes at its end; whether it is a good
 * name shows when it is put in front of one. */
static int read_place(
	struct reading *r, const struct toml *table, const char *key, const char **out)
{
	const char *s;
	int got = toml_get_string(table, key, &s, r->err);
	size_t n = got > 0 ? strlen(s) : 0;

	if (got < 0)
		return got;
	while (n && s[n - 1] == '/')
		n--;
	*out = NULL;
	if (!n)
		return 0;
	if (strstr(s, "://"))
		return err_corrupt(r->err,
			"line %u: %s \"%s\" has a scheme: write host[:port][/path]",
			toml_line(toml_find(table, key)), key, quote_place(s).s);
	*out = arena_dup(&r->conf->arena, s, n);
	return *out ? 0 : err_nomem(r->err);
}

/* A "*." in front of a host, and of nothing but a host. */
static int check_wildcards(const struct registries_entry *e, struct o2r_err *err)
{
	const char *p = e->prefix;
	bool wild = strncmp(p, "*.", 2) == 0;

	if (strchr(wild ? p + 2 : p, '*') || (wild && (!p[2] || strpbrk(p, "/:@"))))
		return err_corrupt(err,
			"line %u: prefix \"%s\": a * may stand in front of a host only "
			"(*.example.com)",
			e->line, quote_place(p).s);
	return 0;
}

/* ---- [[registry.mirror]] */

static int read_use(const struct toml *table, bool by_digest, struct registries_mirror *m,
	struct o2r_err *err)
{
	const char *use = "";
	int r = toml_get_string(table, "pull-from-mirror", &use, err);

	if (r < 0)
		return r;
	if (*use && by_digest)
		return err_corrupt(err,
			"line %u: pull-from-mirror and mirror-by-digest-only of its "
			"registry exclude each other",
			toml_line(table));
	m->tags = !by_digest && strcmp(use, "digest-only") != 0;
	m->digests = strcmp(use, "tag-only") != 0;
	if (*use && m->tags && m->digests && strcmp(use, "all") != 0)
		return err_corrupt(err,
			"line %u: pull-from-mirror is \"%s\", not \"all\", "
			"\"digest-only\" or \"tag-only\"",
			toml_line(toml_find(table, "pull-from-mirror")), quote(use).s);
	return 0;
}

static int read_mirror(struct reading *r, const struct toml *table, bool by_digest,
	struct registries_mirror *m)
{
	static const char *const known[] = {
		"location", "insecure", "pull-from-mirror", NULL};
	int s = toml_item_table(table, r->err);

	if (s < 0)
		return s;
	m->line = toml_line(table);
	warn_unknown(r, table, " of a mirror", known);
	s = read_place(r, table, "location", &m->location);
	if (s < 0)
		return s;
	if (!m->location)
		return err_corrupt(
			r->err, "line %u: a mirror without a location", m->line);
	s = toml_get_bool(table, "insecure", &m->insecure, r->err);
	return s < 0 ? s : read_use(table, by_digest, m, r->err);
}

static int read_mirrors(
	struct reading *r, const struct toml *table, struct registries_entry *e)
{
	const struct toml *list, *item = NULL;
	bool by_digest = false;
	size_t n = 0;
	int s = toml_get_bool(table, "mirror-by-digest-only", &by_digest, r->err);

	if (s >= 0)
		s = toml_get_array(table, "mirror", &list, r->err);
	if (s <= 0)
		return s;
	while (toml_next(list, &item))
		n++;
	if (n > REGISTRIES_MIRRORS_MAX)
		return err_corrupt(r->err,
			"line %u: more than %d mirrors of one registry", e->line,
			REGISTRIES_MIRRORS_MAX);
	e->mirrors = arena_alloc(&r->conf->arena, n * sizeof(*e->mirrors),
		_Alignof(struct registries_mirror));
	if (!e->mirrors)
		return err_nomem(r->err);
	for (item = NULL; toml_next(list, &item);) {
		struct registries_mirror *m = &e->mirrors[e->mirror_count++];

		*m = (struct registries_mirror){0};
		s = read_mirror(r, item, by_digest, m);
		if (s < 0)
			return s;
	}
	return 0;
}

/* ---- [[registry]] */

static int read_places(
	struct reading *r, const struct toml *table, struct registries_entry *e)
{
	int s = read_place(r, table, "prefix", &e->prefix);

	if (s == 0)
		s = read_place(r, table, "location", &e->location);
	if (s < 0)
		return s;
	if (!e->prefix && !e->location)
		return err_corrupt(r->err,
			"line %u: a registry without prefix and location", e->line);
	if (!e->prefix)
		e->prefix = e->location;
	else if (!e->location && e->prefix[0] != '*')
		e->location = e->prefix;
	return check_wildcards(e, r->err);
}

static int read_registry(struct reading *r, const struct toml *table)
{
	static const char *const known[] = {"prefix", "location", "insecure", "blocked",
		"mirror", "mirror-by-digest-only", NULL};
	struct registries_entry e = {.file = r->file};
	int s = toml_item_table(table, r->err);

	if (s < 0)
		return s;
	e.line = toml_line(table);
	warn_unknown(r, table, " of a registry", known);
	s = read_places(r, table, &e);
	if (s >= 0)
		s = toml_get_bool(table, "insecure", &e.insecure, r->err);
	if (s >= 0)
		s = toml_get_bool(table, "blocked", &e.blocked, r->err);
	if (s >= 0)
		s = read_mirrors(r, table, &e);
	return s < 0 ? s : put(r, &e);
}

/* ---- version 1 */

static int put_old(struct reading *r, const struct toml *item, bool block)
{
	struct registries_entry e = {
		.file = r->file,
		.line = toml_line(item),
		.insecure = !block,
		.blocked = block,
	};
	struct registries_entry *old;
	const char *name;
	int s = toml_item_string(item, &name, r->err);

	if (s < 0)
		return s;
	old = find(r->conf, name);
	if (old) {
		old->insecure |= e.insecure;
		old->blocked |= e.blocked;
		return 0;
	}
	e.prefix = e.location = arena_dup(&r->conf->arena, name, strlen(name));
	return e.prefix ? put(r, &e) : err_nomem(r->err);
}

/* [registries.insecure] and [registries.block]: registries = [...]. */
static int read_old_list(struct reading *r, const struct toml *registries, bool block)
{
	const struct toml *table, *list, *item = NULL;
	int s = toml_get_table(registries, block ? "block" : "insecure", &table, r->err);

	if (s > 0)
		s = toml_get_array(table, "registries", &list, r->err);
	if (s <= 0)
		return s;
	s = 0;
	while (s == 0 && toml_next(list, &item))
		s = put_old(r, item, block);
	return s;
}

static int read_version1(struct reading *r, const struct toml *root, bool drop_in)
{
	const struct toml *registries;
	int s = toml_get_table(root, "registries", &registries, r->err);

	if (s <= 0)
		return s;
	if (drop_in || toml_find(root, "registry"))
		return err_corrupt(r->err,
			"line %u: [registries...] is version 1 of the format, which %s: "
			"write [[registry]]",
			toml_line(registries),
			drop_in ? "files of registries.conf.d must not have"
				: "cannot be mixed with version 2");
	s = read_old_list(r, registries, false);
	return s < 0 ? s : read_old_list(r, registries, true);
}

/* ---- the file */

static int read_root(struct reading *r, const struct toml *root, bool drop_in)
{
	/* those of them that are not read are for names without a registry, or for
	 * credentials */
	static const char *const known[] = {"registry", "registries",
		"unqualified-search-registries", "short-name-mode", "aliases",
		"credential-helpers", "additional-layer-store-auth-helper", NULL};
	const struct toml *list, *item = NULL;
	int s = read_version1(r, root, drop_in);

	if (s < 0)
		return s;
	warn_unknown(r, root, "", known);
	s = toml_get_array(root, "registry", &list, r->err);
	if (s <= 0)
		return s;
	s = 0;
	while (s == 0 && toml_next(list, &item))
		s = read_registry(r, item);
	return s;
}

int registries_conf_add(struct registries_conf *conf, const char *file, const char *text,
	size_t n, bool drop_in, const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_TOML struct toml_doc *doc = NULL;
	struct reading r = {
		.conf = conf,
		.file = arena_dup(&conf->arena, file, strlen(file)),
		.ctx = ctx,
		.err = err,
	};
	int s;

	if (!r.file)
		return err_nomem(err);
	s = toml_parse(text, n, &doc, err);
	if (s == 0)
		s = read_root(&r, toml_root(doc), drop_in);
	return s < 0 ? err_wrap(err, "%s", quote(file).s) : 0;
}

void registries_conf_finish(struct registries_conf *conf)
{
	arena_finish(&conf->arena);
	free(conf->entries);
	*conf = (struct registries_conf){0};
}
