/*
 * The system's certificates as bytes.
 *
 * SSL_CERT_FILE and SSL_CERT_DIR mean what they mean to Go programs: the file instead of
 * the system's, the folders (with colons between them) instead of the system's, each file
 * in them whatever it is called; what cannot be read is passed over.
 */
#include "sources/registry/http_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"

/* Where distributions keep all in one file, after the place that libcurl was built for.
 */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Gentoo, Alpine */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static const char *variable(const char *name)
{
	const char *s = getenv(name);

	return s && *s ? s : NULL;
}

const char *http_roots_folders(void)
{
	const char *dirs = variable("SSL_CERT_DIR");

	return dirs ? dirs : curl_version_info(CURLVERSION_NOW)->capath;
}

/* What is read of one file: the blocks that are certificates. A file may hold keys, or
 * be of another kind. */
static int add_blocks(struct buf *to, const struct buf *file)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----END ";
	const char *s = file->data, *stop = s + file->len;
	int r = 0;

	while (r == 0 && (s = memmem(s, (size_t)(stop - s), begin, strlen(begin)))) {
		const char *type = s + strlen(begin);
		const char *e = memmem(s, (size_t)(stop - s), end, strlen(end));
		const char *dashes =
			memmem(type, (size_t)(stop - type), "-----", strlen("-----"));
		const char *line = e ? memchr(e, '\n', (size_t)(stop - e)) : NULL;

		if (!e || !dashes || dashes > e)
			break;
		line = line ? line + 1 : stop;
		if (memmem(type, (size_t)(dashes - type), "CERTIFICATE",
			    strlen("CERTIFICATE"))) {
			r = buf_append(to, s, (size_t)(line - s));
			if (r == 0)
				r = buf_append(to, "\n", 1);
		}
		s = line;
	}
	return r;
}

/* 1: it was read, 0: it cannot be. */
static int add_file(struct buf *to, int dirfd, const char *path, struct o2r_err *err)
{
	AUTO_BUF struct buf file = {0};

	if (file_read(dirfd, path, HTTP_ROOTS_MAX, &file, NULL) < 0)
		return 0;
	if (file.len && add_blocks(to, &file) < 0)
		return err_nomem(err);
	return 1;
}

static void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* A link to a file in the same folder is a second name of what is read anyway: c_rehash
 * makes them. */
static bool is_second_name(int dirfd, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	return n > 0 && !memchr(target, '/', (size_t)n);
}

static int add_folder(struct buf *to, const char *path, struct o2r_err *err)
{
	CLEANUP(cleanup_dir) DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	while (r >= 0 && d && (e = readdir(d)))
		if (e->d_name[0] != '.' && !is_second_name(dirfd(d), e->d_name))
			r = add_file(to, dirfd(d), e->d_name, err);
	return r < 0 ? r : 0;
}

static int add_folders(struct buf *to, const char *paths, struct o2r_err *err)
{
	AUTO_FREE char *list = strdup(paths);
	char *rest = list;
	int r = 0;

	if (!list)
		return err_nomem(err);
	for (char *path; r == 0 && (path = strsep(&rest, ":"));)
		r = *path ? add_folder(to, path, err) : 0;
	return r;
}

static int add_bundle(struct buf *to, struct o2r_err *err)
{
	const char *own = curl_version_info(CURLVERSION_NOW)->cainfo;
	int r = own ? add_file(to, AT_FDCWD, own, err) : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(bundles); i++)
		r = add_file(to, AT_FDCWD, bundles[i], err);
	return r < 0 ? r : 0;
}

int http_roots_read(struct http_roots *roots, struct o2r_err *err)
{
	const char *file = variable("SSL_CERT_FILE"), *dirs = variable("SSL_CERT_DIR");
	int r;

	if (roots->read)
		return 0;
	roots->pem.max = HTTP_ROOTS_MAX;
	roots->pem.len = 0;
	r = file ? add_file(&roots->pem, AT_FDCWD, file, err)
		 : add_bundle(&roots->pem, err);
	if (r >= 0)
		r = dirs ? add_folders(&roots->pem, dirs, err) : 0;
	if (r < 0)
		return r;
	roots->read = true;
	return 0;
}
