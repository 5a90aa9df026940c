#include "sources/registry/auth_entry.h"

#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "sources/registry/secret.h"

/* The user name that stands for a secret that is an identity token. */
static const char token_user[] = "<token>";

static int bad_auth(const struct json_ref *entry, struct o2r_err *err)
{
	return err_corrupt(
		err, "%s is not the base64 of USER:PASSWORD", json_path(entry, "auth").s);
}

static int copy(const char *s, char **out, struct o2r_err *err)
{
	secret_free(*out);
	*out = strdup(s);
	return *out ? 0 : err_nomem(err);
}

/* Lines may be broken; *len bytes of base64 go to `out`, which has room for all of s. */
static void join_lines(const char *s, char *out, size_t *len)
{
	*len = 0;
	for (; *s; s++)
		if (*s != '\r' && *s != '\n')
			out[(*len)++] = *s;
}

static int split_pair(const struct json_ref *entry, const char *pair, size_t n,
	struct credential *out, struct o2r_err *err)
{
	const char *colon = memchr(pair, ':', n);

	/* some writers put NULs at the end */
	while (n && !pair[n - 1])
		n--;
	if (!colon || memchr(pair, '\0', n))
		return bad_auth(entry, err);
	secret_free(out->username);
	secret_free(out->password);
	out->username = strndup(pair, (size_t)(colon - pair));
	out->password = strndup(colon + 1, n - (size_t)(colon + 1 - pair));
	return out->username && out->password ? 0 : err_nomem(err);
}

static int decode_pair(const struct json_ref *entry, const char *auth,
	struct credential *out, struct o2r_err *err)
{
	AUTO_SECRET_BUF struct buf text = {0}, pair = {0};
	size_t len, room = strlen(auth) + 1;

	if (buf_reserve(&text, room) < 0 || buf_reserve(&pair, room) < 0)
		return err_nomem(err);
	join_lines(auth, text.data, &len);
	if (!base64_decode(text.data, len, (unsigned char *)pair.data, &pair.len))
		return bad_auth(entry, err);
	pair.data[pair.len] = '\0';
	return split_pair(entry, pair.data, pair.len, out, err);
}

static void drop(char **s)
{
	secret_free(*s);
	*s = NULL;
}

static bool is_empty(const char *s)
{
	return !s || !*s;
}

/* "<token>" for a user name: the password is an identity token. A name alone is nothing
 * to show, but the name of who has the identity token beside it. */
static int sort_out(struct credential *c, struct o2r_err *err)
{
	if (c->username && c->password && strcmp(c->username, token_user) == 0) {
		if (!c->identity_token && *c->password)
			c->identity_token = STEAL(c->password);
		drop(&c->username);
		drop(&c->password);
	}
	if ((!c->password && !c->identity_token) ||
		(is_empty(c->username) && is_empty(c->password))) {
		drop(&c->username);
		drop(&c->password);
		return 0;
	}
	if (!c->password)
		return copy("", &c->password, err);
	return c->username ? 0 : copy("", &c->username, err);
}

/* An empty text is as good as none. */
static int get_text(
	const struct json_ref *entry, const char *key, char **out, struct o2r_err *err)
{
	const char *s;
	int r = json_get_string(entry, key, &s, err);

	return r > 0 && *s ? copy(s, out, err) : r < 0 ? r : 0;
}

int auth_entry_read(
	const struct json_ref *entry, struct credential *out, struct o2r_err *err)
{
	CLEANUP(credential_finish) struct credential c = {0};
	const char *auth;
	int r = json_item_object(entry, err);

	if (r == 0)
		r = get_text(entry, "username", &c.username, err);
	if (r == 0)
		r = get_text(entry, "password", &c.password, err);
	if (r == 0)
		r = get_text(entry, "identitytoken", &c.identity_token, err);
	if (r == 0)
		r = get_text(entry, "registrytoken", &c.registry_token, err);
	if (r == 0)
		r = json_get_string(entry, "auth", &auth, err);
	if (r > 0)
		r = *auth ? decode_pair(entry, auth, &c, err) : 0;
	if (r == 0)
		r = sort_out(&c, err);
	if (r < 0)
		return r;
	*out = c;
	c = (struct credential){0};
	return 0;
}

int auth_answer_read(const char *text, size_t n, uint64_t json_depth,
	struct credential *out, struct o2r_err *err)
{
	CLEANUP(credential_finish) struct credential c = {0};
	AUTO_SECRET_JSON struct json_doc *doc = NULL;
	struct json_ref root;
	int r = json_doc_parse(text, n, json_depth, &doc, err);

	if (r == 0)
		r = json_root(doc, &root, err);
	if (r == 0)
		r = get_text(&root, "Username", &c.username, err);
	if (r == 0)
		r = get_text(&root, "Secret", &c.password, err);
	if (r < 0)
		return r;
	if (!c.password)
		return 0;
	r = sort_out(&c, err);
	if (r < 0)
		return r;
	*out = c;
	c = (struct credential){0};
	return 1;
}
