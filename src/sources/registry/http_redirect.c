#include "sources/registry/http_impl.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static void cleanup_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void cleanup_text(char **s)
{
	curl_free(*s);
}

bool http_is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 ||
	       status == 308;
}

int http_redirect(const char *from, const char *location, char **next, struct url *parts,
	struct o2r_err *err)
{
	CLEANUP(cleanup_url) CURLU *u = curl_url();
	CLEANUP(cleanup_text) char *text = NULL;
	struct url at;

	if (!u)
		return err_nomem(err);
	if (url_parse(from, &at) < 0)
		return err_set(err, ERR_FAIL, EINVAL, "not a URL that can be asked");
	if (curl_url_set(u, CURLUPART_URL, from, 0) != CURLUE_OK ||
		curl_url_set(u, CURLUPART_URL, location, CURLU_URLENCODE) != CURLUE_OK ||
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
		curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK ||
		url_parse(text, parts) < 0)
		return err_set(err, ERR_FAIL, EPERM,
			"%s redirects to what is no plain http or https URL, which is "
			"not "
			"followed",
			http_place(&at).s);
	if (at.https && !parts->https)
		return err_set(err, ERR_FAIL, EPERM,
			"%s redirects from https to http (%s), which is not followed: "
			"tell who runs it",
			http_place(&at).s, http_place(parts).s);
	*next = strdup(text);
	return *next ? 0 : err_nomem(err);
}
