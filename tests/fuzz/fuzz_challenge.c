/*
 * What registries and their token servers say: the input as lines of WWW-Authenticate
 * (and what is asked for by them), and as the answer of a token server.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/challenge.h"
#include "sources/registry/realm.h"
#include "sources/registry/scopes.h"
#include "sources/registry/token_reply.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_err(int r, const struct o2r_err *err)
{
	must(r < 0 && err->code == r && err->text[0]);
	must(!strpbrk(err->text, "\n\r\033"));
	must(err->cls == ERR_CORRUPT || err->cls == ERR_ACCESS);
}

/* In order, each once, and the list that they came from is covered. */
static void check_scopes(const char *list)
{
	CLEANUP(strings_finish) struct strings set = {0};
	struct o2r_err err = {0};
	int r = scopes_add(&set, list, &err);

	must(set.count <= SCOPES_MAX);
	for (size_t i = 0; i < set.count; i++) {
		must(set.s[i][0] && !strpbrk(set.s[i], " \t"));
		must(i == 0 || strcmp(set.s[i - 1], set.s[i]) < 0);
		must(scopes_cover(&set, set.s[i]));
	}
	if (r < 0)
		check_err(r, &err);
	else
		must(scopes_cover(&set, list));
}

static void check_realm(const char *realm)
{
	static const char *const registries[] = {
		"https://r.example/", "http://localhost:5000/", "https://10.0.0.1/"};

	for (size_t i = 0; i < 3; i++) {
		struct o2r_err err = {0};
		struct url registry, out;
		int r;

		must(url_parse(registries[i], &registry) == 0);
		r = realm_check(realm, &registry, &out, &err);
		if (r < 0)
			check_err(r, &err);
		else
			must(out.https || !registry.https);
	}
}

static void try_lines(char *text)
{
	CLEANUP(challenge_finish) struct challenge c = {0};
	struct o2r_err err = {0};
	char *lines[16], *rest = text;
	size_t n = 0;
	int r;

	while (n < 16 && rest)
		lines[n++] = strsep(&rest, "\n");
	r = challenge_choose(lines, n, &c, &err);
	if (r < 0) {
		check_err(r, &err);
		must(c.kind == CHALLENGE_NONE && !c.realm);
		return;
	}
	must(c.kind != CHALLENGE_BEARER || (c.realm && c.realm[0]));
	must(c.kind != CHALLENGE_NONE || (!c.realm && !c.scope));
	if (c.scope)
		check_scopes(c.scope);
	if (c.realm)
		check_realm(c.realm);
}

static void try_reply(const char *text, size_t size)
{
	CLEANUP(token_finish) struct token t = {0};
	struct o2r_err err = {0};
	int r = token_reply_parse(text, size, 64, 1700000000, &t, &err);

	if (r < 0) {
		check_err(r, &err);
		must(!t.text && !t.refresh);
		return;
	}
	must(token_is_fit(t.text) && !strpbrk(t.text, " \r\n"));
	must(t.lasts > 0 && t.lasts <= TOKEN_LIFETIME_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = malloc(size + 1);

	must(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	try_reply(text, size);
	try_lines(text);
	return 0;
}
