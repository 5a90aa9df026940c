/*
 * Which proxy, by the rules of Go's net/http (ProxyFromEnvironment), which those who set
 * up machines for containers have in mind. libcurl's own reading of the environment
 * differs: no upper-case HTTP_PROXY, loopback through proxies, port 1080.
 */
#include "sources/registry/http_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/number.h"

static const char *either(const char *upper, const char *lower)
{
	const char *s = getenv(upper);

	return s && *s ? s : getenv(lower);
}

struct http_proxy_env http_proxy_env(void)
{
	const char *cgi = getenv("REQUEST_METHOD");

	return (struct http_proxy_env){
		.http = either("HTTP_PROXY", "http_proxy"),
		.https = either("HTTPS_PROXY", "https_proxy"),
		.no = either("NO_PROXY", "no_proxy"),
		.cgi = cgi && *cgi,
	};
}

void http_proxy_finish(struct http_proxy *p)
{
	free(p->username);
	if (p->password)
		explicit_bzero(p->password, strlen(p->password));
	free(p->password);
	p->username = p->password = NULL;
}

/* --- NO_PROXY --- */

/* An address as 16 bytes, IPv4 mapped into IPv6. */
static bool parse_ip(const char *s, unsigned char out[16])
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (inet_pton(AF_INET6, s, out) == 1)
		return true;
	memcpy(out, mapped, sizeof(mapped));
	return inet_pton(AF_INET, s, out + sizeof(mapped)) == 1;
}

/* "10.0.0.0/8". 1: ip is in it, 0: it is not, -1: not a network. */
static int match_network(char *entry, const unsigned char *ip)
{
	char *slash = strchr(entry, '/');
	unsigned char net[16];
	uint64_t bits;

	if (!slash || !number_parse(slash + 1, &bits))
		return -1;
	*slash = '\0';

	bool known = parse_ip(entry, net), v4 = known && !strchr(entry, ':');

	*slash = '/';
	if (!known || bits > (v4 ? 32 : 128))
		return -1;
	if (!ip)
		return 0;
	if (v4)
		bits += 96;
	for (unsigned i = 0; i < bits; i++)
		if ((net[i / 8] ^ ip[i / 8]) >> (7 - i % 8) & 1)
			return 0;
	return 1;
}

/* Cut ":port" off, and the brackets of "[address]:port"; NULL: none. */
static const char *cut_port(char **entry)
{
	char *s = *entry, *colon = strrchr(s, ':');

	if (*s == '[') {
		char *close = strchr(s, ']');

		if (!close || (close[1] && close[1] != ':'))
			return NULL;
		*close = '\0';
		*entry = s + 1;
		return close[1] ? close + 2 : NULL;
	}
	/* an address without brackets has several */
	if (!colon || strchr(s, ':') != colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && strcmp(s + n - t, tail) == 0;
}

/* "example.com" is that and what is below it, ".example.com" only what is below it. */
static bool match_name(const char *entry, const char *host)
{
	const char *at = host + strlen(host) - MIN(strlen(host), strlen(entry));

	if (*entry == '*' && entry[1] == '.')
		return ends_in(host, entry + 1);
	if (*entry == '.')
		return ends_in(host, entry);
	return strcmp(host, entry) == 0 ||
	       (ends_in(host, entry) && at > host && at[-1] == '.');
}

static bool match_entry(char *entry, const struct url *to, const unsigned char *ip)
{
	unsigned char other[16];
	int network = match_network(entry, ip);

	if (network >= 0)
		return network > 0;

	const char *port = cut_port(&entry);
	uint64_t n;

	if (!*entry || (port && *port && (!number_parse(port, &n) || n != to->port)))
		return false;
	if (parse_ip(entry, other))
		return ip && memcmp(ip, other, sizeof(other)) == 0;
	return match_name(entry, to->host);
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

/* 1: to be reached without a proxy. */
static int is_exempt(const char *no, const struct url *to, struct o2r_err *err)
{
	AUTO_FREE char *list = strdup(no ? no : "");
	unsigned char address[16];
	const unsigned char *ip = parse_ip(to->host, address) ? address : NULL;
	char *rest = list;
	bool exempt = false;

	if (!list)
		return err_nomem(err);
	lower(list);
	for (char *entry; (entry = strsep(&rest, ","));) {
		entry += strspn(entry, " \t\r\n");

		size_t n = strlen(entry);

		while (n && strchr(" \t\r\n", entry[n - 1]))
			entry[--n] = '\0';
		/* anywhere in the list */
		if (strcmp(entry, "*") == 0)
			return 1;
		if (*entry && !exempt)
			exempt = match_entry(entry, to, ip);
	}
	return exempt;
}

/* --- the proxy's URL --- */

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c && at ? (int)(at - digits) : -1;
}

/* A copy of n characters without percent-encoding; NULL when out of memory. */
static char *decode(const char *s, size_t n)
{
	char *out = malloc(n + 1), *o = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		int v = -1;

		if (s[i] == '%' && i + 2 < n && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0)
			v = hex(s[i + 1]) << 4 | hex(s[i + 2]);
		*o++ = v > 0 ? (char)v : s[i];
		i += v > 0 ? 2 : 0;
	}
	*o = '\0';
	return out;
}

