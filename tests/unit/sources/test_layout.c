/* OCI layouts in a directory: every file that can be missing, wrong or odd. */
#include "layout_case.h"
#include "unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob/codec.h"

#define AMD64 "\"os\":\"linux\",\"architecture\":\"amd64\","

/* A layout of one image whose layer is "layer". */
static void begin(struct layout_case *l)
{
	layout_case_begin(l);
	layout_case_index(l, text("{%s}", layout_case_image(l, AMD64, "layer")));
}

static void opens(void)
{
	struct layout_case l;
	struct image *image;

	begin(&l);
	image = layout_case_open(&l, "", NULL);
	if (image) {
		char buf[5];
		struct o2r_err err = {0};

		CHECK_STR(image->manifest_type, OCI_MANIFEST);
		CHECK_STR(digest_format(&image->manifest_digest).s,
			digest_text(image->manifest.data));
		CHECK_STR(digest_format(&image->config_digest).s,
			digest_text(image->config.data));
		CHECK_STR(image->reference, text("oci:%s", l.dir));
		CHECK_EQ(image->layer_count, 1);
		CHECK_STR(image->layers[0].media_type, OCI_LAYER);
		CHECK_EQ(image->layers[0].codec, CODEC_PLAIN);
		CHECK_EQ(image->layers[0].size, 5);
		CHECK_EQ(image->layers[0].blob.size, 5);
		CHECK_STR(
			digest_format(&image->layers[0].diff_id).s, digest_text("layer"));
		CHECK_EQ(blob_pread(&image->layers[0].blob, buf, 5, 0, &err), 0);
		CHECK_MEM(buf, "layer", 5);
		CHECK_STR(image->parsed.platform.arch, "amd64");
	}
	CHECK_STR(l.warnings, "");
	image_destroy(image);
	image_destroy(NULL);
	layout_case_end(&l);
}

static void bare_paths(void)
{
	struct layout_case l;
	struct o2r_err err = {0};
	struct image *image = NULL;
	struct image_options o = {.platform = "linux/amd64"};

	begin(&l);
	CHECK_EQ(image_open(l.dir, &o, &l.ctx, &image, &err), 0);
	image_destroy(image);
	/* a colon is part of a bare path, but ends that of oci: */
	CHECK_EQ(rename(l.dir, text("%s:x", l.dir)), 0);
	CHECK_EQ(image_open(text("%s:x", l.dir), &o, &l.ctx, &image, &err), 0);
	image_destroy(image);
	CHECK(layout_case_fails(&l, ":x", NULL, ERR_NOT_FOUND, "cannot open"));
	CHECK_EQ(rename(text("%s:x", l.dir), l.dir), 0);
	CHECK(image_open(text("%s:x", l.dir), &o, &l.ctx, &image, &err) < 0);
	CHECK_EQ(err.cls, ERR_NOT_FOUND);
	CHECK(strstr(err.text, text("write oci:%s:x", l.dir)));
	layout_case_end(&l);
}

static void not_layouts(void)
{
	struct layout_case l;
	struct o2r_err err = {0};
	struct image *image = NULL;
	struct image_options o = {.platform = "linux/amd64"};

	begin(&l);
	CHECK(layout_case_fails(&l, "/none", NULL, ERR_NOT_FOUND, "cannot open"));
	CHECK(layout_case_fails(&l, "/index.json", NULL, ERR_USAGE,
		"is not a directory: for an archive write oci-archive:"));
	CHECK(layout_case_fails(
		&l, "/blobs", NULL, ERR_NOT_FOUND, "is not an OCI layout"));
	CHECK(layout_case_fails(&l, "", "linux", ERR_USAGE, "is not a platform"));
	CHECK_EQ(chdir(l.dir), 0);
	/* names that no registry is asked for */
	CHECK_EQ(mkdir("UPPER", 0700), 0);
	CHECK(image_open("UPPER", &o, &l.ctx, &image, &err) < 0);
	CHECK_EQ(err.cls, ERR_USAGE);
	CHECK(strstr(err.text, "(if the file or folder ./UPPER is meant, write it so)"));
	CHECK_EQ(rmdir("UPPER"), 0);
	CHECK(image_open("UPPER", &o, &l.ctx, &image, &err) < 0);
	CHECK(!strstr(err.text, "is meant"));
	CHECK_EQ(image_open(".", &o, &l.ctx, &image, &err), 0);
	image_destroy(image);
	CHECK_EQ(chdir("/"), 0);
	layout_case_end(&l);
}

