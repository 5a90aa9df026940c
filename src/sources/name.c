#include "sources/name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

enum {
	PORT_DIGITS = 5,
	PORT_MAX = 65535,
	IDENTIFIER_DIGITS = 64, /* the id of a local image, which no registry knows */
};

static const char HUB[] = "docker.io", OFFICIAL[] = "library/";

/* A part of the text. */
struct span {
	const char *s;
	size_t n;
};

static struct span whole(const char *s)
{
	return (struct span){s, strlen(s)};
}

static bool is(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.s, word, s.n) == 0;
}

/* The part before the first c, and in *rest what is behind it (rest->s NULL: no c). */
static struct span cut(struct span s, char c, struct span *rest)
{
	const char *at = s.n ? memchr(s.s, c, s.n) : NULL;
	size_t n = at ? (size_t)(at - s.s) : s.n;

	*rest = at ? (struct span){at + 1, s.n - n - 1} : (struct span){0};
	return (struct span){s.s, n};
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower(c) || is_upper(c);
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool any(struct span s, bool (*fits)(char c))
{
	for (size_t i = 0; i < s.n; i++)
		if (fits(s.s[i]))
			return true;
	return false;
}

static int wrong(struct o2r_err *err, const char *what, struct span s, const char *why)
{
	return err_set(err, ERR_USAGE, EINVAL, "the %s \"%s\" %s", what,
		text_quote(s.s, s.n).s, why);
}

/* ---- the registry */

static bool is_label(struct span s)
{
	if (s.n == 0 || s.s[0] == '-' || s.s[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.s[i]) && s.s[i] != '-')
			return false;
	return true;
}

static bool is_host(struct span host)
{
	while (host.s) {
		struct span rest, label = cut(host, '.', &rest);

		if (!is_label(label))
			return false;
		host = rest;
	}
	return true;
}

/* What stands between brackets. No zone, no dotted IPv4 part: the grammar has neither. */
static bool is_ipv6(struct span s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (s.n >= sizeof(text))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_hex(s.s[i]) && s.s[i] != ':')
			return false;
	memcpy(text, s.s, s.n);
	text[s.n] = 0;
	return inet_pton(AF_INET6, text, &address) == 1;
}

static int check_port(struct span port, struct o2r_err *err)
{
	unsigned value = 0;

	for (size_t i = 0; i < port.n && value <= PORT_MAX; i++) {
		if (!is_digit(port.s[i]))
			return wrong(err, "port", port, "is not a number");
		value = value * 10 + (unsigned)(port.s[i] - '0');
	}
	if (value == 0 || value > PORT_MAX || port.n > PORT_DIGITS)
		return wrong(err, "port", port, "is not from 1 to 65535");
	return 0;
}

static int check_domain(struct span domain, struct o2r_err *err)
{
	struct span host = domain, port = {0}, rest;

	if (domain.n && domain.s[0] == '[') {
		host = cut((struct span){domain.s + 1, domain.n - 1}, ']', &rest);
		if (!rest.s || !is_ipv6(host))
			return wrong(err, "registry", domain,
				"is not an IPv6 address in brackets");
		if (rest.n && rest.s[0] != ':')
			return wrong(err, "registry", domain,
				"has something else than a port behind its address");
		if (rest.n)
			port = (struct span){rest.s + 1, rest.n - 1};
	} else {
		host = cut(domain, ':', &port);
		if (!is_host(host))
			return wrong(err, "registry", domain,
				"is not a host name: letters, digits and dashes, with "
				"dots between them");
	}
	return port.s ? check_port(port, err) : 0;
}

/* Is the first part, before a slash, a registry? The others are paths on Docker Hub. */
static bool is_domain(struct span first)
{
	return is(first, "localhost") || memchr(first.s, '.', first.n) ||
	       memchr(first.s, ':', first.n) || any(first, is_upper);
}

/* ---- what it has there */

static size_t separator_len(struct span s)
{
	size_t n = 0;

	if (s.n && s.s[0] == '.')
		return 1;
	if (s.n && s.s[0] == '_')
		return s.n > 1 && s.s[1] == '_' ? 2 : 1;
	while (n < s.n && s.s[n] == '-')
		n++;
	return n;
}

static bool is_component(struct span s)
{
	size_t i = 0;

	for (;;) {
		size_t start = i;

		while (i < s.n && is_lower(s.s[i]))
			i++;
		if (i == start)
			return false;
		if (i == s.n)
			return true;

		size_t n = separator_len((struct span){s.s + i, s.n - i});

		if (n == 0)
			return false;
		i += n;
	}
}

static int check_path(struct span path, struct o2r_err *err)
{
	if (path.n == 0)
		return err_set(err, ERR_USAGE, EINVAL, "it has no name of a repository");
	if (any(path, is_upper))
		return wrong(err, "repository", path, "must be lower-case");
	for (struct span left = path, rest; left.s; left = rest) {
		struct span part = cut(left, '/', &rest);

		if (part.n == 0)
			return wrong(err, "repository", path, "has an empty part");
		if (!is_component(part))
			return wrong(err, "part", part,
				"is not made of a to z and 0 to 9, with \".\", \"_\", "
				"\"__\" or dashes between them");
	}
	return 0;
}