static const struct scheme {
	const char *name, *curl;
	unsigned port;
	bool tls;
} schemes[] = {
	{"http", "http", 80, false},
	{"https", "https", 443, true},
	/* names are the proxy's to resolve, as in Go */
	{"socks5", "socks5h", 1080, false},
	{"socks5h", "socks5h", 1080, false},
};

static const struct scheme *scheme_of(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (strlen(schemes[i].name) == n &&
			strncasecmp(schemes[i].name, s, n) == 0)
			return &schemes[i];
	return NULL;
}

/* [user[:password]@] of n characters. */
static int parse_user(const char *s, size_t n, struct http_proxy *p)
{
	const char *colon = memchr(s, ':', n);
	size_t user = colon ? (size_t)(colon - s) : n;

	p->username = decode(s, user);
	p->password = decode(colon ? colon + 1 : "", colon ? n - user - 1 : 0);
	return p->username && p->password ? 0 : -ENOMEM;
}

/* -EINVAL: not a proxy. */
static int parse_proxy(const char *text, struct http_proxy *p)
{
	const char *sep = strstr(text, "://"), *s = sep ? sep + 3 : text;
	const struct scheme *scheme =
		sep ? scheme_of(text, (size_t)(sep - text)) : &schemes[0];
	size_t n = strcspn(s, "/?#");
	const char *at = memrchr(s, '@', n);
	const char *host = at ? at + 1 : s;
	AUTO_FREE char *url = NULL;
	struct url u;

	if (!scheme)
		return -EINVAL;
	n -= (size_t)(host - s);
	if (asprintf(&url, "http://%.*s", (int)n, host) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	if (url_parse(url, &u) < 0)
		return -EINVAL;

	/* what has no port gets the scheme's */
	const char *colon = memrchr(host, ':', n);
	bool written = colon && !memchr(colon, ']', n - (size_t)(colon - host)) &&
		       colon + 1 < host + n;

	if (!written)
		u.port = scheme->port;
	p->tls = scheme->tls;
	p->place = http_place(&u);
	snprintf(p->url, sizeof(p->url), "%s://%s", scheme->curl, p->place.s);
	return at ? parse_user(s, (size_t)(at - s), p) : 0;
}

int http_proxy_choose(const struct http_proxy_env *env, const struct url *to,
	struct http_proxy *out, struct o2r_err *err)
{
	CLEANUP(http_proxy_finish) struct http_proxy p = {.tls = false};
	const char *value = to->https ? env->https : env->cgi ? NULL : env->http;
	int r;

	if (!value || !*value || host_is_loopback(to->host))
		return 0;
	r = is_exempt(env->no, to, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = strlen(value) > HTTP_PROXY_VAR_MAX ? -EINVAL : parse_proxy(value, &p);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return err_set(err, ERR_USAGE, EINVAL,
			"%s names no proxy that can be used: write "
			"http://HOST:PORT (or https, socks5)",
			to->https ? "HTTPS_PROXY" : "HTTP_PROXY");
	*out = p;
	p.username = p.password = NULL;
	return 1;
}
