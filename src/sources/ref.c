#include "sources/ref.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"

enum {
	INDEX_DIGITS_MAX = 6, /* of "@N" */
};

static const char DOCKER[] = "docker://";

static bool starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* N of "@N" for n characters that are all digits, else -1. */
static long parse_index(const char *s, size_t n)
{
	long v = 0;

	if (n == 0 || n > INDEX_DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

/* A path that ends in "@N" may be meant as path and entry. */
static int note_short_path(struct ref *ref, struct o2r_err *err)
{
	const char *at = strrchr(ref->path, '@');

	if (!at || at == ref->path)
		return 0;
	ref->short_index = parse_index(at + 1, strlen(at + 1));
	if (ref->short_index < 0)
		return 0;
	ref->short_path = strndup(ref->path, (size_t)(at - ref->path));
	return ref->short_path ? 0 : err_nomem(err);
}

/* Forms with a path and a tag behind it. */
static const struct form {
	const char *prefix;
	enum ref_kind kind;
	const char *what, *usage, *index;
} forms[] = {
	{"oci:", REF_LAYOUT, "directory", "oci:DIR[:TAG|:@N]", "index.json"},
	{"oci-archive:", REF_OCI_ARCHIVE, "file", "oci-archive:FILE[:TAG|:@N]",
		"index.json"},
	{"docker-archive:", REF_DOCKER_ARCHIVE, "file",
		"docker-archive:FILE[:NAME[:TAG]|:@N]", "manifest.json"},
};

static const struct form *form_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (starts(text, forms[i].prefix))
			return &forms[i];
	return NULL;
}

static int parse_form(
	const char *text, const struct form *form, struct ref *ref, struct o2r_err *err)
{
	const char *rest = text + strlen(form->prefix), *colon = strchr(rest, ':');
	size_t n = colon ? (size_t)(colon - rest) : strlen(rest);

	ref->kind = form->kind;
	if (n == 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"the reference \"%s\" has no %s: write %s",
			text_quote(text, strlen(text)).s, form->what, form->usage);
	ref->path = strndup(rest, n);
	if (!ref->path)
		return err_nomem(err);
	if (!colon)
		return note_short_path(ref, err);
	if (!colon[1])
		return err_set(err, ERR_USAGE, EINVAL,
			"the reference \"%s\" ends in a colon: write the tag behind it, "
			"or "
			"leave it out",
			text_quote(text, strlen(text)).s);
	if (colon[1] != '@') {
		ref->tag = strdup(colon + 1);
		return ref->tag ? 0 : err_nomem(err);
	}
	ref->index = parse_index(colon + 2, strlen(colon + 2));
	if (ref->index < 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"\"%s\" is not an entry of %s: write @N, counted from 0",
			text_quote(colon + 1, strlen(colon + 1)).s, form->index);
	return 0;
}

static bool is_path(const char *s)
{
	return strcmp(s, "-") == 0 || s[0] == '/' || starts(s, "./") ||
	       starts(s, "../") || strcmp(s, ".") == 0 || strcmp(s, "..") == 0;
}

/* "[ROOT]NAME" behind a prefix, ROOT and its brackets may be missing. */
static int parse_store(
	const char *text, const char *rest, struct ref *ref, struct o2r_err *err)
{
	const char *close = *rest == '[' ? strchr(rest, ']') : NULL;

	if (*rest == '[' && (!close || close == rest + 1))
		return err_set(err, ERR_USAGE, EINVAL,
			"the reference \"%s\" has no folder in its brackets: write "
			"[ROOT]NAME",
			text_quote(text, strlen(text)).s);
	if (close) {
		ref->path = strndup(rest + 1, (size_t)(close - rest - 1));
		if (!ref->path)
			return err_nomem(err);
		rest = close + 1;
	}
	if (!*rest)
		return err_set(err, ERR_USAGE, EINVAL,
			"the reference \"%s\" has no name of an image",
			text_quote(text, strlen(text)).s);
	ref->tag = strdup(rest);
	return ref->tag ? 0 : err_nomem(err);
}

/* Forms that name something on this machine, each by its prefix. */
static const struct local_form {
	const char *prefix;
	enum ref_kind kind;
} local_forms[] = {
	{"overlay:", REF_OVERLAY},
	{"docker-store:", REF_DOCKER_STORE},
	{"containers-storage:", REF_CONTAINERS},
	{"docker-daemon:", REF_DOCKER_DAEMON},
};

static const struct local_form *local_form_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(local_forms); i++)
		if (starts(text, local_forms[i].prefix))
			return &local_forms[i];
	return NULL;
}