static const struct file_case {
	const char *path, *content; /* NULL: the file is removed */
	enum err_class cls;         /* NONE: fine */
	const char *message;
} file_cases[] = {
	{"oci-layout", NULL, ERR_NOT_FOUND, "it has no file oci-layout"},
	{"oci-layout", "", ERR_CORRUPT, "oci-layout: the JSON is cut short"},
	{"oci-layout", "{}", ERR_CORRUPT, "imageLayoutVersion is missing"},
	{"oci-layout", "{\"imageLayoutVersion\":1}", ERR_CORRUPT, "is a number"},
	{"oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}", ERR_FAIL,
		"the layout has version \"2.0.0\", not 1.x"},
	{"oci-layout", "{\"imageLayoutVersion\":\"1.1.0\",\"x\":1}\n", ERR_NONE, NULL},
	{"index.json", NULL, ERR_CORRUPT, "the layout has no index.json"},
	{"index.json", "", ERR_CORRUPT, "index.json: the JSON is cut short at byte 0"},
	{"index.json", "{\"manifests\":[]} x", ERR_CORRUPT,
		"something behind the document"},
	{"index.json", "{\"schemaVersion\":2}", ERR_CORRUPT, "manifests is missing"},
	{"index.json", "{\"schemaVersion\":2,\"manifests\":[]}", ERR_NOT_FOUND,
		"holds no image"},
	{"index.json", "{\"manifests\":[],\"manifests\":[]}", ERR_CORRUPT,
		"the name \"manifests\" twice"},
	{"extra-file", "does not matter", ERR_NONE, NULL},
};

static void files(void)
{
	for (size_t i = 0; i < sizeof(file_cases) / sizeof(file_cases[0]); i++) {
		const struct file_case *c = &file_cases[i];
		struct layout_case l;

		begin(&l);
		layout_case_file(&l, c->path, c->content);
		if (c->cls)
			CHECK(layout_case_fails(&l, "", NULL, c->cls, c->message));
		else
			CHECK(layout_case_gives(&l, "", NULL, "layer"));
		layout_case_end(&l);
	}
}

/* What happens to a blob, told by a word, and what is then said. */
static void spoil(struct layout_case *l, const char *content, const char *how)
{
	const char *path = text("%s/%s", l->dir, blob_path(content));

	if (strcmp(how, "missing") == 0) {
		CHECK_EQ(unlink(path), 0);
	} else if (strcmp(how, "short") == 0) {
		CHECK_EQ(truncate(path, (off_t)strlen(content) - 1), 0);
	} else if (strcmp(how, "long") == 0) {
		CHECK_EQ(truncate(path, (off_t)strlen(content) + 1), 0);
	} else if (strcmp(how, "flipped") == 0) {
		char *other = strdup(content);

		other[strlen(other) - 1] ^= 1;
		layout_case_file(l, blob_path(content), other);
		free(other);
	} else if (strcmp(how, "directory") == 0) {
		CHECK_EQ(unlink(path), 0);
		CHECK_EQ(mkdir(path, 0777), 0);
	} else if (strcmp(how, "fifo") == 0) {
		CHECK_EQ(unlink(path), 0);
		CHECK_EQ(mkfifo(path, 0666), 0);
	} else if (strcmp(how, "link") == 0) {
		const char *away = text("%s/elsewhere", l->dir);

		CHECK_EQ(rename(path, away), 0);
		CHECK_EQ(symlink(away, path), 0);
	} else if (strcmp(how, "dangling") == 0) {
		CHECK_EQ(unlink(path), 0);
		CHECK_EQ(symlink("nowhere", path), 0);
	}
}

