/*
 * An archive of Docker in memory: names, links, manifest.json, configs. The input is
 * parts separated by the byte 0x1e. The first is what is wanted: a tag, "@N" or nothing.
 * Each other is a member: its type ('0' file, '1' hard link, '2' symbolic link), its name
 * up to a newline, and its content or target.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/archive_impl.h"
#include "sources/docker_archive.h"
#include "sources/image_read.h"
#include "sources/platform.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void add_member(struct archive_file *a, char *part, size_t n)
{
	char *name = part + 1, *newline = memchr(part, '\n', n);
	struct member m = {.kind = MEMBER_MEMORY};
	char *content;

	if (!newline || newline == part)
		return;
	*newline = '\0';
	content = newline + 1;
	if (part[0] == '1' || part[0] == '2') {
		m.kind = part[0] == '1' ? MEMBER_HARD_LINK : MEMBER_SYMLINK;
		must(archive_add(a, name, content, &m, NULL) == 0);
		return;
	}
	m.size = n - (size_t)(content - part);
	m.data = malloc(m.size + 1);
	must(m.data);
	memcpy(m.data, content, m.size);
	must(archive_add(a, name, NULL, &m, NULL) == 0);
}

static struct archive_file *make(char *text, size_t size, char **wanted)
{
	struct archive_file *a = archive_create(-1, NULL);
	char *end = text + size;

	must(a);
	*wanted = NULL;
	for (char *p = text; p < end;) {
		char *sep = memchr(p, 0x1e, (size_t)(end - p));
		size_t n = (size_t)((sep ? sep : end) - p);

		p[n] = '\0';
		if (*wanted)
			add_member(a, p, n);
		else
			*wanted = p;
		p += n + 1;
	}
	archive_sort(a);
	return a;
}

/* What is shown is a layout whose documents are in order. */
static void check(struct docker_archive *d, const struct ctx *ctx)
{
	struct layout layout = {
		.open = docker_archive_open, .arg = d, .name = "memory", .ctx = ctx};
	struct wanted want = {.index = -1};
	struct o2r_err err = {0};
	struct image *image = calloc(1, sizeof(*image));
	int r;

	must(image && platform_parse("linux/amd64", &want.platform, &err) == 0);
	r = image_read(image, &layout, &want, &err);
	if (r < 0)
		must(err.code == r && err.text[0] && !strchr(err.text, '\n') &&
			err.cls != ERR_CORRUPT);
	image_destroy(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = malloc(size + 1);
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct docker_archive *d = NULL;
	struct archive_file *a;
	struct wanted w = {.index = -1};
	struct o2r_err err = {0};
	char *wanted;
	int r;

	must(text);
	memcpy(text, data, size);
	ctx.limits.config = 2000;
	a = make(text, size, &wanted);
	if (wanted && wanted[0] == '@')
		w.index = atoi(wanted + 1) & 15;
	else if (wanted && wanted[0])
		w.tag = wanted;
	r = docker_archive_create(a, &w, "memory", &ctx, &d, &err);
	if (r == 0)
		check(d, &ctx);
	else
		must(err.code == r && err.text[0] && !strchr(err.text, '\n'));
	docker_archive_destroy(d);
	archive_close(a);
	return 0;
}
