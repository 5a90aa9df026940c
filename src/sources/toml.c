/* The tree of a TOML document. */
#include "sources/toml.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sources/toml_impl.h"

void toml_doc_destroy(struct toml_doc *doc)
{
	if (!doc)
		return;
	arena_finish(&doc->arena);
	free(doc);
}

const struct toml *toml_root(const struct toml_doc *doc)
{
	return &doc->root;
}

enum toml_kind toml_kind(const struct toml *value)
{
	return value->kind;
}

unsigned toml_line(const struct toml *value)
{
	return value->line;
}

const char *toml_key(const struct toml *value)
{
	return value->key;
}

int64_t toml_integer(const struct toml *value)
{
	return value->integer;
}

bool toml_next(const struct toml *container, const struct toml **item)
{
	const struct toml *next = *item ? (*item)->next : container->first;

	if (!next)
		return false;
	*item = next;
	return true;
}

const struct toml *toml_find(const struct toml *table, const char *key)
{
	for (const struct toml *m = table->first; m; m = m->next)
		if (strcmp(m->key, key) == 0)
			return m;
	return NULL;
}

static const char *kind_name(enum toml_kind kind)
{
	static const char *const names[] = {
		[TOML_TABLE] = "a table",
		[TOML_ARRAY] = "an array",
		[TOML_STRING] = "a string",
		[TOML_BOOL] = "a truth value",
		[TOML_INTEGER] = "an integer",
		[TOML_FLOAT] = "a float",
		[TOML_DATE] = "a date or time",
	};

	return names[kind];
}

static int need_kind(const struct toml *value, enum toml_kind want, struct o2r_err *err)
{
	const char *key = value->key ? value->key : "an element";

	if (value->kind == want)
		return 0;
	return err_corrupt(err, "line %u: %s is %s, not %s", value->line,
		text_quote(key, strlen(key)).s, kind_name(value->kind), kind_name(want));
}

static int get(const struct toml *table, const char *key, enum toml_kind want,
	const struct toml **out, struct o2r_err *err)
{
	const struct toml *m = toml_find(table, key);
	int r = m ? need_kind(m, want, err) : 0;

	if (!m || r < 0)
		return r;
	*out = m;
	return 1;
}

int toml_get_table(const struct toml *table, const char *key, const struct toml **out,
	struct o2r_err *err)
{
	return get(table, key, TOML_TABLE, out, err);
}

int toml_get_array(const struct toml *table, const char *key, const struct toml **out,
	struct o2r_err *err)
{
	return get(table, key, TOML_ARRAY, out, err);
}

int toml_get_string(
	const struct toml *table, const char *key, const char **out, struct o2r_err *err)
{
	const struct toml *m;
	int r = get(table, key, TOML_STRING, &m, err);

	if (r > 0)
		*out = m->string;
	return r;
}

int toml_get_bool(
	const struct toml *table, const char *key, bool *out, struct o2r_err *err)
{
	const struct toml *m;
	int r = get(table, key, TOML_BOOL, &m, err);

	if (r > 0)
		*out = m->truth;
	return r;
}

int toml_item_table(const struct toml *item, struct o2r_err *err)
{
	return need_kind(item, TOML_TABLE, err);
}

int toml_item_string(const struct toml *item, const char **out, struct o2r_err *err)
{
	int r = need_kind(item, TOML_STRING, err);

	if (r == 0)
		*out = item->string;
	return r;
}