static const struct spoiled {
	const char *how, *message; /* NULL: fine */
} spoiled[] = {
	{"missing", "is missing from"},
	{"short", "bytes, its descriptor says"},
	{"long", "bytes, its descriptor says"},
	{"flipped", "its content has the digest sha256:"},
	{"directory", "not a regular file"},
	{"fifo", "not a regular file"},
	{"link", NULL},
	{"dangling", "is missing from"},
};

static void blobs(void)
{
	for (size_t i = 0; i < 3 * sizeof(spoiled) / sizeof(spoiled[0]); i++) {
		const struct spoiled *s = &spoiled[i / 3];
		struct layout_case l;
		struct image *image;

		begin(&l);
		image = layout_case_open(&l, "", NULL);
		if (!image)
			continue;

		const char *blob = i % 3 == 0   ? text("%s", image->manifest.data)
				   : i % 3 == 1 ? text("%s", image->config.data)
						: "layer";
		/* a layer's content is verified by who reads it */
		const char *message =
			i % 3 == 2 && strcmp(s->how, "flipped") == 0 ? NULL : s->message;

		image_destroy(image);
		spoil(&l, blob, s->how);
		if (message) {
			CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT, message));
			CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT,
				strchr(digest_text(blob), ':') + 1));
		} else {
			CHECK(layout_case_gives(&l, "", NULL, "layer"));
		}
		layout_case_end(&l);
	}
}

/* Manifests by hand; %s are the digests of config, then layer, which have 2 and 5 bytes.
 */
#define DESC(type, digest, size)                                                         \
	"{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size "}"
#define D_CONFIG(type) "\"config\":" DESC(type, "%s", "%zu")
#define D_LAYER(type) DESC(type, "%s", "5")

static const struct manifest_case {
	const char *fmt;
	int diff_ids;
	enum err_class cls;
	const char *message;
} manifest_cases[] = {
	{"{" D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(OCI_LAYER) "]}", 1, ERR_NONE,
		NULL},
	{"{" D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(OCI_LAYER) "]}", 2, ERR_CORRUPT,
		"the manifest has 1 layers, but config sha256:"},
	{"{" D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(OCI_LAYER) "]}", 0, ERR_CORRUPT,
		"has 0 diff_ids"},
	{"{" D_CONFIG(OCI_CONFIG) ",\"x\":\"%s\"}", 1, ERR_CORRUPT,
		"the manifest has 0 layers, but config"},
	{"{" D_CONFIG(DOCKER_TYPE "container.image.v1+json") ",\"layers\":[" D_LAYER(
		 DOCKER_TYPE "image.rootfs.diff.tar") "]}",
		1, ERR_NONE, NULL},
	{"{" D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(
		 "application/octet-stream") "]}",
		1, ERR_FAIL, "layers[0] is of the type \"application/octet-stream\""},
	{"{" D_CONFIG("application/vnd.cncf.helm.config.v1+json") ",\"layers\":[" D_LAYER(
		 OCI_LAYER) "]}",
		1, ERR_FAIL, "an artifact of the type \"application/vnd.cncf.helm"},
	{"{" D_CONFIG(OCI_CONFIG) ",\"layers\":[" DESC(OCI_LAYER, "%s", "6") "]}", 1,
		ERR_CORRUPT, "has 5 bytes, its descriptor says 6"},
	{"{\"mediaType\":\"" OCI_INDEX
	 "\"," D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(OCI_LAYER) "]}",
		1, ERR_CORRUPT, "an index by its mediaType and a manifest otherwise"},
	{"{\"schemaVersion\":1," D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(
		 OCI_LAYER) "]}",
		1, ERR_FAIL, "Docker schema 1"},
	{"{\"manifests\":[]," D_CONFIG(OCI_CONFIG) ",\"layers\":[" D_LAYER(
		 OCI_LAYER) "]}",
		1, ERR_CORRUPT, "members of an index (manifests) and of a manifest"},
};

