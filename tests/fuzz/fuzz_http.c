/*
 * What HTTP says in text. The first byte of the input chooses: URLs and hosts, judged by
 * libcurl's own reading of them; redirects; proxies; header lines of a reply.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>

#include "base/cleanup.h"
#include "sources/registry/http_impl.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Part of a URL as libcurl reads it, malloc'd by it. */
static char *part_of(const char *text, CURLUPart part)
{
	CURLU *u = curl_url();
	char *s = NULL;

	must(u && curl_url_set(u, CURLUPART_URL, text, 0) == CURLUE_OK);
	must(curl_url_get(u, part, &s, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) ==
		CURLUE_OK);
	curl_url_cleanup(u);
	return s;
}

static bool same_host(const char *ours, const char *theirs)
{
	AUTO_FREE char *bare = strdup(theirs + (theirs[0] == '['));
	struct in6_addr a6, b6;
	struct in_addr a, b;

	must(bare);
	bare[strcspn(bare, "]")] = '\0';
	if (strcasecmp(ours, bare) == 0)
		return true;
	/* libcurl writes addresses anew */
	if (inet_pton(AF_INET6, ours, &a6) == 1 && inet_pton(AF_INET6, bare, &b6) == 1)
		return memcmp(&a6, &b6, sizeof(a6)) == 0;
	return inet_aton(ours, &a) && inet_aton(bare, &b) && a.s_addr == b.s_addr;
}

/* Rules are about the host that libcurl then goes to. */
static void try_url(const char *text)
{
	struct url u = {0}, again = {0};
	char written[400];

	if (url_parse(text, &u) < 0)
		return;
	must(u.host[0] && u.port > 0 && u.port <= 65535);
	for (const char *c = u.host; *c; c++)
		must(*c > ' ' && *c < 0x7f && !strchr("/?#@\\", *c));
	snprintf(written, sizeof(written), "%s://%s/", u.https ? "https" : "http",
		http_place(&u).s);
	must(url_parse(written, &again) == 0 && url_same_origin(&u, &again));
	must(!host_is_loopback(u.host) || host_is_private(u.host));

	char *host = part_of(text, CURLUPART_HOST), *port = part_of(text, CURLUPART_PORT);
	char *scheme = part_of(text, CURLUPART_SCHEME);

	must(same_host(u.host, host));
	must(host_is_private(u.host) == host_is_private(host));
	must(host_is_loopback(u.host) == host_is_loopback(host));
	must(strtoul(port, NULL, 10) == u.port);
	must(strcasecmp(scheme, u.https ? "https" : "http") == 0);
	curl_free(host);
	curl_free(port);
	curl_free(scheme);
}

static void try_hosts(const char *text)
{
	AUTO_BUF struct buf b = {0};
	int n = 0;

	must(!host_is_loopback(text) || host_is_private(text));
	must(url_encode(&b, text) == 0);
	/* what was encoded is that text, and nothing else */
	for (const char *c = b.data; c && *c; c++) {
		must(*c > ' ' && *c < 0x7f && !strchr("&=+/?#:@", *c));
		n += *c == '%' ? -1 : 1;
	}
	must(n <= (int)strlen(text));
}

static void try_redirect(char *text)
{
	char *from = strsep(&text, "\n"), *next = NULL;
	struct url at = {0}, to = {0}, again = {0};
	struct o2r_err err = {0};

	if (!text || url_parse(from, &at) < 0)
		return;
	if (http_redirect(from, text, &next, &to, &err) < 0) {
		must(err.code == -EPERM && !next && !strchr(err.text, '\n'));
		return;
	}
	must(url_parse(next, &again) == 0 && url_same_origin(&to, &again));
	must(!at.https || to.https);
	must(!strchr(next, '#') && !strpbrk(next, " \r\n"));
	try_url(next);
	free(next);
}

/* HTTP_PROXY, NO_PROXY and the URL, a line each. */
static void try_proxy(char *text)
{
	struct http_proxy_env env = {
		.http = strsep(&text, "\n"), .no = strsep(&text, "\n")};
	struct http_proxy proxy = {.tls = false};
	struct url to = {0}, at = {0};
	struct o2r_err err = {0};
	char *host;
	int r;

	env.https = env.http;
	if (!text || url_parse(text, &to) < 0)
		return;
	r = http_proxy_choose(&env, &to, &proxy, &err);
	if (r == 1) {
		must(!host_is_loopback(to.host));
		must(!proxy.username == !proxy.password);
		/* libcurl goes to the same place */
		must(strstr(proxy.url, "://"));
		snprintf(err.text, sizeof(err.text), "http%s/", strstr(proxy.url, "://"));
		must(url_parse(err.text, &at) == 0);
		must(strcmp(http_place(&at).s, proxy.place.s) == 0);
		host = part_of(err.text, CURLUPART_HOST);
		must(same_host(at.host, host));
		curl_free(host);
	} else {
		must(!proxy.url[0] && !proxy.username && !proxy.password);
		must(r == 0 || err.cls == ERR_USAGE);
	}
	http_proxy_finish(&proxy);

	/* everything is exempt, nothing is */
	env.no = "*";
	must(http_proxy_choose(&env, &to, &proxy, &err) == 0);
}

static void try_range(const char *text)
{
	uint64_t first, last, total;

	if (http_content_range(text, &first, &last, &total))
		must(first <= last && last < total);
}

static void try_headers(const char *text, size_t n)
{
	struct http_reply reply = {0};
	struct http_headers h = {.reply = &reply};
	int r = 0;

	while (n && r >= 0) {
		const char *end = memchr(text, '\n', n);
		size_t line = end ? (size_t)(end - text) + 1 : n;
		bool done = h.done;

		r = http_headers_line(&h, text, line);
		must(r == 0 || r == -EFBIG || (r == 1 && !done && h.done));
		text += line;
		n -= line;
	}
	must(!reply.has_range || (reply.range_first <= reply.range_last &&
					 reply.range_last < reply.range_total));
	must(reply.status >= 0 && reply.status <= 999);
	must(!h.done || reply.status >= 200);
	must(!h.location || !strpbrk(h.location, "\r\n"));
	for (size_t i = 0; i < reply.challenges.count; i++)
		must(!strpbrk(reply.challenges.s[i], "\r\n"));
	http_headers_finish(&h);
	http_reply_finish(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = NULL;

	if (size == 0)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	must(text);
	switch (data[0] % 6) {
	case 0:
		try_url(text);
		break;
	case 1:
		try_hosts(text);
		break;
	case 2:
		try_redirect(text);
		break;
	case 3:
		try_proxy(text);
		break;
	case 4:
		try_range(text);
		break;
	default:
		try_headers((const char *)data + 1, size - 1);
	}
	return 0;
}
