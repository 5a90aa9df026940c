#include "layout_case.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"

enum {
	TEXTS_MAX = 10000,
};

static char *texts[TEXTS_MAX];
static size_t text_count;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

const char *text(const char *fmt, ...)
{
	va_list ap;

	must(text_count < TEXTS_MAX, "too many texts");
	va_start(ap, fmt);
	must(vasprintf(&texts[text_count], fmt, ap) >= 0, "vasprintf");
	va_end(ap);
	return texts[text_count++];
}

static void keep_warning(void *arg, enum log_level level, const char *msg)
{
	struct layout_case *l = arg;
	size_t at = strlen(l->warnings);

	if (level <= LOG_WARN)
		snprintf(l->warnings + at, sizeof(l->warnings) - at, "%s\n", msg);
}

void layout_case_begin(struct layout_case *l)
{
	*l = (struct layout_case){
		.dir = "/tmp/o2r-test-XXXXXX",
		.ctx = {.log = keep_warning,
			.level = LOG_TRACE,
			.threads = 1,
			.limits = LIMITS_DEFAULT},
	};
	l->ctx.arg = l;
	must(mkdtemp(l->dir), "mkdtemp");
	must(mkdir(text("%s/blobs", l->dir), 0777) == 0, "mkdir");
	must(mkdir(text("%s/blobs/sha256", l->dir), 0777) == 0, "mkdir");
	layout_case_file(l, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void layout_case_end(struct layout_case *l)
{
	nftw(l->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	while (text_count)
		free(texts[--text_count]);
}

void layout_case_file(struct layout_case *l, const char *path, const char *content)
{
	const char *full = text("%s/%s", l->dir, path);

	if (!content) {
		must(unlink(full) == 0, full);
		return;
	}

	AUTO_FD int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	must(fd >= 0, full);
	must(write(fd, content, strlen(content)) == (ssize_t)strlen(content), full);
}

const char *digest_text(const char *content)
{
	struct digest d;
	struct o2r_err err = {0};

	must(digest_of(DIGEST_SHA256, content, strlen(content), &d, &err) == 0, err.text);
	return text("%s", digest_format(&d).s);
}

const char *blob_path(const char *content)
{
	return text("blobs/sha256/%s", strchr(digest_text(content), ':') + 1);
}

const char *layout_case_blob(struct layout_case *l, const char *type, const char *content)
{
	layout_case_file(l, blob_path(content), content);
	return text("%s%s%s\"digest\":\"%s\",\"size\":%zu",
		type ? "\"mediaType\":\"" : "", type ? type : "", type ? "\"," : "",
		digest_text(content), strlen(content));
}

const char *layout_case_image(
	struct layout_case *l, const char *platform, const char *layer)
{
	const char *layer_desc = layout_case_blob(l, OCI_LAYER, layer);
	const char *config = text(
		"{%s\"rootfs\":{\"diff_ids\":[\"%s\"]}}", platform, digest_text(layer));
	const char *config_desc = layout_case_blob(l, OCI_CONFIG, config);
	const char *manifest =
		text("{\"schemaVersion\":2,\"config\":{%s},\"layers\":[{%s}]}",
			config_desc, layer_desc);

	return layout_case_blob(l, OCI_MANIFEST, manifest);
}

void layout_case_index(struct layout_case *l, const char *entries)
{
	layout_case_file(l, "index.json",
		text("{\"schemaVersion\":2,\"manifests\":[%s]}", entries));
}

struct image *layout_case_open(
	struct layout_case *l, const char *suffix, const char *platform)
{
	struct image_options o = {.platform = platform ? platform : "linux/amd64"};
	struct image *image = NULL;

	l->err = (struct o2r_err){0};
	l->warnings[0] = '\0';

	int r = image_open(
		text("oci:%s%s", l->dir, suffix), &o, &l->ctx, &image, &l->err);

	must(r == l->err.code && (r == 0) == (image != NULL),
		"the code is not the error's");
	must(!strchr(l->err.text, '\n'), "an error of several lines");
	return image;
}

bool layout_case_fails(struct layout_case *l, const char *suffix, const char *platform,
	enum err_class cls, const char *message)
{
	struct image *image = layout_case_open(l, suffix, platform);
	bool ok = !image && l->err.cls == cls && strstr(l->err.text, message);

	if (!ok)
		fprintf(stderr, "  wanted class %d \"%s\", got class %d \"%s\"\n", cls,
			message, l->err.cls, l->err.text);
	image_destroy(image);
	return ok;
}

bool layout_case_gives(struct layout_case *l, const char *suffix, const char *platform,
	const char *layer)
{
	struct image *image = layout_case_open(l, suffix, platform);
	bool ok = image && image->layer_count == 1 &&
		  strcmp(digest_format(&image->layers[0].digest).s, digest_text(layer)) ==
			  0;

	if (!ok)
		fprintf(stderr, "  wanted \"%s\", got %s\n", layer,
			image ? "another image" : l->err.text);
	image_destroy(image);
	return ok;
}
