/*
 * The TOML reader, and registries.conf by it: any document, every value looked at as
 * every kind, and names led through the entries that came of it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/registries_conf.h"
#include "sources/toml.h"

static const struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What fails says so, in one line, and only input is to blame. */
static void check_err(int r, const struct o2r_err *err)
{
	must(r < 0 && err->code == r && err->text[0]);
	must(!strchr(err->text, '\n'));
	must(err->cls == ERR_CORRUPT);
}

static void look_as_every_kind(const struct toml *table, const char *key)
{
	const struct toml *v;
	struct o2r_err err = {0};
	const char *s = NULL;
	bool b;
	int kinds = 0;

	kinds += toml_get_table(table, key, &v, &err) == 1;
	kinds += toml_get_array(table, key, &v, &err) == 1;
	kinds += toml_get_string(table, key, &s, &err) == 1;
	kinds += toml_get_bool(table, key, &b, &err) == 1;
	must(kinds <= 1 && (kinds == 1 || err.text[0]));
}

static size_t walk(const struct toml *container, unsigned depth)
{
	size_t values = 1;

	must(depth < 2 * (TOML_DEPTH_MAX + 1) * TOML_KEY_PARTS_MAX);
	for (const struct toml *v = NULL; toml_next(container, &v);) {
		struct o2r_err err = {0};
		const char *s = NULL;

		must(toml_line(v) >= 1);
		if (toml_kind(container) == TOML_TABLE) {
			must(toml_find(container, toml_key(v)) == v);
			look_as_every_kind(container, toml_key(v));
		} else {
			must(!toml_key(v));
			must(toml_item_table(v, &err) == 0 || err.text[0]);
			must((toml_item_string(v, &s, &err) == 0) == (s != NULL));
		}
		if (toml_kind(v) == TOML_TABLE || toml_kind(v) == TOML_ARRAY)
			values += walk(v, depth + 1);
		else
			values++;
	}
	return values;
}

static bool try_toml(const char *text, size_t size)
{
	AUTO_TOML struct toml_doc *doc = NULL;
	struct o2r_err err = {0};
	int r = toml_parse(text, size, &doc, &err);

	if (r < 0) {
		check_err(r, &err);
		return false;
	}
	must(walk(toml_root(doc), 0) <= TOML_VALUES_MAX + 1);
	return true;
}

static void try_place(
	const struct registries_entry *e, const char *location, const struct name *name)
{
	CLEANUP(name_finish) struct name at = {0};
	struct o2r_err err = {0};
	int r = registries_conf_rewrite(e, location, e->line, name, &at, &err);

	if (r < 0) {
		check_err(r, &err);
		return;
	}
	must(at.domain && at.path && at.domain[0] && at.path[0]);
}

static void try_name(const struct registries_conf *conf, const char *text)
{
	CLEANUP(name_finish) struct name name = {0};
	const struct registries_entry *e;

	must(name_parse(text, &name, NULL) == 0);
	e = registries_conf_match(conf, &name);
	if (!e)
		return;
	must(e->prefix[0] && (e->location || e->prefix[0] == '*'));
	if (e->location)
		try_place(e, e->location, &name);
	for (size_t i = 0; i < e->mirror_count; i++) {
		must(e->mirrors[i].tags || e->mirrors[i].digests);
		try_place(e, e->mirrors[i].location, &name);
	}
}

static void try_conf(const char *text, size_t size)
{
	static const char digested[] =
		"a.com/b@sha256:"
		"0123456789012345678901234567890123456789012345678901234567890123";
	static const char *const names[] = {
		"nginx",
		"a.com/b/c:tag",
		"x.y.a.com:5000/b",
		"[::1]:5000/b",
		digested,
	};
	CLEANUP(registries_conf_finish) struct registries_conf conf = {0};
	struct o2r_err err = {0};
	int r = registries_conf_add(&conf, "FILE", text, size, false, &ctx, &err);

	if (r < 0)
		check_err(r, &err);
	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		try_name(&conf, names[i]);
	/* once more, as a file that replaces all of it */
	err = (struct o2r_err){0};
	r = registries_conf_add(&conf, "FILE2", text, size, true, &ctx, &err);
	if (r < 0)
		check_err(r, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly that size, so that a read behind it is seen */
	AUTO_FREE char *text = malloc(size ? size : 1);

	must(text);
	if (size)
		memcpy(text, data, size);
	if (try_toml(text, size))
		try_conf(text, size);
	return 0;
}
