#include "sources/registry/client_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "sources/manifest.h"
#include "sources/media_type.h"

/* All kinds, so that the registry converts nothing; without weights, which some
 * registries do not understand. */
static const char ACCEPT[] = "application/vnd.oci.image.index.v1+json, "
			     "application/vnd.oci.image.manifest.v1+json, "
			     "application/vnd.docker.distribution.manifest.list.v2+json, "
			     "application/vnd.docker.distribution.manifest.v2+json";

struct fetch {
	struct client_session *session;
	const char *tag;
	const struct digest *digest; /* NULL: by tag */
	uint64_t max;
	struct ask *ask; /* at hand */
	char *hint;      /* Docker-Content-Digest, which is often wrong: only of note */
	struct client_document got;
};

static void fetch_finish(struct fetch *f)
{
	client_document_finish(&f->got);
	free(f->hint);
}

/* The digest or the tag. */
struct wanted {
	char s[sizeof(struct digest_text) + NAME_TAG_MAX];
};

static struct wanted wanted(const struct fetch *f)
{
	struct wanted w;

	snprintf(w.s, sizeof(w.s), "%s", f->digest ? digest_format(f->digest).s : f->tag);
	return w;
}

static const char *label(const struct fetch *f)
{
	return f->ask->place->label;
}

static int too_large(const struct fetch *f, struct o2r_err *err)
{
	return err_corrupt(err,
		"%s: the manifest has more than the %llu bytes allowed (raise it with "
		"--limit "
		"manifest=N)",
		label(f), (unsigned long long)f->max);
}

static int set_text(char **to, const char *from, struct o2r_err *err)
{
	free(*to);
	*to = from ? strdup(from) : NULL;
	return from && !*to ? err_nomem(err) : 0;
}

static int on_head(void *arg, const struct http_reply *r, struct o2r_err *err)
{
	struct fetch *f = arg;

	if (reply_is_page(r))
		return err_corrupt(err,
			"%s: %s answers with a web page instead of a manifest, so it is "
			"not "
			"a registry: check the name",
			label(f), f->ask->place->endpoint->host);
	if (r->status != 200)
		return err_corrupt(err,
			"%s: a part of the manifest came (%ld), and all of it was asked "
			"for",
			label(f), r->status);
	if (r->has_length && r->length > f->max)
		return too_large(f, err);
	f->got.bytes.len = 0;
	return set_text(&f->got.media_type, r->content_type, err) < 0 ||
			       set_text(&f->hint, r->digest, err) < 0
		       ? -ENOMEM
		       : 0;
}

static int on_data(void *arg, const void *p, size_t n, struct o2r_err *err)
{
	struct fetch *f = arg;
	int r;

	if (n > f->max - f->got.bytes.len)
		return too_large(f, err);
	r = buf_append(&f->got.bytes, p, n);
	return r < 0 ? err_nomem(err) : 0;
}

/* Registries that do not tell repositories from tags are the rule. */
static int missing(const struct ask *q, const struct http_reply *r, const char *code,
	const char *why, struct o2r_err *err)
{
	const struct fetch *f = q->arg;
	struct wanted what = wanted(f);

	(void)r;
	if (strcmp(code, "NAME_UNKNOWN") == 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s: there is no such repository%s: check the name, or log in if "
			"it is private",
			q->place->label, why);
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"%s has no %s %s, or there is no such repository%s: check the name",
		q->place->label, f->digest ? "manifest" : "tag",
		text_quote(what.s, strlen(what.s)).s, why);
}

static int on_refused(
	const struct ask *q, const struct http_reply *r, struct o2r_err *err)
{
	return client_refused(q, r, missing, err);
}

/* What servers say that do not look at what they hand out. */
static bool says_nothing(const char *type)
{
	static const char *const plain[] = {"application/json",
		"application/octet-stream", "binary/octet-stream", "text/plain"};

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (strcasecmp(plain[i], type) == 0)
			return true;
	return !*type;
}

