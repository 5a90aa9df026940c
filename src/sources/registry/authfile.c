#include "sources/registry/authfile.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/json.h"
#include "sources/registry/auth_entry.h"
#include "sources/registry/auth_key.h"
#include "sources/registry/refusal.h"

/* The entry of the map that is for most of the repository and has something in it. */
static int read_auths(const struct json_ref *auths, const struct authfile_question *q,
	struct authfile *out, struct o2r_err *err)
{
	struct json_ref entry = {0};
	long best = AUTH_KEY_REGISTRY;

	while (json_next_member(auths, &entry)) {
		long match =
			auth_key_match(entry.key, q->flat, q->registry, q->repository);
		struct credential *to =
			match > AUTH_KEY_REGISTRY ? &out->part : &out->whole;
		CLEANUP(credential_finish) struct credential c = {0};
		int r;

		if (match == AUTH_KEY_NO)
			continue;
		r = auth_entry_read(&entry, &c, err);
		if (r < 0)
			return r;
		/* {} says that a helper has it; of two for the same the first counts */
		if (credential_is_empty(&c) ||
			(match > AUTH_KEY_REGISTRY ? match <= best
						   : !credential_is_empty(to)))
			continue;
		if (match > best)
			best = match;
		credential_finish(to);
		*to = c;
		c = (struct credential){0};
	}
	return 0;
}

static bool is_helper_name(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(s);

	return n <= AUTHFILE_HELPER_MAX && strspn(s, allowed) == n;
}

/* "" is nobody: so Docker turns credsStore off for one registry. */
static int take_helper(const struct json_ref *at, const char *key, const char *name,
	struct authfile *out, struct o2r_err *err)
{
	if (!is_helper_name(name))
		return err_corrupt(err, "%s is no name of a credential helper",
			json_path(at, key).s);
	free(out->helper);
	out->helper = *name ? strdup(name) : NULL;
	return *name && !out->helper ? err_nomem(err) : 0;
}

static int read_helpers(const struct json_ref *root, const struct authfile_question *q,
	struct authfile *out, struct o2r_err *err)
{
	struct json_ref helpers, item = {0};
	const char *name;
	int r = json_get_object(root, "credHelpers", &helpers, err);

	while (r > 0 && json_next_member(&helpers, &item)) {
		/* as hosts: a helper knows nothing of repositories */
		if (auth_key_match(item.key, false, q->registry, "") != AUTH_KEY_REGISTRY)
			continue;
		r = json_item_string(&item, &name, err);
		if (r < 0)
			return r;
		out->helper_first = true;
		return take_helper(&item, NULL, name, out, err);
	}
	if (r < 0)
		return r;
	r = json_get_string(root, "credsStore", &name, err);
	return r > 0 ? take_helper(root, "credsStore", name, out, err) : r;
}

static bool is_blank(const char *text, size_t n)
{
	while (n && memchr(" \t\r\n", text[n - 1], 4))
		n--;
	return n == 0;
}

int authfile_parse(const char *text, size_t n, const struct authfile_question *q,
	struct authfile *out, struct o2r_err *err)
{
	CLEANUP(authfile_finish) struct authfile f = {0};
	AUTO_SECRET_JSON struct json_doc *doc = NULL;
	struct json_ref root, auths;
	int r;

	if (is_blank(text, n))
		return 0;
	r = json_doc_parse(text, n, q->json_depth, &doc, err);
	if (r == 0)
		r = json_root(doc, &root, err);
	if (r < 0)
		return r;
	if (q->flat) {
		r = read_auths(&root, q, &f, err);
	} else {
		r = json_get_object(&root, "auths", &auths, err);
		if (r > 0)
			r = read_auths(&auths, q, &f, err);
		if (r >= 0)
			r = read_helpers(&root, q, &f, err);
	}
	if (r < 0)
		return r;
	*out = f;
	f = (struct authfile){0};
	return 0;
}

void authfile_finish(struct authfile *f)
{
	free(f->helper);
	credential_finish(&f->part);
	credential_finish(&f->whole);
	*f = (struct authfile){0};
}