static int parse_local(const char *text, const struct local_form *form, struct ref *ref,
	struct o2r_err *err)
{
	const char *rest = text + strlen(form->prefix);

	ref->kind = form->kind;
	if (form->kind == REF_DOCKER_STORE || form->kind == REF_CONTAINERS)
		return parse_store(text, rest, ref, err);
	if (!*rest)
		return err_set(err, ERR_USAGE, EINVAL, "the reference \"%s\" has no %s",
			text_quote(text, strlen(text)).s,
			form->kind == REF_OVERLAY ? "directory" : "name of an image");
	*(form->kind == REF_OVERLAY ? &ref->path : &ref->tag) = strdup(rest);
	return ref->path || ref->tag ? 0 : err_nomem(err);
}

/* What other tools read. By the grammar of names "dir:x" is one, but nobody means that.
 */
static int refuse_others(const char *text, struct o2r_err *err)
{
	struct quoted q = text_quote(text, strlen(text));

	if (starts(text, "dir:"))
		return err_set(err, ERR_USAGE, EOPNOTSUPP,
			"the \"dir:\" form is not read: make a layout by `skopeo copy %s "
			"oci:DIR:TAG`, then give oci:DIR:TAG",
			q.s);
	return 0;
}

static int parse_name(const char *text, struct ref *ref, struct o2r_err *err)
{
	const char *name = starts(text, DOCKER) ? text + strlen(DOCKER) : text;

	ref->kind = REF_REGISTRY;
	if (!*name && *text)
		return err_set(err, ERR_USAGE, EINVAL,
			"the reference \"%s\" has no name: write "
			"docker://[REGISTRY/]NAME[:TAG]",
			DOCKER);
	if (!*name)
		return err_set(err, ERR_USAGE, EINVAL,
			"the reference is empty: write [REGISTRY/]NAME[:TAG], "
			"oci:DIR[:TAG|:@N] or the path of an OCI layout");
	return name_parse(name, &ref->name, err);
}

int ref_parse(const char *text, struct ref *out, struct o2r_err *err)
{
	CLEANUP(ref_finish) struct ref ref = {.index = -1, .short_index = -1};
	int r;

	if (form_of(text)) {
		r = parse_form(text, form_of(text), &ref, err);
	} else if (local_form_of(text)) {
		r = parse_local(text, local_form_of(text), &ref, err);
	} else if (strcmp(text, "scratch") == 0) {
		ref.kind = REF_SCRATCH;
		r = 0;
	} else if (is_path(text)) {
		ref.kind = REF_PATH;
		ref.path = strdup(text);
		r = ref.path ? 0 : err_nomem(err);
	} else {
		r = refuse_others(text, err);
		if (r == 0)
			r = parse_name(text, &ref, err);
	}
	if (r < 0)
		return r;
	*out = ref;
	ref = (struct ref){0};
	return 0;
}

void ref_finish(struct ref *ref)
{
	free(ref->path);
	free(ref->tag);
	free(ref->short_path);
	name_finish(&ref->name);
	*ref = (struct ref){.index = -1, .short_index = -1};
}

static bool same_name(const struct name *a, const struct name *b)
{
	if (strcmp(a->domain, b->domain) != 0 || strcmp(a->path, b->path) != 0)
		return false;
	if (a->digest.algo == DIGEST_NONE && b->digest.algo == DIGEST_NONE)
		return strcmp(a->tag, b->tag) == 0;
	return digest_equal(&a->digest, &b->digest);
}

bool ref_same_image(const char *a, const char *b)
{
	CLEANUP(name_finish) struct name na = {0};
	CLEANUP(name_finish) struct name nb = {0};

	if (name_parse(a, &na, NULL) < 0 || name_parse(b, &nb, NULL) < 0)
		return strcmp(a, b) == 0;
	return same_name(&na, &nb);
}

bool ref_same_local(const char *wanted, const char *has)
{
	AUTO_FREE char *local = NULL;

	if (!starts(has, "localhost/"))
		return false;
	if (asprintf(&local, "localhost/%s", wanted) < 0) {
		local = NULL;
		return false;
	}
	return ref_same_image(local, has);
}
