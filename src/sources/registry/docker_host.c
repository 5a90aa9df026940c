#include "sources/registry/docker_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/home.h"
#include "base/text.h"
#include "sources/registry/certs.h"

enum {
	CA_MAX = 4 << 20,
};

void docker_host_finish(struct docker_host *h)
{
	free(h->socket);
	free(h->url);
	free(h->name);
	http_tls_finish(&h->tls);
	*h = (struct docker_host){0};
}

static int use_socket(struct docker_host *h, const char *path, struct o2r_err *err)
{
	h->socket = strdup(path);
	h->url = strdup("http://localhost");
	h->name = strdup(path);
	return h->socket && h->url && h->name ? 0 : err_nomem(err);
}

/* ca.pem, cert.pem and key.pem, as the docker command has them. */
static int use_certificates(struct docker_host *h, struct o2r_err *err)
{
	const char *named = getenv("DOCKER_CERT_PATH");
	AUTO_FREE char *home = named && *named ? NULL : home_dir();
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *ca = NULL;
	AUTO_BUF struct buf pem = {0};
	int r;

	if (named && *named ? asprintf(&dir, "%s", named) < 0
			    : asprintf(&dir, "%s/.docker", home ? home : "") < 0) {
		dir = NULL;
		return err_nomem(err);
	}
	if (asprintf(&ca, "%s/ca.pem", dir) < 0) {
		ca = NULL;
		return err_nomem(err);
	}
	r = file_read(AT_FDCWD, ca, CA_MAX, &pem, err);
	if (r < 0 && r != -ENOENT)
		return r;
	h->tls.verify = true;
	h->tls.ca_pem = STEAL(pem.data);
	if (asprintf(&h->tls.cert, "%s/cert.pem", dir) < 0)
		h->tls.cert = NULL;
	if (asprintf(&h->tls.key, "%s/key.pem", dir) < 0)
		h->tls.key = NULL;
	if (!h->tls.cert || !h->tls.key)
		return err_nomem(err);
	if (access(h->tls.cert, R_OK) < 0) {
		free(h->tls.cert);
		free(h->tls.key);
		h->tls.cert = h->tls.key = NULL;
	}
	return 0;
}

static int use_tcp(struct docker_host *h, const char *host, bool tls, const char *text,
	struct o2r_err *err)
{
	size_t n = strcspn(host, "/?#");

	/* not quoted: it may be a password */
	if (memchr(host, '@', n))
		return err_set(err, ERR_USAGE, EINVAL,
			"DOCKER_HOST has a user or a password in it, which engines do "
			"not take: write tcp://HOST:PORT");
	if (!n || host[n])
		return err_set(err, ERR_USAGE, EINVAL,
			"DOCKER_HOST \"%s\" is not tcp://HOST:PORT",
			text_quote(text, strlen(text)).s);
	if (asprintf(&h->url, "%s://%.*s", tls ? "https" : "http", (int)n, host) < 0)
		h->url = NULL;
	h->name = strdup(text);
	if (!h->url || !h->name)
		return err_nomem(err);
	return tls ? use_certificates(h, err) : 0;
}

static int use_variable(struct docker_host *h, const char *text, struct o2r_err *err)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY");
	bool tls = verify && *verify;

	if (strncmp(text, "unix://", 7) == 0)
		return use_socket(h, text + 7, err);
	if (text[0] == '/')
		return use_socket(h, text, err);
	if (strncmp(text, "tcp://", 6) == 0)
		return use_tcp(h, text + 6, tls, text, err);
	if (strncmp(text, "http://", 7) == 0)
		return use_tcp(h, text + 7, false, text, err);
	if (strncmp(text, "https://", 8) == 0)
		return use_tcp(h, text + 8, true, text, err);
	/* what follows may hold a password */
	return err_set(err, ERR_USAGE, EOPNOTSUPP,
		"DOCKER_HOST \"%s...\" is of a kind that is not used here: only unix:// "
		"and tcp:// are; for others use `docker save NAME | o2r ... -`",
		text_quote(text, strcspn(text, ":")).s);
}

/* 1: it is there. */
static int try_socket(
	struct docker_host *h, const char *folder, const char *file, struct o2r_err *err)
{
	AUTO_FREE char *path = NULL;
	int r;

	if (!folder)
		return 0;
	if (asprintf(&path, "%s%s", folder, file) < 0) {
		path = NULL;
		return err_nomem(err);
	}
	if (access(path, F_OK) < 0)
		return 0;
	r = use_socket(h, path, err);
	return r < 0 ? r : 1;
}

int docker_host_find(struct docker_host *out, struct o2r_err *err)
{
	const char *named = getenv("DOCKER_HOST"), *run = getenv("XDG_RUNTIME_DIR");
	const struct {
		const char *folder, *file;
	} usual[] = {
		{"", "/var/run/docker.sock"},
		{run, "/docker.sock"},
		{run, "/podman/podman.sock"},
		{"", "/run/podman/podman.sock"},
	};
	int r = 0;

	if (named && *named)
		return use_variable(out, named, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(usual); i++)
		r = try_socket(out, usual[i].folder, usual[i].file, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return err_set(err, ERR_NOT_FOUND, ENOENT,
		"no engine is running: there is no socket of Docker "
		"(/var/run/docker.sock) or podman; set DOCKER_HOST, or read the store "
		"itself by docker-store: or containers-storage:");
}
