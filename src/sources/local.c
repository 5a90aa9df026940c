#include "sources/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/archive.h"
#include "sources/docker_archive.h"
#include "sources/image_read.h"
#include "sources/overlay_dir.h"

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static struct quoted quote(const char *s)
{
	return text_quote(s, strlen(s));
}

/* What stands before a colon, if it is there: malloc'd. The longest that is. */
static char *existing_part(const char *path)
{
	AUTO_FREE char *part = strdup(path);
	char *colon;

	while (part && (colon = strrchr(part, ':'))) {
		*colon = '\0';
		if (exists(part))
			return STEAL(part);
	}
	return NULL;
}

/* A bare path takes no tag; who writes one gets told how. */
static int no_such_path(const char *path, int errnum, struct o2r_err *err)
{
	AUTO_FREE char *part = errnum == ENOENT ? existing_part(path) : NULL;
	struct stat st;

	if (part && stat(part, &st) == 0)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s does not exist: to choose an image of %s write %s:%s",
			quote(path).s, quote(part).s,
			S_ISDIR(st.st_mode) ? "oci" : "docker-archive", quote(path).s);
	return err_errno(err, errnum, "cannot open %s", quote(path).s);
}

/* A file or directory; ENXIO and the like are for who opens sockets. */
static int open_path(const char *path, struct stat *st, struct o2r_err *err)
{
	AUTO_FD int fd = -1;

	if (strcmp(path, "-") == 0) {
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd >= 0 && isatty(fd))
			return err_set(err, ERR_USAGE, EINVAL,
				"standard input is a terminal: feed it an archive, as in "
				"docker save IMAGE | o2r ...");
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return no_such_path(path, errno, err);
	if (fstat(fd, st) < 0)
		return err_errno(err, errno, "cannot stat %s", quote(path).s);
	return steal_fd(&fd);
}

static const char *prefix_of(enum ref_kind kind)
{
	return kind == REF_OCI_ARCHIVE      ? "oci-archive"
	       : kind == REF_DOCKER_ARCHIVE ? "docker-archive"
					    : "oci";
}

