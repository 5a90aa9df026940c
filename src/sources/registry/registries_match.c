/* Which entry of registries.conf a name has, and what it makes of the name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/registries_conf.h"

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

static struct quoted quote_place(const char *s)
{
	return text_quote_place(s, strlen(s));
}

/* "example.com/foo/bar" without its tag and digest; NULL when out of memory. */
static char *name_place(const struct name *n)
{
	char *place;

	return asprintf(&place, "%s/%s", n->domain, n->path) < 0 ? NULL : place;
}

/* "*.example.com": for any name below it, whatever the port. How much of place it stands
 * for; 0: none. */
static size_t match_wildcard(const char *suffix, const char *place)
{
	size_t host = strcspn(place, ":/"), n = strlen(suffix);

	return host > n && memcmp(place + host - n, suffix, n) == 0 ? host : 0;
}

/* Is text the name with this tag or digest behind it? */
static bool is_whole(const char *text, const char *place, char mark, const char *what)
{
	size_t n = strlen(place);

	return what && strncmp(text, place, n) == 0 && text[n] == mark &&
	       strcmp(text + n + 1, what) == 0;
}

/* How much of place the prefix stands for; 0: it is not for this name. */
static size_t match(const char *prefix, const struct name *name, const char *place)
{
	size_t n = strlen(prefix);
	struct digest_text digest = digest_format(&name->digest);
	bool has_digest = name->digest.algo != DIGEST_NONE;

	if (prefix[0] == '*')
		return match_wildcard(prefix + 1, place);
	if (is_whole(prefix, place, ':', name->tag) ||
		is_whole(prefix, place, '@', has_digest ? digest.s : NULL))
		return strlen(place);
	/* a host without port is one with any port too: not said in
	 * containers-registries.conf(5), and what the container tools do */
	if (strncmp(prefix, place, n) == 0 && (!place[n] || strchr("/:", place[n])))
		return n;
	return 0;
}

const struct registries_entry *registries_conf_match(
	const struct registries_conf *conf, const struct name *name)
{
	const struct registries_entry *best = NULL;
	AUTO_FREE char *place = name_place(name);
	size_t longest = 0;

	for (size_t i = 0; place && i < conf->count; i++) {
		const char *prefix = conf->entries[i].prefix;
		size_t n = strlen(prefix);

		/* where a wildcard is as long as a host, the host is meant */
		if (n + (prefix[0] != '*') > longest && match(prefix, name, place)) {
			best = &conf->entries[i];
			longest = n + (prefix[0] != '*');
		}
	}
	return best;
}

/* A tag or digest at the end of a location can only be the one that is asked for. */
static bool same_version(const struct name *name, const char *text, const struct name *at)
{
	const char *last = strrchr(text, '/');
	bool tagged = last[strcspn(last, ":@")] == ':';

	if (at->digest.algo != DIGEST_NONE && !digest_equal(&name->digest, &at->digest))
		return false;
	return !tagged || (name->tag && at->tag && strcmp(name->tag, at->tag) == 0);
}

/* Does the text begin with a registry, or was docker.io put in front of it? */
static bool has_registry(const char *text, const struct name *at)
{
	AUTO_FREE char *domain = strndup(text, strcspn(text, "/"));

	return domain && strchr(text, '/') &&
	       (strcmp(domain, at->domain) == 0 ||
		       strcmp(domain, "index.docker.io") == 0);
}

int registries_conf_rewrite(const struct registries_entry *entry, const char *location,
	unsigned line, const struct name *name, struct name *out, struct o2r_err *err)
{
	AUTO_FREE char *place = name_place(name), *text = NULL;
	CLEANUP(name_finish) struct name found = {0};
	struct o2r_err why = {0};
	size_t n = place ? match(entry->prefix, name, place) : 0;
	int r;

	if (!place || asprintf(&text, "%s%s", location, place + n) < 0) {
		text = NULL;
		return err_nomem(err);
	}
	r = name_parse(text, &found, &why);
	if (r < 0)
		return err_set(err, why.cls == ERR_USAGE ? ERR_CORRUPT : why.cls, -r,
			"%s: line %u: location \"%s\": %s", quote(entry->file).s, line,
			quote_place(location).s, why.text);
	if (!has_registry(text, &found))
		return err_corrupt(err,
			"%s: line %u: location \"%s\" does not begin with a registry and "
			"leave room for a repository: \"%s\" is not REGISTRY/REPOSITORY",
			quote(entry->file).s, line, quote_place(location).s,
			quote_place(text).s);
	if (!same_version(name, text, &found))
		return err_corrupt(err,
			"%s: line %u: location \"%s\" has another tag or digest than the "
			"name, which is not supported",
			quote(entry->file).s, line, quote_place(location).s);
	*out = found;
	found = (struct name){0};
	return 0;
}
