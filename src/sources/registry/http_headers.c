#include "sources/registry/http_impl.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/number.h"

void http_reply_finish(struct http_reply *r)
{
	free(r->url);
	free(r->content_type);
	free(r->digest);
	free(r->retry_after);
	free(r->rate_limit);
	free(r->rate_remaining);
	strings_finish(&r->challenges);
	strings_finish(&r->warnings);
	*r = (struct http_reply){0};
}

void http_headers_finish(struct http_headers *h)
{
	free(h->location);
	h->location = NULL;
}

/* Digits at *s, which goes behind them. */
static bool take_number(const char **s, uint64_t *out)
{
	char text[24];
	size_t n = strspn(*s, "0123456789");

	if (n == 0 || n >= sizeof(text))
		return false;
	memcpy(text, *s, n);
	text[n] = '\0';
	*s += n;
	return number_parse(text, out);
}

static bool take(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

bool http_content_range(const char *s, uint64_t *first, uint64_t *last, uint64_t *total)
{
	static const char unit[] = "bytes";

	if (strncasecmp(s, unit, strlen(unit)) != 0)
		return false;
	s += strlen(unit);
	if (*s != ' ')
		return false;
	s += strspn(s, " ");
	if (!take_number(&s, first) || !take(&s, '-') || !take_number(&s, last) ||
		!take(&s, '/') || *last < *first)
		return false;
	if (strcmp(s, "*") == 0) {
		*total = UINT64_MAX;
		return true;
	}
	return take_number(&s, total) && !*s && *total > *last && *total < UINT64_MAX;
}

/* The first of several counts. */
static int keep_first(char **to, const char *value)
{
	if (*to || !*value)
		return 0;
	*to = strdup(value);
	return *to ? 0 : -ENOMEM;
}

static int on_content_type(struct http_headers *h, const char *value)
{
	AUTO_FREE char *type = strndup(value, strcspn(value, "; \t"));

	if (!type)
		return -ENOMEM;
	for (char *c = type; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return keep_first(&h->reply->content_type, type);
}

static int on_length(struct http_headers *h, const char *value)
{
	struct http_reply *r = h->reply;
	uint64_t length;

	if (!number_parse(value, &length) || (r->has_length && r->length != length))
		h->bad_length = true;
	r->has_length = !h->bad_length;
	r->length = r->has_length ? length : 0;
	return 0;
}

static int on_range(struct http_headers *h, const char *value)
{
	struct http_reply *r = h->reply;
	uint64_t first, last, total;

	if (!http_content_range(value, &first, &last, &total) ||
		(r->has_range && (r->range_first != first || r->range_last != last ||
					 r->range_total != total)))
		h->bad_range = true;
	r->has_range = !h->bad_range;
	if (r->has_range) {
		r->range_first = first;
		r->range_last = last;
		r->range_total = total;
	}
	return 0;
}

static int on_coding(struct http_headers *h, const char *value)
{
	if (strcasecmp(value, "identity") != 0)
		h->coded = true;
	return 0;
}

static int on_location(struct http_headers *h, const char *value)
{
	return keep_first(&h->location, value);
}

static int on_digest(struct http_headers *h, const char *value)
{
	return keep_first(&h->reply->digest, value);
}

static int on_retry_after(struct http_headers *h, const char *value)
{
	return keep_first(&h->reply->retry_after, value);
}

static int on_rate_limit(struct http_headers *h, const char *value)
{
	return keep_first(&h->reply->rate_limit, value);
}

static int on_rate_remaining(struct http_headers *h, const char *value)
{
	return keep_first(&h->reply->rate_remaining, value);
}

static int on_challenge(struct http_headers *h, const char *value)
{
	return strings_add(&h->reply->challenges, value, strlen(value));
}

static int on_warning(struct http_headers *h, const char *value)
{
	return strings_add(&h->reply->warnings, value, strlen(value));
}

static const struct {
	const char *name;
	int (*on)(struct http_headers *h, const char *value);
} fields[] = {
	{"content-length", on_length},
	{"content-range", on_range},
	{"content-type", on_content_type},
	{"docker-content-digest", on_digest},
	{"location", on_location},
	{"ratelimit-limit", on_rate_limit},
	{"ratelimit-remaining", on_rate_remaining},
	{"retry-after", on_retry_after},
	{"transfer-encoding", on_coding},
	{"warning", on_warning},
	{"www-authenticate", on_challenge},
};

static int field(struct http_headers *h, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon ? (size_t)(colon - line) : 0;

	if (!colon)
		return 0;
	/* with control bytes it is no field (RFC 9110, 5.5) */
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (strlen(fields[i].name) != name ||
			strncasecmp(fields[i].name, line, name) != 0)
			continue;

		const char *from = colon + 1, *end = line + n;

		while (from < end && (*from == ' ' || *from == '\t'))
			from++;
		while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
			end--;

		AUTO_FREE char *value = strndup(from, (size_t)(end - from));

		return value ? fields[i].on(h, value) : -ENOMEM;
	}
	return 0;
}

/* "HTTP/1.1 200 OK": what was said by the reply before is gone with it. */
static void begin(struct http_headers *h, const char *line, size_t n)
{
	const char *space = memchr(line, ' ', n);
	struct http_reply fresh = {.url = STEAL(h->reply->url)};

	http_reply_finish(h->reply);
	http_headers_finish(h);
	h->bad_range = h->bad_length = h->coded = false;
	*h->reply = fresh;
	if (space && n - (size_t)(space - line) >= 4) {
		for (int i = 1; i <= 3; i++) {
			if (space[i] < '0' || space[i] > '9')
				return;
			fresh.status = fresh.status * 10 + (space[i] - '0');
		}
		h->reply->status = fresh.status;
	}
}

int http_headers_line(struct http_headers *h, const char *line, size_t n)
{
	h->bytes += n;
	if (h->bytes > HTTP_HEADER_MAX)
		return -EFBIG;
	while (n && (line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	if (h->done)
		return 0;
	if (n >= 5 && strncmp(line, "HTTP/", 5) == 0) {
		begin(h, line, n);
		return 0;
	}
	if (n)
		return field(h, line, n);
	/* "100 Continue" and its like are not the reply */
	if (h->reply->status < 200)
		return 0;
	if (h->coded) {
		h->reply->has_length = false;
		h->reply->length = 0;
	}
	h->done = true;
	return 1;
}