static const char *config_of(int diff_ids)
{
	const char *id = text("\"%s\"", digest_text("layer"));

	return text("{" AMD64 "\"rootfs\":{\"diff_ids\":[%s%s%s]}}",
		diff_ids > 0 ? id : "", diff_ids > 1 ? "," : "", diff_ids > 1 ? id : "");
}

static void manifests(void)
{
	for (size_t i = 0; i < sizeof(manifest_cases) / sizeof(manifest_cases[0]); i++) {
		const struct manifest_case *c = &manifest_cases[i];
		struct layout_case l;
		char manifest[2000];

		layout_case_begin(&l);
		layout_case_blob(&l, NULL, "layer");

		const char *config = config_of(c->diff_ids);

		layout_case_blob(&l, NULL, config);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(manifest, sizeof(manifest), c->fmt, digest_text(config),
			strlen(config), digest_text("layer"));
#pragma GCC diagnostic pop
		layout_case_index(
			&l, text("{%s}", layout_case_blob(&l, OCI_MANIFEST, manifest)));
		if (c->cls)
			CHECK(layout_case_fails(&l, "", NULL, c->cls, c->message));
		else
			CHECK(layout_case_gives(&l, "", NULL, "layer"));
		layout_case_end(&l);
	}
}

static void inline_data(void)
{
	struct layout_case l;
	const char *config = "{\"rootfs\":{}}";
	/* base64 of the config; of the manifest's text nothing is inline */
	const char *data = "eyJyb290ZnMiOnt9fQ==";
	const char *desc, *manifest;

	layout_case_begin(&l);
	desc = layout_case_blob(&l, OCI_CONFIG, config);
	layout_case_file(&l, blob_path(config), NULL);
	manifest = text("{\"config\":{%s,\"data\":\"%s\"},\"layers\":[]}", desc, data);
	layout_case_index(&l, text("{%s}", layout_case_blob(&l, OCI_MANIFEST, manifest)));

	struct image *image = layout_case_open(&l, "", NULL);

	CHECK(image);
	if (image)
		CHECK_STR(image->config.data, config);
	CHECK(strstr(l.warnings, "the image does not tell its platform"));
	image_destroy(image);

	/* an inline layer, and one that does not match */
	desc = layout_case_blob(&l, OCI_LAYER, "layer");
	layout_case_file(&l, blob_path("layer"), NULL);
	config = config_of(1);

	const char *config_desc = layout_case_blob(&l, OCI_CONFIG, config);

	manifest = text("{\"config\":{%s},\"layers\":[{%s,\"data\":\"bGF5ZXI=\"}]}",
		config_desc, desc);
	layout_case_index(&l, text("{%s}", layout_case_blob(&l, OCI_MANIFEST, manifest)));
	CHECK(layout_case_gives(&l, "", NULL, "layer"));
	manifest = text("{\"config\":{%s},\"layers\":[{%s,\"data\":\"TGF5ZXI=\"}]}",
		config_desc, desc);
	layout_case_index(&l, text("{%s}", layout_case_blob(&l, OCI_MANIFEST, manifest)));
	CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT, "inline data: its content"));
	layout_case_end(&l);
}

static void limits(void)
{
	struct layout_case l;

	begin(&l);
	l.ctx.limits.manifest = 50;
	CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT,
		"bytes, more than the 50 allowed (raise it with "
		"--limit "
		"manifest=N)"));
	l.ctx.limits.manifest = 230;
	CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT, "--limit manifest=N"));
	l.ctx.limits.manifest = 4 << 20;
	l.ctx.limits.config = 20;
	CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT, "--limit config=N"));
	l.ctx.limits.config = 8 << 20;
	l.ctx.limits.json_depth = 2;
	CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT, "--limit json-depth=N"));
	layout_case_end(&l);
}

/* A descriptor may claim any size: it is refused before anything is read or reserved. */
static void huge_size(void)
{
	struct layout_case l;

	begin(&l);
	layout_case_index(
		&l, text("{\"mediaType\":\"" OCI_MANIFEST
			 "\",\"digest\":\"%s\",\"size\":9007199254740991,"
			 "\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}",
			    digest_text("x")));
	CHECK(layout_case_fails(&l, "", NULL, ERR_CORRUPT,
		"it has 9007199254740991 bytes, more than the 4194304 allowed"));
	layout_case_end(&l);
}