/* By tag nothing vouches for the bytes: that they are a document at all is seen here, so
 * that another place can be asked. One that calls itself one thing and is served as
 * another is how two clients come to see two images; by digest it is the descriptor's
 * type that counts. */
static int check_document(const struct fetch *f, struct o2r_err *err)
{
	const struct client_document *d = &f->got;
	CLEANUP(document_finish) struct document doc = {0};
	const char *text = d->bytes.data ? d->bytes.data : "";
	int r;

	/* who reads it tells what it is instead of an image */
	if (d->media_type && media_kind_of(d->media_type) == MEDIA_UNKNOWN)
		return 0;
	r = document_parse(
		text, d->bytes.len, NULL, &f->session->client->ctx->limits, &doc, err);
	if (r < 0)
		return err_wrap(err, "%s: what came for tag %s", label(f), f->tag);
	if (!d->media_type || !doc.media_type ||
		strcasecmp(doc.media_type, d->media_type) == 0)
		return 0;
	return err_corrupt(err,
		"%s: the manifest calls itself \"%s\", and is served as \"%s\"", label(f),
		text_quote(doc.media_type, strlen(doc.media_type)).s,
		text_quote(d->media_type, strlen(d->media_type)).s);
}

static int check(struct fetch *f, struct o2r_err *err)
{
	struct client_document *d = &f->got;
	const void *p = d->bytes.data ? d->bytes.data : "";
	int ret = digest_of(f->digest ? f->digest->algo : DIGEST_SHA256, p, d->bytes.len,
		&d->digest, err);

	if (ret < 0)
		return ret;
	if (f->hint && strcmp(f->hint, digest_format(&d->digest).s) != 0)
		ctx_log(f->session->client->ctx, LOG_DEBUG,
			"%s: the header calls the manifest %s, its bytes are %s",
			label(f), text_quote(f->hint, strlen(f->hint)).s,
			digest_format(&d->digest).s);
	if (d->media_type && says_nothing(d->media_type)) {
		free(d->media_type);
		d->media_type = NULL;
	}
	if (!f->digest)
		return check_document(f, err);
	if (!digest_equal(&d->digest, f->digest))
		return err_corrupt(err,
			"%s: the registry sent another document for manifest %s: its "
			"digest is "
			"%s" CLIENT_WRONG,
			label(f), digest_format(f->digest).s,
			digest_format(&d->digest).s);
	return 0;
}

static int ask_place(void *arg, struct place *p, bool *final, struct o2r_err *err)
{
	struct fetch *f = arg;
	char path[sizeof("manifests/") + sizeof(struct wanted)];
	struct client_patience patience = {0};
	int r, again = 0;

	snprintf(path, sizeof(path), "manifests/%s", wanted(f).s);
	do {
		CLEANUP(ask_finish)
		struct ask q = {
			.session = f->session,
			.place = p,
			.path = path,
			.accept = ACCEPT,
			.head = on_head,
			.data = on_data,
			.arg = f,
			.refused = on_refused,
		};

		f->ask = &q;
		r = client_ask(&q, err);
		if (r == 0)
			r = check(f, err);
		/* while there is another place to ask, that is better than to wait */
		if (r < 0 && *final)
			again = client_try_again(f->session, &patience, r, err);
	} while (r < 0 && again > 0);
	f->ask = NULL;
	return again < 0 ? again : r;
}

int client_manifest(struct client_session *s, const char *tag,
	const struct digest *digest, uint64_t max, struct client_document *out,
	struct o2r_err *err)
{
	CLEANUP(fetch_finish)
	struct fetch f = {.session = s, .tag = tag, .digest = digest, .max = max};
	int r;

	f.got.bytes.max = (size_t)MIN(max, SIZE_MAX / 2) + 1;
	r = places_try(s, !digest, ask_place, &f, err);
	if (r < 0)
		return r;
	*out = f.got;
	f.got = (struct client_document){0};
	return 0;
}

void client_document_finish(struct client_document *d)
{
	buf_finish(&d->bytes);
	free(d->media_type);
	*d = (struct client_document){0};
}
