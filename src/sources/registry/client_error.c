#include "sources/registry/client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "sources/registry/error_document.h"

bool status_may_pass(long status)
{
	/* 499 and 522 are what proxies say of a server that did not answer */
	static const long some[] = {408, 429, 499, 500, 502, 503, 504, 522};

	for (size_t i = 0; i < ARRAY_LEN(some); i++)
		if (some[i] == status)
			return true;
	return false;
}

bool reply_is_page(const struct http_reply *r)
{
	return r->content_type &&
	       (strcmp(r->content_type, "text/html") == 0 ||
		       strcmp(r->content_type, "application/xhtml+xml") == 0);
}

static int too_many(const struct ask *q, const struct http_reply *r, const char *why,
	struct o2r_err *err)
{
	char limits[300] = "";

	if (r->rate_limit || r->rate_remaining) {
		const char *limit = r->rate_limit ? r->rate_limit : "?";
		const char *left = r->rate_remaining ? r->rate_remaining : "?";

		snprintf(limits, sizeof(limits),
			"; its limit is %.120s, and %.120s are left",
			text_quote(limit, strlen(limit)).s,
			text_quote(left, strlen(left)).s);
	}
	return err_set(err, ERR_FAIL, EREMOTEIO,
		"%s: too many requests (429)%s%s: wait a while, or log in where users "
		"have a "
		"higher limit",
		q->place->label, limits, why);
}

static int denied(const struct ask *q, const struct http_reply *r, const char *why,
	struct o2r_err *err)
{
	return err_set(err, ERR_ACCESS, EACCES,
		"%s: access is denied, or there is no such repository (%ld)%s: check the "
		"name, and with which user you are logged in (--creds, --authfile)",
		q->place->label, r->status, why);
}

static int no_registry(
	const struct ask *q, const struct http_reply *r, struct o2r_err *err)
{
	return err_set(err, r->status == 404 ? ERR_NOT_FOUND : ERR_FAIL,
		r->status == 404 ? ENOENT : EREMOTEIO,
		"%s: %s answers %ld with a web page, as if it were not a registry: check "
		"the "
		"name",
		q->place->label, q->place->endpoint->host, r->status);
}

static int unexpected(const struct ask *q, const struct http_reply *r, const char *why,
	struct o2r_err *err)
{
	bool ours = r->status >= 500 || status_may_pass(r->status);

	return err_set(err, ERR_FAIL, EREMOTEIO, "%s: the registry answers %ld%s%s%s",
		q->place->label, r->status,
		status_may_pass(r->status) ? ", each time" : "", why,
		ours ? ": try again later" : ": it may be no registry");
}

int client_refused(const struct ask *q, const struct http_reply *r,
	int (*missing)(const struct ask *q, const struct http_reply *r, const char *code,
		const char *why, struct o2r_err *err),
	struct o2r_err *err)
{
	struct error_document doc =
		error_document_read(q->body.data, q->body.len, r->content_type);
	char why[sizeof(doc.text) + 4] = "";

	if (doc.text[0])
		snprintf(why, sizeof(why), " (%s)", doc.text);
	switch (r->status) {
	case 401:
	case 403:
		return denied(q, r, why, err);
	case 404:
		if (reply_is_page(r))
			return no_registry(q, r, err);
		return missing(q, r, doc.code, why, err);
	case 429:
		return too_many(q, r, why, err);
	default:
		if (reply_is_page(r) && !status_may_pass(r->status))
			return no_registry(q, r, err);
		return unexpected(q, r, why, err);
	}
}
