#include "sources/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/json_check.h"

struct json_doc {
	cJSON *root;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int refuse_duplicates(const cJSON *object, struct o2r_err *err)
{
	size_t n = (size_t)cJSON_GetArraySize(object), i = 0;

	if (n < 2)
		return 0;

	AUTO_FREE const char **names = malloc(n * sizeof(*names));

	if (!names)
		return err_nomem(err);
	for (const cJSON *member = object->child; member; member = member->next)
		names[i++] = member->string;
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 1; i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			return err_corrupt(err,
				"the JSON has the name \"%s\" twice in one object",
				text_quote(names[i], strlen(names[i])).s);
	return 0;
}

/* Depth first is the order of the text: numbers meet their exact values. */
static int finish_value(cJSON *value, const struct json_numbers *numbers, size_t *next,
	struct o2r_err *err)
{
	int r = 0;

	if (cJSON_IsNumber(value)) {
		if (*next >= numbers->count)
			return err_corrupt(
				err, "the JSON has numbers in unexpected places");
		value->valuedouble = numbers->values[(*next)++];
	}
	if (cJSON_IsObject(value))
		r = refuse_duplicates(value, err);
	for (cJSON *child = value->child; r == 0 && child; child = child->next)
		r = finish_value(child, numbers, next, err);
	return r;
}

int json_doc_parse(const char *text, size_t n, uint64_t max_depth, struct json_doc **out,
	struct o2r_err *err)
{
	CLEANUP(json_numbers_finish) struct json_numbers numbers = {0};
	AUTO_JSON struct json_doc *doc = NULL;
	size_t next = 0;
	int r = json_check(text, n, max_depth, &numbers, err);

	if (r < 0)
		return r;
	doc = calloc(1, sizeof(*doc));
	if (!doc)
		return err_nomem(err);
	doc->root = cJSON_ParseWithLength(text, n);
	/* the text has been checked: nothing but memory is left to fail */
	if (!doc->root)
		return err_nomem(err);
	r = finish_value(doc->root, &numbers, &next, err);
	if (r < 0)
		return r;
	*out = STEAL(doc);
	return 0;
}

void json_doc_destroy(struct json_doc *doc)
{
	if (!doc)
		return;
	cJSON_Delete(doc->root);
	free(doc);
}

static void wipe_strings(cJSON *value)
{
	for (; value; value = value->next) {
		if (value->valuestring)
			explicit_bzero(value->valuestring, strlen(value->valuestring));
		wipe_strings(value->child);
	}
}

void json_doc_wipe(struct json_doc **doc)
{
	if (*doc)
		wipe_strings((*doc)->root);
	json_doc_destroy(*doc);
}

/* Written from the root down; what does not fit is cut. */
static size_t path_append(char *s, size_t cap, size_t at, const struct json_ref *parent,
	const char *key, size_t index)
{
	int n;

	if (parent && parent->parent)
		at = path_append(s, cap, at, parent->parent, parent->key, parent->index);
	if (at >= cap)
		return at;
	n = key ? snprintf(s + at, cap - at, "%s%s", at ? "." : "",
			  text_quote(key, strlen(key)).s)
		: snprintf(s + at, cap - at, "[%zu]", index);
	return at + (n > 0 ? (size_t)n : 0);
}

struct json_path json_path(const struct json_ref *at, const char *key)
{
	struct json_path path = {.s = "the document"};

