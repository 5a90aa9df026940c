#include "sources/registry/url.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

#include "base/checked.h"

enum {
	PORT_MAX = 65535,
	HOST_NAME_MAX_BYTES = 253, /* RFC 1035, 2.3.4, without the last dot */
};

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

/* Digits up to n characters; nothing is the scheme's port. */
static bool parse_port(const char *s, size_t n, unsigned *port)
{
	unsigned v = 0;

	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s[i] - '0');
		if (v > PORT_MAX)
			return false;
	}
	*port = v;
	return v > 0;
}

/* Only what a name or an IPv4 address consists of: a byte that another reader of the same
 * text could take for the end of the host, or for a user name, has no place here. */
static bool is_name(const char *s, size_t n)
{
	if (n == 0 || n > HOST_NAME_MAX_BYTES + 1 || s[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '_')
			return false;
		if (s[i] == '.' && i + 1 < n && s[i + 1] == '.')
			return false;
	}
	return true;
}

static bool parse_ipv6(const char *s, size_t n, struct in6_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, out) == 1;
}

/* host[:port] of n characters. */
static bool parse_authority(const char *s, size_t n, struct url *u)
{
	const char *host = s, *rest;
	size_t len;

	if (n && s[0] == '[') {
		const char *close = memchr(s, ']', n);
		struct in6_addr ignored;

		if (!close)
			return false;
		host = s + 1;
		len = (size_t)(close - host);
		rest = close + 1;
		if (!parse_ipv6(host, len, &ignored))
			return false;
	} else {
		const char *colon = memchr(s, ':', n);

		rest = colon ? colon : s + n;
		len = (size_t)(rest - s);
		if (!is_name(host, len))
			return false;
	}

	size_t left = n - (size_t)(rest - s);

	if (left && (*rest != ':' || !parse_port(rest + 1, left - 1, &u->port)))
		return false;
	memcpy(u->host, host, len);
	u->host[len] = '\0';
	lower(u->host);
	return true;
}

int url_parse(const char *text, struct url *out)
{
	struct url u = {0};
	const char *s;

	if (strncasecmp(text, "https://", strlen("https://")) == 0) {
		u.https = true;
		u.port = 443;
		s = text + strlen("https://");
	} else if (strncasecmp(text, "http://", strlen("http://")) == 0) {
		u.port = 80;
		s = text + strlen("http://");
	} else {
		return -EINVAL;
	}
	/* no byte that ends a line, or a request line */
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return -EINVAL;
	if (!parse_authority(s, strcspn(s, "/?#"), &u))
		return -EINVAL;
	*out = u;
	return 0;
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port &&
	       strcmp(a->host, b->host) == 0;
}

/* An address, IPv4 as 4 bytes and IPv6 as 16. */
struct address {
	size_t n; /* 0: a name */
	unsigned char b[16];
};

/* A literal in any form that the resolver takes for an address without asking anybody:
 * "127.1", "0x7f000001", "017700000001", with a dot at its end. */
static struct address literal(const char *host)
{
	struct address a = {0};
	struct in6_addr v6;
	struct in_addr v4;
	char text[INET6_ADDRSTRLEN + 64];
	size_t n = strlen(host);

	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	} else if (n && host[n - 1] == '.') {
		n--;
	}
	if (n == 0 || n >= sizeof(text))
		return a;
	memcpy(text, host, n);
	text[n] = '\0';

	/* the zone of an address is no part of it */
	if (strchr(text, ':'))
		text[strcspn(text, "%")] = '\0';
	if (inet_pton(AF_INET6, text, &v6) == 1) {
		a.n = 16;
		memcpy(a.b, &v6, 16);
	} else if (inet_aton(text, &v4)) {
		a.n = 4;
		memcpy(a.b, &v4, 4);
	}
	return a;
}

struct network {
	unsigned char b[16];
	unsigned bits;
};

static bool is_in(const unsigned char *a, const struct network *net)
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	return memcmp(a, net->b, whole) == 0 &&
	       (!rest || !((a[whole] ^ net->b[whole]) >> (8 - rest)));
}

/* IANA's registries of special-purpose addresses: what is not globally reachable. */
static const struct network private4[] = {
	{{0}, 8},
	{{10}, 8},
	{{100, 64}, 10},
	{{127}, 8},
	{{169, 254}, 16},
	{{172, 16}, 12},
	{{192, 0, 0}, 24},
	{{192, 168}, 16},
	{{198, 18}, 15},
	{{224}, 4},
	{{240}, 4},
};

static const struct network private6[] = {
	{{0}, 127},                           /* ::, ::1 */
	{{0x00, 0x64, 0xff, 0x9b, 0, 1}, 48}, /* NAT64 of a site */
	{{0x01}, 64},                         /* discard */
	{{0xfc}, 7},                          /* unique local */
	{{0xfe, 0x80}, 9},                    /* link-local, site-local */
	{{0xff}, 8},                          /* multicast */
};

/* IPv4 addresses in IPv6: where they stand. */
static const struct {
	struct network net;
	unsigned at;
	unsigned char mask; /* Teredo's are inverted */
} inside6[] = {
	{{{0}, 96}, 12, 0},                                        /* compatible */
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12, 0}, /* mapped */
	{{{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12, 0},       /* translated */
	{{{0x00, 0x64, 0xff, 0x9b}, 96}, 12, 0},                   /* NAT64 */
	{{{0x20, 0x02}, 16}, 2, 0},                                /* 6to4 */
	{{{0x20, 0x01}, 32}, 12, 0xff},                            /* Teredo */
};

static bool is_private4(const unsigned char *a)
{
	for (size_t i = 0; i < ARRAY_LEN(private4); i++)
		if (is_in(a, &private4[i]))
			return true;
	return false;
}

static bool is_private6(const unsigned char *a)
{
	for (size_t i = 0; i < ARRAY_LEN(private6); i++)
		if (is_in(a, &private6[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(inside6); i++) {
		unsigned char v4[4];

		if (!is_in(a, &inside6[i].net))
			continue;
		for (unsigned k = 0; k < 4; k++)
			v4[k] = a[inside6[i].at + k] ^ inside6[i].mask;
		if (is_private4(v4))
			return true;
	}
	return false;
}

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n > t && strcasecmp(s + n - t, tail) == 0;
}

bool host_is_loopback(const char *host)
{
	static const struct network mapped = {
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}, 104};
	static const struct network one = {{[15] = 1}, 128};
	struct address a = literal(host);

	switch (a.n) {
	case 4:
		return a.b[0] == 127;
	case 16:
		return is_in(a.b, &one) || is_in(a.b, &mapped);
	default:
		return strcasecmp(host, "localhost") == 0 || ends_in(host, ".localhost");
	}
}

bool host_is_private(const char *host)
{
	struct address a = literal(host);

	switch (a.n) {
	case 4:
		return is_private4(a.b);
	case 16:
		return is_private6(a.b);
	default:
		/* not literal, but nobody's else either */
		return host_is_loopback(host) || strcasecmp(host, "localhost.") == 0 ||
		       ends_in(host, ".localhost.");
	}
}

int url_encode(struct buf *out, const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	int r = 0;

	for (; r == 0 && *s; s++) {
		unsigned char c = (unsigned char)*s;
		char esc[] = {'%', digits[c >> 4], digits[c & 15]};

		if (is_alnum(*s) || strchr("-._~", *s))
			r = buf_append(out, s, 1);
		else
			r = buf_append(out, esc, sizeof(esc));
	}
	return r;
}