/* The same image from any directory; NULL for what can be read once only. */
static int set_absolute(struct image *image, enum ref_kind kind, const char *path,
	const struct stat *st, struct o2r_err *err)
{
	AUTO_FREE char *real = NULL;

	if (strcmp(path, "-") == 0 || (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
		return 0;
	real = realpath(path, NULL);
	if (!real)
		return err_errno(
			err, errno, "cannot find the whole path of %s", quote(path).s);
	/* the path of the prefixed form ends at the first colon */
	if (strchr(real, ':'))
		image->absolute = STEAL(real);
	else if (asprintf(&image->absolute, "%s:%s", prefix_of(kind), real) < 0)
		image->absolute = NULL;
	return image->absolute ? 0 : err_nomem(err);
}

struct opening {
	struct image *image;
	const struct ctx *ctx;
	const char *name; /* of where it is, for messages */
	struct wanted want;
	const struct archive_file *archive;
};

static int read_directory(struct opening *o, int fd, struct o2r_err *err)
{
	struct layout layout = {
		.open = layout_open_at, .arg = &fd, .name = o->name, .ctx = o->ctx};

	return image_read(o->image, &layout, &o->want, err);
}

static int open_in_archive(
	void *archive, const char *path, struct blob *out, struct o2r_err *err)
{
	return archive_blob(archive, path, out, err);
}

/* The archive lacks the file that its kind has, and may be of the other kind. */
static int other_kind(const struct opening *o, const char *lacks, const char *has,
	const char *form, struct o2r_err *err)
{
	bool other = archive_has(o->archive, has);

	return err_set(err, ERR_NOT_FOUND, ENOENT, "%s has no file %s%s%s%s", o->name,
		lacks, other ? ": it is read as " : "", other ? form : "",
		other ? "FILE" : "");
}

static int read_oci(struct opening *o, struct o2r_err *err)
{
	struct layout layout = {.open = open_in_archive,
		.arg = (void *)o->archive,
		.name = o->name,
		.choose = "oci-archive:FILE:TAG or oci-archive:FILE:@N",
		.ctx = o->ctx};

	if (!archive_has(o->archive, "oci-layout"))
		return other_kind(
			o, "oci-layout", "manifest.json", "docker-archive:", err);
	return image_read(o->image, &layout, &o->want, err);
}

static void destroy_docker(struct docker_archive **d)
{
	docker_archive_destroy(*d);
}

static int read_docker(struct opening *o, struct o2r_err *err)
{
	CLEANUP(destroy_docker) struct docker_archive *d = NULL;
	struct layout layout = {.open = docker_archive_open,
		.name = o->name,
		.choose = "docker-archive:FILE:NAME or docker-archive:FILE:@N",
		.ctx = o->ctx};
	struct wanted want = o->want;
	int r;

	if (!archive_has(o->archive, "manifest.json"))
		return other_kind(o, "manifest.json", "oci-layout", "oci-archive:", err);
	r = docker_archive_create(o->archive, &want, o->name, o->ctx, &d, err);
	if (r < 0)
		return r;
	/* it shows the wanted ones only */
	want.tag = NULL;
	want.index = -1;
	layout.arg = d;
	return image_read(o->image, &layout, &want, err);
}

/*
 * What both `docker save` of today and skopeo write. Docker 25.0 release candidates wrote
 * an OCI layout whose manifests have no layers beside a manifest.json that is right.
 */
static int read_either(struct opening *o, enum ref_kind *kind, struct o2r_err *err)
{
	bool oci = archive_has(o->archive, "oci-layout");
	bool docker = archive_has(o->archive, "manifest.json");
	int r;

	if (!oci && !docker)
		return err_set(err, ERR_NOT_FOUND, ENOENT,
			"%s is no image: the archive has neither the file oci-layout nor "
			"manifest.json",
			o->name);
	*kind = oci ? REF_OCI_ARCHIVE : REF_DOCKER_ARCHIVE;
	r = oci ? read_oci(o, err) : read_docker(o, err);
	if (r != -ERANGE || !oci || !docker)
		return r;
	image_clear(o->image);
	*kind = REF_DOCKER_ARCHIVE;
	return read_docker(o, err);
}

static int wrong_kind(
	const struct ref *ref, const char *path, bool directory, struct o2r_err *err)
{
	if (directory)
		return err_set(err, ERR_USAGE, EISDIR,
			"%s is a directory, not an archive: write oci:%s for the OCI "
			"layout in it",
			quote(path).s, quote(path).s);
	return err_set(err, ERR_USAGE, ENOTDIR,
		"%s is not a directory: for an archive write oci-archive:%s or "
		"docker-archive:%s",
		quote(path).s, quote(path).s,
		ref->path ? quote(ref->path).s : quote(path).s);
}

static void close_archive(struct archive_file **a)
{
	archive_close(*a);
}

static int open_archive(struct opening *o, enum ref_kind *kind, int fd,
	const struct image_options *options, struct o2r_err *err)
{
	CLEANUP(close_archive) struct archive_file *archive = NULL;
	struct store *store =
		options && options->store ? options->store(options->store_arg) : NULL;
	int r = archive_open(fd, o->name, store, o->ctx, &archive, err);

	if (r < 0)
		return r;
	o->archive = archive;
	if (*kind == REF_OCI_ARCHIVE)
		return read_oci(o, err);
	return *kind == REF_DOCKER_ARCHIVE ? read_docker(o, err)
					   : read_either(o, kind, err);
}

int local_read_archive(struct image *image, int fd, const char *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err)
{
	struct opening o = {.image = image, .ctx = ctx, .name = name, .want = *want};
	enum ref_kind kind = REF_PATH;

	o.want.tag = NULL;
	o.want.index = -1;
	return open_archive(&o, &kind, fd, options, err);
}

/* "oci:DIR@N" is the directory DIR@N when there is one. */
int local_open(struct image *image, const struct ref *ref,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err)
{
	bool shorten = ref->short_path && !exists(ref->path) && exists(ref->short_path);
	const char *path = shorten ? ref->short_path : ref->path;
	struct quoted name = quote(strcmp(path, "-") == 0 ? "standard input" : path);
	struct opening o = {.image = image, .ctx = ctx, .name = name.s, .want = *want};
	enum ref_kind kind = ref->kind;
	struct stat st;
	AUTO_FD int fd = open_path(path, &st, err);
	bool directory, archive = kind == REF_OCI_ARCHIVE || kind == REF_DOCKER_ARCHIVE;
	int r;

	if (fd < 0)
		return fd;
	o.want.tag = ref->tag;
	o.want.index = shorten ? ref->short_index : ref->index;
	directory = S_ISDIR(st.st_mode);
	if (directory && kind == REF_PATH && overlay_dir_is(fd))
		return overlay_dir_open(image, path, &want->platform, ctx, err);
	if (directory ? archive : kind == REF_LAYOUT)
		return wrong_kind(ref, path, directory, err);
	r = directory ? read_directory(&o, fd, err)
		      : open_archive(&o, &kind, steal_fd(&fd), options, err);
	return r < 0 ? r
		     : set_absolute(image, directory ? REF_LAYOUT : kind, path, &st, err);
}
