#include "sources/registry/token_reply.h"

#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "sources/json.h"
#include "sources/registry/secret.h"
#include "sources/rfc3339.h"

bool token_is_fit(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return false;
	return true;
}

/* A text of the first of the names that there is; 0 when there is none. */
static int get_text(const struct json_ref *root, const char *const names[2],
	const char **out, struct o2r_err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < 2 && names[i]; i++) {
		r = json_get_string(root, names[i], out, err);
		/* empty is as good as absent: some send both, one of them so */
		if (r > 0 && !**out)
			r = 0;
	}
	return r;
}

/* Clocks differ: an age that cannot be is no age. */
static int64_t age_of(const struct json_ref *root, int64_t lifetime, int64_t now)
{
	const char *issued;
	int64_t at;
	uint32_t nsec;

	if (json_get_string(root, "issued_at", &issued, NULL) <= 0 ||
		!rfc3339_parse(issued, &at, &nsec) || at > now || now - at >= lifetime)
		return 0;
	return now - at;
}

static int64_t lifetime_of(const struct json_ref *root)
{
	uint64_t seconds;

	if (json_get_size(root, "expires_in", &seconds, NULL) <= 0 ||
		seconds < TOKEN_LIFETIME_MIN)
		return TOKEN_LIFETIME_MIN;
	return (int64_t)MIN(seconds, (uint64_t)INT64_MAX);
}

static int copy_text(const char *s, char **out, struct o2r_err *err)
{
	*out = strdup(s);
	return *out ? 0 : err_nomem(err);
}

static int read_reply(
	const struct json_ref *root, int64_t now, struct token *out, struct o2r_err *err)
{
	static const char *const names[2] = {"token", "access_token"};
	static const char *const refresh_name[2] = {"refresh_token"};
	CLEANUP(token_finish) struct token t = {0};
	const char *text, *refresh;
	int r = get_text(root, names, &text, err);

	if (r < 0)
		return r;
	if (r == 0)
		return err_corrupt(err, "there is no token in it");
	if (!token_is_fit(text))
		return err_corrupt(
			err, "the token has characters that no token may have");
	r = copy_text(text, &t.text, err);
	if (r == 0 && get_text(root, refresh_name, &refresh, NULL) > 0)
		r = copy_text(refresh, &t.refresh, err);
	if (r < 0)
		return r;
	t.lasts = lifetime_of(root);
	t.lasts -= age_of(root, t.lasts, now);
	/* of what is left: one for a week that is a day old is good for a day more */
	t.lasts = MIN(t.lasts, TOKEN_LIFETIME_MAX);
	*out = t;
	t = (struct token){0};
	return 0;
}

int token_reply_parse(const char *text, size_t n, uint64_t max_depth, int64_t now,
	struct token *out, struct o2r_err *err)
{
	CLEANUP(json_doc_wipe) struct json_doc *doc = NULL;
	struct json_ref root;
	int r = json_doc_parse(text, n, max_depth, &doc, err);

	if (r == 0)
		r = json_root(doc, &root, err);
	if (r == 0)
		r = read_reply(&root, now, out, err);
	return r;
}

void token_finish(struct token *t)
{
	secret_free(t->text);
	secret_free(t->refresh);
	*t = (struct token){0};
}