static int check_tag(struct span tag, struct o2r_err *err)
{
	if (tag.n == 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"a colon with no tag behind it: write one, or leave it out");
	if (tag.n > NAME_TAG_MAX)
		return wrong(err, "tag", tag, "is longer than 128 characters");
	for (size_t i = 0; i < tag.n; i++)
		if (!is_alnum(tag.s[i]) && tag.s[i] != '_' &&
			(i == 0 || (tag.s[i] != '.' && tag.s[i] != '-')))
			return wrong(err, "tag", tag,
				"is not made of letters, digits and \"_\", then \".\" "
				"and \"-\" too");
	return 0;
}

static int parse_digest(struct span s, struct digest *out, struct o2r_err *err)
{
	struct o2r_err why = {0};

	if (digest_parse(s.s, s.n, out, &why) < 0)
		return err_set(err, ERR_USAGE, EINVAL, "%s", why.text);
	return 0;
}

/* ---- the whole */

struct parts {
	struct span domain, path, tag, digest; /* tag.s, digest.s NULL: none */
	bool official;                         /* library/ belongs in front of the path */
};

static struct parts split(const char *text)
{
	struct span rest, path, first = cut(whole(text), '/', &rest);
	struct parts p = {.domain = whole(HUB)};

	if (!rest.s || !is_domain(first))
		rest = whole(text);
	else if (!is(first, "index.docker.io"))
		p.domain = first;
	path = cut(rest, '@', &p.digest);
	p.path = cut(path, ':', &p.tag);
	p.official = is(p.domain, HUB) && !memchr(rest.s, '/', rest.n);
	return p;
}

static int check(const char *text, const struct parts *p, struct o2r_err *err)
{
	size_t prefix = p->official ? strlen(OFFICIAL) : 0;
	const char *scheme = strstr(text, "://");
	bool id = strlen(text) == IDENTIFIER_DIGITS;
	size_t from;
	int r;

	if (scheme)
		return err_set(err, ERR_USAGE, EINVAL, "write it without \"%s\"",
			text_quote(text, (size_t)(scheme - text) + 3).s);
	if (text_user_part(text, strlen(text), &from))
		return err_set(err, ERR_USAGE, EINVAL,
			"user and password do not belong in front of it: give them with "
			"--creds or --authfile");
	for (size_t i = 0; id && text[i]; i++)
		id = is_hex(text[i]) && !is_upper(text[i]);
	if (id)
		return err_set(err, ERR_USAGE, EINVAL,
			"64 hexadecimal digits are the id of a local image: write "
			"NAME@sha256:DIGEST");
	r = check_domain(p->domain, err);
	if (r == 0)
		r = check_path(p->path, err);
	if (r == 0 && p->domain.n + 1 + prefix + p->path.n > NAME_MAX_BYTES)
		r = err_set(err, ERR_USAGE, EINVAL,
			"registry and repository have more than %d characters",
			NAME_MAX_BYTES);
	if (r == 0 && p->tag.s)
		r = check_tag(p->tag, err);
	return r;
}

static int fill(const struct parts *p, struct name *out, struct o2r_err *err)
{
	CLEANUP(name_finish) struct name n = {0};

	if (p->digest.s) {
		int r = parse_digest(p->digest, &n.digest, err);

		if (r < 0)
			return r;
	}
	n.domain = strndup(p->domain.s, p->domain.n);
	if (asprintf(&n.path, "%s%.*s", p->official ? OFFICIAL : "", (int)p->path.n,
		    p->path.s) < 0)
		n.path = NULL;
	if (p->tag.s)
		n.tag = strndup(p->tag.s, p->tag.n);
	else if (!p->digest.s)
		n.tag = strdup("latest");
	if (!n.domain || !n.path || (!n.tag && !p->digest.s) || (!n.tag && p->tag.s))
		return err_nomem(err);
	*out = n;
	n = (struct name){0};
	return 0;
}

int name_parse(const char *text, struct name *out, struct o2r_err *err)
{
	struct parts p;
	int r;

	if (!*text)
		return err_set(err, ERR_USAGE, EINVAL, "the name of the image is empty");
	p = split(text);
	r = check(text, &p, err);
	if (r == 0)
		r = fill(&p, out, err);
	if (r == 0 || r == -ENOMEM)
		return r;
	err_wrap(err, "\"%s\" is not the name of an image in a registry",
		text_quote_place(text, strlen(text)).s);
	return r;
}

void name_finish(struct name *n)
{
	free(n->domain);
	free(n->path);
	free(n->tag);
	*n = (struct name){0};
}

char *name_format(const struct name *n)
{
	bool digest = n->digest.algo != DIGEST_NONE;
	char *text = NULL;

	if (asprintf(&text, "%s/%s%s%s%s%s", n->domain, n->path, n->tag ? ":" : "",
		    n->tag ? n->tag : "", digest ? "@" : "",
		    digest ? digest_format(&n->digest).s : "") < 0)
		return NULL;
	return text;
}