static void sha512(void)
{
	struct layout_case l;
	struct digest d;
	struct o2r_err err = {0};
	const char *config = "{\"rootfs\":{}}", *digest;

	layout_case_begin(&l);
	CHECK_EQ(digest_of(DIGEST_SHA512, config, strlen(config), &d, &err), 0);
	digest = text("%s", digest_format(&d).s);
	CHECK_EQ(mkdir(text("%s/blobs/sha512", l.dir), 0777), 0);
	layout_case_file(&l, text("blobs/sha512/%s", strchr(digest, ':') + 1), config);
	layout_case_index(&l,
		text("{%s}",
			layout_case_blob(&l, OCI_MANIFEST,
				text("{\"config\":{\"mediaType\":\"" OCI_CONFIG
				     "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[]}",
					digest, strlen(config)))));

	struct image *image = layout_case_open(&l, "", NULL);

	CHECK(image);
	if (image)
		CHECK_STR(digest_format(&image->config_digest).s, digest);
	image_destroy(image);
	layout_case_end(&l);
}

static struct image *open_pinned(struct layout_case *l, const char *reference,
	const struct digest *manifest, struct o2r_err *err)
{
	const struct image_options o = {.platform = "linux/arm64", .manifest = manifest};
	struct image *image = NULL;
	int r = image_open(reference, &o, &l->ctx, &image, err);

	CHECK_EQ(r == 0, image != NULL);
	return image;
}

/* A manifest by its digest, by way of the reference that an image names itself with:
 * whatever tags, platforms and index.json say by then. */
static void pinned(void)
{
	struct layout_case l;
	struct o2r_err err = {0};
	struct digest none = {.algo = DIGEST_SHA256};

	layout_case_begin(&l);
	layout_case_index(&l, text("{%s}", layout_case_image(&l, AMD64, "first")));

	struct image *first = layout_case_open(&l, "", NULL);

	CHECK(first);
	if (!first)
		return;
	CHECK_STR(first->absolute, text("oci:%s", l.dir));
	layout_case_index(&l, text("{%s}", layout_case_image(&l, AMD64, "second")));

	struct image *again =
		open_pinned(&l, first->absolute, &first->manifest_digest, &err);

	CHECK(again && digest_equal(&again->manifest_digest, &first->manifest_digest));
	CHECK_STR(l.warnings, "");
	image_destroy(again);
	CHECK(!open_pinned(&l, first->absolute, &none, &err));
	CHECK_EQ(err.cls, ERR_CORRUPT);
	CHECK(strstr(err.text, "is missing"));
	/* what is no manifest, though it is a blob */
	CHECK(!open_pinned(&l, first->absolute, &first->config_digest, &err));
	CHECK_EQ(err.cls, ERR_CORRUPT);
	image_destroy(first);
	layout_case_end(&l);
}

/* A folder with a colon has no prefixed form. */
static void absolute(void)
{
	struct layout_case l;
	struct o2r_err err = {0};
	const char *name, *link;

	layout_case_begin(&l);
	layout_case_index(&l, text("{%s}", layout_case_image(&l, AMD64, "only")));
	name = text("%s:x", l.dir);
	link = text("%s.link", l.dir);
	CHECK_EQ(rename(l.dir, name), 0);
	CHECK_EQ(symlink(name, link), 0);

	const struct image_options o = {.platform = "linux/amd64"};
	struct image *image = NULL;

	CHECK_EQ(image_open(text("oci:%s", link), &o, &l.ctx, &image, &err), 0);
	if (image)
		CHECK_STR(image->absolute, name);
	image_destroy(image);
	CHECK_EQ(unlink(link), 0);
	CHECK_EQ(rename(name, l.dir), 0);
	layout_case_end(&l);
}

int main(void)
{
	opens();
	pinned();
	absolute();
	bare_paths();
	not_layouts();
	files();
	blobs();
	manifests();
	inline_data();
	limits();
	huge_size();
	sha512();
	TEST_END;
}