	if (key)
		path_append(path.s, sizeof(path.s), 0, at, key, 0);
	else if (at->parent)
		path_append(path.s, sizeof(path.s), 0, at->parent, at->key, at->index);
	return path;
}

static const char *type_name(const cJSON *node)
{
	if (cJSON_IsObject(node))
		return "an object";
	if (cJSON_IsArray(node))
		return "a list";
	if (cJSON_IsString(node))
		return "a string";
	if (cJSON_IsNumber(node))
		return "a number";
	return cJSON_IsNull(node) ? "null" : "a truth value";
}

static int wrong_type(
	const struct json_ref *at, const char *key, const char *want, struct o2r_err *err)
{
	const cJSON *node = at->node;

	if (key)
		node = cJSON_GetObjectItemCaseSensitive(node, key);
	return err_corrupt(
		err, "%s is %s, not %s", json_path(at, key).s, type_name(node), want);
}

int json_root(const struct json_doc *doc, struct json_ref *out, struct o2r_err *err)
{
	*out = (struct json_ref){.node = doc->root};
	return json_item_object(out, err);
}

int json_root_array(const struct json_doc *doc, struct json_ref *out, struct o2r_err *err)
{
	*out = (struct json_ref){.node = doc->root};
	return cJSON_IsArray(doc->root) ? 0 : wrong_type(out, NULL, "a list", err);
}

static const cJSON *member(const struct json_ref *object, const char *key)
{
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(object->node, key);

	return node && !cJSON_IsNull(node) ? node : NULL;
}

bool json_has(const struct json_ref *object, const char *key)
{
	return member(object, key) != NULL;
}

int json_get_object(const struct json_ref *object, const char *key, struct json_ref *out,
	struct o2r_err *err)
{
	const cJSON *node = member(object, key);

	if (!node)
		return 0;
	if (!cJSON_IsObject(node))
		return wrong_type(object, key, "an object", err);
	*out = (struct json_ref){.node = node, .parent = object, .key = key};
	return 1;
}

int json_get_array(const struct json_ref *object, const char *key, struct json_ref *out,
	struct o2r_err *err)
{
	const cJSON *node = member(object, key);

	if (!node)
		return 0;
	if (!cJSON_IsArray(node))
		return wrong_type(object, key, "a list", err);
	*out = (struct json_ref){.node = node, .parent = object, .key = key};
	return 1;
}

int json_get_string(const struct json_ref *object, const char *key, const char **out,
	struct o2r_err *err)
{
	const cJSON *node = member(object, key);

	if (!node)
		return 0;
	if (!cJSON_IsString(node))
		return wrong_type(object, key, "a string", err);
	*out = node->valuestring;
	return 1;
}

int json_get_size(const struct json_ref *object, const char *key, uint64_t *out,
	struct o2r_err *err)
{
	const cJSON *node = member(object, key);

	if (!node)
		return 0;
	if (!cJSON_IsNumber(node))
		return wrong_type(object, key, "a number", err);
	if (node->valuedouble < 0)
		return err_corrupt(err, "%s is not an integer from 0 to 2^53 - 1",
			json_path(object, key).s);
	*out = (uint64_t)node->valuedouble;
	return 1;
}

int json_need(
	int got, const struct json_ref *object, const char *key, struct o2r_err *err)
{
	if (got == 0)
		return err_corrupt(err, "%s is missing", json_path(object, key).s);
	return got < 0 ? got : 0;
}

size_t json_count(const struct json_ref *array)
{
	return (size_t)cJSON_GetArraySize(array->node);
}

bool json_next(const struct json_ref *array, struct json_ref *item)
{
	const cJSON *list = array->node, *last = item->node;
	const cJSON *node = last ? last->next : list->child;

	if (!node)
		return false;
	*item = (struct json_ref){
		.node = node,
		.parent = array,
		.index = last ? item->index + 1 : 0,
	};
	return true;
}

bool json_next_member(const struct json_ref *object, struct json_ref *item)
{
	const cJSON *parent = object->node, *last = item->node;
	const cJSON *node = last ? last->next : parent->child;

	while (node && cJSON_IsNull(node))
		node = node->next;
	if (!node)
		return false;
	*item = (struct json_ref){
		.node = node,
		.parent = object,
		.key = node->string,
	};
	return true;
}

int json_item_object(const struct json_ref *item, struct o2r_err *err)
{
	return cJSON_IsObject((const cJSON *)item->node)
		       ? 0
		       : wrong_type(item, NULL, "an object", err);
}

int json_item_string(const struct json_ref *item, const char **out, struct o2r_err *err)
{
	const cJSON *node = item->node;

	if (!cJSON_IsString(node))
		return wrong_type(item, NULL, "a string", err);
	*out = node->valuestring;
	return 0;
}
