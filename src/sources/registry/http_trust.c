/*
 * By which certificates a server is verified. To read all of the system's takes OpenSSL
 * longer than the rest of a connection, so first only those are offered that can be
 * looked up by their hash in a folder; when that does not do, all of them (h->all_roots).
 *
 * What libcurl is given as bytes takes the place of its file, so all is the file, the
 * folders, and what is to be added, in one piece.
 */
#include "sources/registry/http_impl.h"

#include <errno.h>
#include <string.h>

/* An option of each kind, for the server and for the proxy. */
struct options {
	CURLoption blob, file, folder;
};

static const struct options server = {
	CURLOPT_CAINFO_BLOB, CURLOPT_CAINFO, CURLOPT_CAPATH};
static const struct options proxy = {
	CURLOPT_PROXY_CAINFO_BLOB, CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH};

static int set(struct http *h, const struct options *o, const void *pem, size_t n,
	const char *folders, struct o2r_err *err)
{
	/* libcurl does not write to it */
	struct curl_blob blob = {(void *)pem, n, CURL_BLOB_NOCOPY};
	CURLcode c = n ? curl_easy_setopt(h->easy, o->blob, &blob)
		       : curl_easy_setopt(h->easy, o->file, NULL);

	if (c == CURLE_OK)
		c = curl_easy_setopt(h->easy, o->folder, folders);
	if (c == CURLE_OK)
		return 0;
	if (c == CURLE_OUT_OF_MEMORY)
		return err_nomem(err);
	return err_set(err, ERR_FAIL, EOPNOTSUPP,
		"this libcurl cannot be told which certificates count: %s",
		curl_easy_strerror(c));
}

/* The system's certificates and these. They stay in the session: libcurl borrows them. */
static int add_roots(struct http *h, const char *ca_pem, struct o2r_err *err)
{
	int r;

	if (h->ca_pem && strcmp(h->ca_pem, ca_pem) == 0)
		return 0;
	free(h->ca_pem);
	h->ca_pem = NULL;
	h->all_pem.len = 0;
	h->all_pem.max = 2 * HTTP_ROOTS_MAX;
	r = buf_append(&h->all_pem, h->roots.pem.data, h->roots.pem.len);
	if (r == 0)
		r = buf_append(&h->all_pem, ca_pem, strlen(ca_pem));
	if (r == 0)
		h->ca_pem = strdup(ca_pem);
	return h->ca_pem ? 0 : err_nomem(err);
}

static int trust(
	struct http *h, const struct options *o, const char *ca_pem, struct o2r_err *err)
{
	const char *folders = http_roots_folders();
	const struct buf *all = ca_pem ? &h->all_pem : &h->roots.pem;
	int r;

	if (!folders)
		h->all_roots = true;
	if (!h->all_roots)
		return set(h, o, ca_pem, ca_pem ? strlen(ca_pem) : 0, folders, err);
	r = http_roots_read(&h->roots, err);
	if (r == 0 && ca_pem)
		r = add_roots(h, ca_pem, err);
	return r == 0 ? set(h, o, all->data, all->len, folders, err) : r;
}

int http_trust(struct http *h, const char *ca_pem, struct o2r_err *err)
{
	return trust(h, &server, ca_pem, err);
}

int http_trust_proxy(struct http *h, struct o2r_err *err)
{
	return trust(h, &proxy, NULL, err);
}
