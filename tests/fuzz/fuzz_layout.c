/*
 * A whole layout in memory, from index.json to open layers. The input is parts separated
 * by the byte 0x1e: what is wanted (tag or "@N" or nothing, a newline, a platform),
 * oci-layout, index.json, then blobs. In these texts "#b", "#c", ... stand for digest and
 * size of the first blob, the second, ... that come later in the input, so that mutated
 * blobs keep being found by their digests.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/image_read.h"
#include "sources/platform.h"

enum {
	PARTS_MAX = 24,
	PART_WANTED = 0,
	PART_LAYOUT = 1,
	PART_INDEX = 2,
	PART_BLOBS = 3,
};

struct part {
	struct buf text;
	struct digest digest;
};

struct parts {
	struct part part[PARTS_MAX];
	unsigned count;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void parts_finish(struct parts *p)
{
	for (unsigned i = 0; i < p->count; i++)
		buf_finish(&p->part[i].text);
}

/* Part i with references to later ones put in; those are complete already. */
static void expand(struct parts *p, unsigned i, const char *text, size_t n)
{
	struct buf *out = &p->part[i].text;
	struct o2r_err err = {0};

	/* empty texts end in a NUL too */
	must(buf_reserve(out, 1) == 0);
	out->data[0] = '\0';
	for (size_t k = 0; k < n; k++) {
		unsigned at = k + 1 < n && text[k] == '#' && text[k + 1] >= 'b'
				      ? PART_BLOBS + (unsigned)(text[k + 1] - 'b')
				      : 0;

		if (at > i && at < p->count) {
			must(buf_printf(out, "\"digest\":\"%s\",\"size\":%zu",
				     digest_format(&p->part[at].digest).s,
				     p->part[at].text.len) == 0);
			k++;
		} else {
			must(buf_append(out, text + k, 1) == 0);
		}
	}
	must(digest_of(DIGEST_SHA256, out->data, out->len, &p->part[i].digest, &err) ==
		0);
}

static void split(struct parts *p, const char *data, size_t size)
{
	const char *from[PARTS_MAX];
	size_t len[PARTS_MAX];
	const char *end = data + size;

	for (; p->count < PARTS_MAX && data < end; p->count++) {
		const char *sep = memchr(data, 0x1e, (size_t)(end - data));

		from[p->count] = data;
		len[p->count] = (size_t)((sep ? sep : end) - data);
		data = sep ? sep + 1 : end;
	}
	for (unsigned i = p->count; i-- > 0;)
		expand(p, i, from[i], len[i]);
}

static int open_part(void *arg, const char *path, struct blob *out, struct o2r_err *err)
{
	struct parts *p = arg;
	const char *hex = strrchr(path, '/');
	unsigned at = p->count;

	if (strcmp(path, "oci-layout") == 0)
		at = PART_LAYOUT;
	if (strcmp(path, "index.json") == 0)
		at = PART_INDEX;
	for (unsigned i = PART_BLOBS; hex && i < p->count; i++)
		if (strcmp(hex + 1,
			    strchr(digest_format(&p->part[i].digest).s, ':') + 1) == 0)
			at = i;
	/* no path of ours leads out of the layout */
	must(!strstr(path, "..") && path[0] != '/');
	if (at >= p->count)
		return err_set(err, ERR_NOT_FOUND, ENOENT, "no such part");
	return blob_open_memory(out, p->part[at].text.data, p->part[at].text.len, 0, err);
}

static bool read_wanted(struct parts *p, struct wanted *want)
{
	struct o2r_err err = {0};
	char *text = p->part[PART_WANTED].text.data, *newline = strchr(text, '\n');

	want->index = -1;
	if (!newline || platform_parse(newline + 1, &want->platform, &err) < 0)
		return false;
	*newline = '\0';
	if (text[0] == '@')
		want->index = atoi(text + 1) & 15;
	else if (text[0])
		want->tag = text;
	return true;
}

static void check_image(const struct image *image)
{
	struct digest d;
	struct o2r_err err = {0};

	must(digest_of(image->manifest_digest.algo, image->manifest.data,
		     image->manifest.len, &d, &err) == 0);
	must(digest_equal(&d, &image->manifest_digest));
	must(digest_of(image->config_digest.algo, image->config.data, image->config.len,
		     &d, &err) == 0);
	must(digest_equal(&d, &image->config_digest));
	for (unsigned i = 0; i < image->layer_count; i++) {
		const struct image_layer *l = &image->layers[i];

		must(l->blob.ops && l->blob.size == l->size && l->media_type);
		must(l->diff_id.algo != DIGEST_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(parts_finish) struct parts parts = {0};
	struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
	struct layout layout = {
		.open = open_part, .arg = &parts, .name = "memory", .ctx = &ctx};
	struct wanted want = {0};
	struct o2r_err err = {0};
	struct image *image;
	int r;

	ctx.limits.config = 2000;
	split(&parts, (const char *)data, size);
	if (parts.count <= PART_WANTED || !read_wanted(&parts, &want))
		return 0;
	image = calloc(1, sizeof(*image));
	must(image);
	r = image_read(image, &layout, &want, &err);
	if (r == 0)
		check_image(image);
	else
		must(err.code == r && err.text[0] && !strchr(err.text, '\n'));
	image_destroy(image);
	return 0;
}
