#include "sources/registry/certs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/home.h"
#include "base/text.h"

enum {
	CERT_FILE_MAX = 1 << 20, /* bytes */
	CERT_TOTAL_MAX = 16 << 20,
};

void http_tls_finish(struct http_tls *tls)
{
	free(tls->ca_pem);
	free(tls->cert);
	free(tls->key);
	tls->ca_pem = tls->cert = tls->key = NULL;
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted: what is taken does not depend on the filesystem. */
static int list(const char *dir, struct strings *names, struct o2r_err *err)
{
	CLEANUP(cleanup_dir) DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return err_errno(err, errno, "cannot read the certificates in \"%s\"",
			text_quote(dir, strlen(dir)).s);
	while ((e = readdir(d)))
		if (strings_add(names, e->d_name, strlen(e->d_name)) < 0)
			return err_nomem(err);
	if (names->count)
		qsort(names->s, names->count, sizeof(names->s[0]), by_name);
	return 0;
}

static bool ends_in(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && strcasecmp(name + n - t, tail) == 0;
}

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int add_ca(const char *dir, const char *name, struct buf *pem, struct o2r_err *err)
{
	static const char begin[] = "-----BEGIN ", type[] = "CERTIFICATE-----";
	AUTO_FREE char *path = join(dir, name);
	AUTO_BUF struct buf file = {0};
	int r = path ? file_read(AT_FDCWD, path, CERT_FILE_MAX, &file, err)
		     : err_nomem(err);

	if (r < 0)
		return r;
	if (!file.len || strlen(file.data) != file.len || !strstr(file.data, begin) ||
		!strstr(file.data, type))
		return err_corrupt(err,
			"%s holds no certificate in PEM form (-----BEGIN "
			"CERTIFICATE-----)",
			text_quote(path, strlen(path)).s);
	r = buf_append(pem, file.data, file.len);
	if (r == 0)
		r = buf_append(pem, "\n", 1);
	if (r == -EFBIG)
		return err_corrupt(err, "the certificates in %s are more than %s",
			text_quote(dir, strlen(dir)).s, text_size(pem->max).s);
	return r < 0 ? err_nomem(err) : 0;
}

/* Is there a file with the first n characters of a name, and this end? */
static const char *partner(
	const struct strings *names, const char *name, size_t n, const char *end)
{
	for (size_t i = 0; i < names->count; i++)
		if (strncmp(names->s[i], name, n) == 0 &&
			strcasecmp(names->s[i] + n, end) == 0)
			return names->s[i];
	return NULL;
}

static int check_readable(const char *path, struct o2r_err *err)
{
	if (access(path, R_OK) < 0)
		return err_errno(
			err, errno, "cannot read %s", text_quote(path, strlen(path)).s);
	return 0;
}

/* The files of a client's pair, of which only the first is used. */
static int take_pair(const char *dir, const char *cert, const char *key,
	const struct ctx *ctx, struct http_tls *out, struct o2r_err *err)
{
	int r;

	if (out->cert) {
		ctx_log(ctx, LOG_WARN,
			"%s: several client certificates, of which %s is used",
			text_quote(dir, strlen(dir)).s,
			text_quote(out->cert, strlen(out->cert)).s);
		return 0;
	}
	out->cert = join(dir, cert);
	out->key = join(dir, key);
	if (!out->cert || !out->key)
		return err_nomem(err);
	r = check_readable(out->cert, err);
	return r == 0 ? check_readable(out->key, err) : r;
}

static int no_partner(
	const char *dir, const char *name, const char *other, struct o2r_err *err)
{
	struct quoted stem = text_quote(name, (size_t)(strrchr(name, '.') - name));

	return err_set(err, ERR_ACCESS, ENOENT,
		"%s: %s has no %s%s beside it (a client certificate is NAME.cert with "
		"NAME.key, a CA is NAME.crt)",
		text_quote(dir, strlen(dir)).s, text_quote(name, strlen(name)).s, stem.s,
		other);
}

static int take(const char *dir, const struct strings *names, const char *name,
	struct buf *pem, const struct ctx *ctx, struct http_tls *out, struct o2r_err *err)
{
	size_t n = strlen(name);

	if (ends_in(name, ".crt"))
		return add_ca(dir, name, pem, err);
	if (ends_in(name, ".cert")) {
		const char *key = partner(names, name, n - strlen(".cert"), ".key");

		return key ? take_pair(dir, name, key, ctx, out, err)
			   : no_partner(dir, name, ".key", err);
	}
	if (ends_in(name, ".key") && !partner(names, name, n - strlen(".key"), ".cert"))
		return no_partner(dir, name, ".cert", err);
	return 0;
}

static void cleanup_names(struct strings *s)
{
	strings_finish(s);
}

static int read_folder(
	const char *dir, const struct ctx *ctx, struct http_tls *out, struct o2r_err *err)
{
	CLEANUP(cleanup_names) struct strings names = {0};
	CLEANUP(http_tls_finish) struct http_tls found = {0};
	AUTO_BUF struct buf pem = {.max = CERT_TOTAL_MAX};
	int r = list(dir, &names, err);

	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = take(dir, &names, names.s[i], &pem, ctx, &found, err);
	if (r < 0)
		return r;
	out->ca_pem = STEAL(pem.data);
	out->cert = STEAL(found.cert);
	out->key = STEAL(found.key);
	ctx_log(ctx, LOG_DEBUG, "certificates: %s", text_quote(dir, strlen(dir)).s);
	return 0;
}

/* 1: it has been taken, 0: it is not there. */
static int try_folder(const char *base, const char *registry, const struct ctx *ctx,
	struct http_tls *out, struct o2r_err *err)
{
	AUTO_FREE char *dir = join(base, registry);

	if (!dir)
		return err_nomem(err);
	if (access(dir, R_OK | X_OK) < 0) {
		/* somebody else's folder is no reason not to go on */
		if (errno == EACCES)
			ctx_log(ctx, LOG_INFO,
				"certificates in \"%s\" are not for this user to read",
				text_quote(dir, strlen(dir)).s);
		return 0;
	}

	int r = read_folder(dir, ctx, out, err);

	return r < 0 ? r : 1;
}

int certs_find(const char *registry, const char *cert_dir, const struct ctx *ctx,
	struct http_tls *out, struct o2r_err *err)
{
	AUTO_FREE char *home = home_dir();
	AUTO_FREE char *own = home ? join(home, ".config/containers/certs.d") : NULL;
	const char *const bases[] = {
		own, "/etc/containers/certs.d", "/etc/docker/certs.d"};

	out->ca_pem = out->cert = out->key = NULL;
	if (cert_dir)
		return read_folder(cert_dir, ctx, out, err);
	/* it is one name in a folder */
	if (!*registry || registry[0] == '.' || strchr(registry, '/'))
		return err_set(err, ERR_USAGE, EINVAL, "\"%s\" is no name of a registry",
			text_quote(registry, strlen(registry)).s);
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		int r = bases[i] ? try_folder(bases[i], registry, ctx, out, err) : 0;

		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 0;
}
