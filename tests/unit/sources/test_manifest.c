/* Index and manifest documents: what they are, what is refused, and their media types. */
#include "unit.h"

#include "base/cleanup.h"
#include "blob/codec.h"
#include "sources/manifest.h"

#define HEX "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define DIGEST "\"digest\":\"sha256:" HEX "\""
#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."
#define CONFIG_TYPE "\"mediaType\":\"" OCI "config.v1+json\","
#define LAYER_TYPE "\"mediaType\":\"" OCI "layer.v1.tar\","
#define CONFIG "\"config\":{" CONFIG_TYPE DIGEST ",\"size\":2}"
#define LAYER "{" LAYER_TYPE DIGEST ",\"size\":2}"
#define LAYERS "\"layers\":[" LAYER "]"
#define ENTRY "{\"mediaType\":\"" OCI "manifest.v1+json\"," DIGEST ",\"size\":2}"
#define MANIFESTS "\"manifests\":[" ENTRY "]"

static const struct limits limits = LIMITS_DEFAULT;

static const struct kind {
	const char *text, *led_by;
	enum media_kind kind;
	unsigned count;
} kinds[] = {
	/* told by content alone */
	{"{" MANIFESTS "}", NULL, MEDIA_INDEX, 1},
	{"{" CONFIG "," LAYERS "}", NULL, MEDIA_MANIFEST, 1},
	{"{\"schemaVersion\":2,\"manifests\":[]}", NULL, MEDIA_INDEX, 0},
	{"{" CONFIG ",\"layers\":[]}", NULL, MEDIA_MANIFEST, 0},
	{"{" CONFIG ",\"layers\":null}", NULL, MEDIA_MANIFEST, 0},
	{"{" CONFIG "}", NULL, MEDIA_MANIFEST, 0},
	{"{\"mediaType\":null," MANIFESTS "}", NULL, MEDIA_INDEX, 1},
	{"{\"mediaType\":\"\"," MANIFESTS "}", "", MEDIA_INDEX, 1},
	/* by its own type */
	{"{\"mediaType\":\"" OCI "index.v1+json\"," MANIFESTS "}", NULL, MEDIA_INDEX, 1},
	{"{\"mediaType\":\"" DOCKER "distribution.manifest.list.v2+json\"," MANIFESTS "}",
		NULL, MEDIA_INDEX, 1},
	{"{\"mediaType\":\"" OCI "manifest.v1+json\"," CONFIG "," LAYERS "}", NULL,
		MEDIA_MANIFEST, 1},
	{"{\"mediaType\":\"" DOCKER "distribution.manifest.v2+json\"," CONFIG "," LAYERS
	 "}",
		NULL, MEDIA_MANIFEST, 1},
	/* by the descriptor's */
	{"{" CONFIG "," LAYERS "}", OCI "manifest.v1+json", MEDIA_MANIFEST, 1},
	{"{" MANIFESTS "}", DOCKER "distribution.manifest.list.v2+json", MEDIA_INDEX, 1},
	{"{\"mediaType\":\"" OCI "manifest.v1+json\"," CONFIG "," LAYERS "}",
		DOCKER "distribution.manifest.v2+json", MEDIA_MANIFEST, 1},
	/* members that are not known */
	{"{\"x\":[{}],\"annotations\":{\"a\":\"b\"}," CONFIG "," LAYERS "}", NULL,
		MEDIA_MANIFEST, 1},
	/* null is as good as missing */
	{"{\"manifests\":null," CONFIG "," LAYERS "}", NULL, MEDIA_MANIFEST, 1},
};

static void tells_kinds(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		CLEANUP(document_finish) struct document doc = {0};
		const struct kind *k = &kinds[i];
		struct o2r_err err = {0};

		CHECK_EQ(document_parse(k->text, strlen(k->text), k->led_by, &limits,
				 &doc, &err),
			0);
		CHECK_EQ(doc.kind, k->kind);
		CHECK_EQ(doc.count, k->count);
		if (err.code)
			fprintf(stderr, "  %s: %s\n", k->text, err.text);
	}
}

static const struct bad {
	const char *text, *led_by;
	enum err_class cls;
	const char *message;
} bad[] = {
	{"[]", NULL, ERR_CORRUPT, "the document is a list, not an object"},
	{"{}", NULL, ERR_CORRUPT, "neither an index nor a manifest"},
	{"{\"schemaVersion\":2}", NULL, ERR_CORRUPT, "neither an index nor a manifest"},
	{"{" MANIFESTS "," CONFIG "}", NULL, ERR_CORRUPT,
		"members of an index (manifests) and of a manifest (config, layers)"},
	{"{" MANIFESTS "," LAYERS "}", OCI "index.v1+json", ERR_CORRUPT,
		"members of an index"},
	{"{\"mediaType\":\"" OCI "index.v1+json\"," CONFIG "," LAYERS "}", NULL,
		ERR_CORRUPT, "a manifest by its members and an index otherwise"},
	{"{\"mediaType\":\"" OCI "manifest.v1+json\"," MANIFESTS "}", NULL, ERR_CORRUPT,
		"an index by its members and a manifest otherwise"},
	{"{" MANIFESTS "}", OCI "manifest.v1+json", ERR_CORRUPT,
		"an index by its members"},
	{"{\"mediaType\":\"" OCI "index.v1+json\"," MANIFESTS "}", OCI "manifest.v1+json",
		ERR_CORRUPT, "an index by its mediaType and a manifest otherwise"},
	{"{\"mediaType\":\"" OCI "index.v1+json\"}", NULL, ERR_CORRUPT,
		"manifests is missing"},
	{"{" LAYERS "}", NULL, ERR_CORRUPT, "config is missing"},
	{"{\"mediaType\":7," MANIFESTS "}", NULL, ERR_CORRUPT,
		"mediaType is a number, not a string"},
	{"{\"mediaType\":\"text/plain\"," MANIFESTS "}", NULL, ERR_FAIL,
		"its media type \"text/plain\" is neither"},
	{"{" MANIFESTS "}", OCI "layer.v1.tar", ERR_FAIL,
		"is neither an image index nor"},
	/* schema 1 */
	{"{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, ERR_FAIL, "Docker schema 1"},
	{"{\"fsLayers\":[]}", NULL, ERR_FAIL, "Docker schema 1"},
	{"{\"mediaType\":\"" DOCKER "distribution.manifest.v1+prettyjws\"}", NULL,
		ERR_FAIL, "Docker schema 1"},
	{"{}", DOCKER "distribution.manifest.v1+json", ERR_FAIL, "Docker schema 1"},
	{"{\"schemaVersion\":3," MANIFESTS "}", NULL, ERR_CORRUPT,
		"schemaVersion is 3, not 2"},
	{"{\"schemaVersion\":\"2\"," MANIFESTS "}", NULL, ERR_CORRUPT,
		"schemaVersion is a string"},
	/* descriptors */
	{"{\"manifests\":{}}", NULL, ERR_CORRUPT, "manifests is an object, not a list"},
	{"{\"manifests\":[7]}", NULL, ERR_CORRUPT,
		"manifests[0] is a number, not an object"},
	{"{\"manifests\":[" ENTRY ",{\"size\":2}]}", NULL, ERR_CORRUPT,
		"manifests[1].digest is missing"},
	{"{\"manifests\":[{" DIGEST "}]}", NULL, ERR_CORRUPT,
		"manifests[0].size is missing"},
	{"{\"manifests\":[{" DIGEST ",\"size\":-1}]}", NULL, ERR_CORRUPT,
		"manifests[0].size is not an integer"},
	{"{\"manifests\":[{" DIGEST ",\"size\":1.5}]}", NULL, ERR_CORRUPT,
		"manifests[0].size is not an integer"},
	{"{\"manifests\":[{" DIGEST ",\"size\":9007199254740992}]}", NULL, ERR_CORRUPT,
		"manifests[0].size is not an integer"},
	{"{\"manifests\":[{\"digest\":\"sha256:../../../etc/passwd\",\"size\":1}]}", NULL,
		ERR_CORRUPT, "manifests[0].digest: "},
	{"{\"manifests\":[{\"digest\":\"md5:0123456789abcdef0123456789abcdef\",\"size\":"
	 "1}]}",
		NULL, ERR_CORRUPT, "manifests[0].digest: "},
	{"{\"manifests\":[{\"digest\":\"\",\"size\":1}]}", NULL, ERR_CORRUPT,
		"manifests[0].digest: "},
	{"{\"manifests\":[{" DIGEST ",\"size\":1,\"data\":7}]}", NULL, ERR_CORRUPT,
		"manifests[0].data is a number"},
	{"{\"manifests\":[{" DIGEST ",\"size\":1,\"platform\":7}]}", NULL, ERR_CORRUPT,
		"manifests[0].platform is a number"},
	{"{\"manifests\":[{" DIGEST ",\"size\":1,\"platform\":{\"os\":7}}]}", NULL,
		ERR_CORRUPT, "manifests[0].platform.os is a number"},
	{"{\"manifests\":[{" DIGEST
	 ",\"size\":1,\"platform\":{\"os\":\"a b\",\"architecture\":\"x\"}}]}",
		NULL, ERR_CORRUPT,
		"manifests[0].platform: \"a b\" is not the name of a platform"},
	{"{\"manifests\":[{" DIGEST ",\"size\":1,\"annotations\":[]}]}", NULL,
		ERR_CORRUPT, "manifests[0].annotations is a list"},
	{"{\"manifests\":[{" DIGEST
	 ",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":1}}]}",
		NULL, ERR_CORRUPT,
		"manifests[0].annotations.org.opencontainers.image.ref.name is a number"},
	{"{\"manifests\":[{" DIGEST ",\"size\":1,\"artifactType\":{}}]}", NULL,
		ERR_CORRUPT, "manifests[0].artifactType is an object"},
	{"{\"config\":{" DIGEST ",\"size\":2}," LAYERS "}", NULL, ERR_CORRUPT,
		"config.mediaType is missing"},
	{"{" CONFIG ",\"layers\":[{" DIGEST ",\"size\":2}]}", NULL, ERR_CORRUPT,
		"layers[0].mediaType is missing"},
	{"{" CONFIG ",\"layers\":[{" LAYER_TYPE DIGEST ",\"size\":2,\"urls\":7}]}", NULL,
		ERR_CORRUPT, "layers[0].urls is a number, not a list"},
	{"{" CONFIG ",\"layers\":[{" LAYER_TYPE DIGEST
	 ",\"size\":2,\"urls\":[\"x\",7]}]}",
		NULL, ERR_CORRUPT, "layers[0].urls[1] is a number, not a string"},
	{"{" CONFIG ",\"layers\":\"x\"}", NULL, ERR_CORRUPT,
		"layers is a string, not a list"},
	{"{\"config\":[]," LAYERS "}", NULL, ERR_CORRUPT,
		"config is a list, not an object"},
};

static void refuses(void)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(document_finish) struct document doc = {0};
		const struct bad *b = &bad[i];
		struct o2r_err err = {0};
		int r = document_parse(
			b->text, strlen(b->text), b->led_by, &limits, &doc, &err);
		bool ok = r < 0 && !doc.json && err.cls == b->cls &&
			  strstr(err.text, b->message);

		CHECK(ok);
		if (!ok)
			fprintf(stderr, "  %s: class %d, %s\n", b->text, err.cls,
				err.text);
	}
}

static void refuses_many(void)
{
	static const struct {
		const char *head, *entry;
		size_t n;
		bool ok;
	} c[] = {
		{"{\"manifests\":[", ENTRY, INDEX_ENTRIES_MAX, true},
		{"{\"manifests\":[", ENTRY, INDEX_ENTRIES_MAX + 1, false},
		{"{" CONFIG ",\"layers\":[", LAYER, MANIFEST_LAYERS_MAX, true},
		{"{" CONFIG ",\"layers\":[", LAYER, MANIFEST_LAYERS_MAX + 1, false},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		CLEANUP(document_finish) struct document doc = {0};
		AUTO_BUF struct buf b = {0};
		struct o2r_err err = {0};

		CHECK_EQ(buf_append(&b, c[i].head, strlen(c[i].head)), 0);
		for (size_t k = 0; k < c[i].n; k++)
			CHECK_EQ(buf_printf(&b, "%s%s", k ? "," : "", c[i].entry), 0);
		CHECK_EQ(buf_append(&b, "]}", 2), 0);
		CHECK_EQ(document_parse(b.data, b.len, NULL, &limits, &doc, &err),
			c[i].ok ? 0 : -EBADMSG);
		if (!c[i].ok)
			CHECK(strstr(err.text, "more than the"));
	}
}

static void reads_descriptors(void)
{
	static const char index[] =
		"{\"manifests\":[{\"mediaType\":\"a/b\"," DIGEST
		",\"size\":4096,\"data\":\"e30=\",\"artifactType\":\"x/y\","
		"\"platform\":{\"os\":\"linux\",\"architecture\":\"x86_64\",\"variant\":"
		"\"v1\","
		"\"os.version\":\"1\",\"os.features\":[]},"
		"\"annotations\":{\"org.opencontainers.image.ref.name\":\"t\","
		"\"io.containerd.image.name\":\"n\",\"vnd.docker.reference.type\":\"q\"}}"
		","
		"{" DIGEST
		",\"size\":0,\"platform\":{\"os\":\"\",\"architecture\":\"\"}}]}";
	CLEANUP(document_finish) struct document doc = {0};
	struct o2r_err err = {0};
	const struct descriptor *d;

	CHECK_EQ(document_parse(index, strlen(index), NULL, &limits, &doc, &err), 0);
	d = &doc.entries[0];
	CHECK_STR(d->media_type, "a/b");
	CHECK_STR(digest_format(&d->digest).s, "sha256:" HEX);
	CHECK_EQ(d->size, 4096);
	CHECK_STR(d->data, "e30=");
	CHECK_STR(d->artifact_type, "x/y");
	CHECK(d->has_platform);
	CHECK_STR(platform_format(&d->platform).s, "linux/amd64");
	CHECK_STR(d->ref_name, "t");
	CHECK_STR(d->image_name, "n");
	CHECK_STR(d->reference_type, "q");
	CHECK(descriptor_is_attestation(d));
	d = &doc.entries[1];
	CHECK(!d->media_type && !d->has_platform && !descriptor_is_attestation(d));
}

static void reads_urls(void)
{
	for (size_t n = 0; n <= MANIFEST_URLS_MAX + 1; n++) {
		CLEANUP(document_finish) struct document doc = {0};
		AUTO_BUF struct buf b = {0};
		struct o2r_err err = {0};

		CHECK_EQ(buf_printf(&b, "{" CONFIG ",\"layers\":[{" LAYER_TYPE DIGEST
					",\"size\":2,\"urls\":["),
			0);
		for (size_t k = 0; k < n; k++)
			CHECK_EQ(buf_printf(&b, "%s\"https://h/%zu\"", k ? "," : "", k),
				0);
		CHECK_EQ(buf_append(&b, "]}]}", 4), 0);

		int r = document_parse(b.data, b.len, NULL, &limits, &doc, &err);

		if (n > MANIFEST_URLS_MAX) {
			CHECK_EQ(r, -EBADMSG);
			CHECK(strstr(err.text, "layers[0].urls has 17 entries"));
			continue;
		}
		CHECK_EQ(r, 0);
		/* none, and a list of none, are the same */
		CHECK_EQ(!doc.entries[0].urls, n == 0);
		if (n) {
			CHECK_STR(doc.entries[0].urls[0], "https://h/0");
			CHECK(doc.entries[0].urls[n - 1] && !doc.entries[0].urls[n]);
		}
	}
}

static void checks_inline_data(void)
{
	static const struct {
		const char *data;
		uint64_t size;
		const char *message; /* NULL: fine */
	} c[] = {
		{"e30=", 2, NULL},
		{"e30=", 3, "inline data: it has 2 bytes, its descriptor says 3"},
		{"e3s=", 2, "inline data: its content has the digest sha256:"},
		{"e3 =", 2, "its inline data is not base64"},
		{"", 2, "inline data: it has 0 bytes"},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct descriptor d = {.data = c[i].data, .size = c[i].size};
		AUTO_BUF struct buf out = {0};
		struct o2r_err err = {0};

		CHECK_EQ(digest_parse("sha256:" HEX, 71, &d.digest, &err), 0);
		CHECK_EQ(descriptor_inline(&d, &out, &err), c[i].message ? -EBADMSG : 0);
		if (c[i].message)
			CHECK(strstr(err.text, c[i].message));
		else
			CHECK_STR(out.data, "{}");
	}
}

static const struct media {
	const char *name;
	enum media_kind kind;
	int codec;
} media[] = {
	{OCI "layer.v1.tar", MEDIA_LAYER, CODEC_PLAIN},
	{OCI "layer.v1.tar+gzip", MEDIA_LAYER, CODEC_GZIP},
	{OCI "layer.v1.tar+zstd", MEDIA_LAYER, CODEC_ZSTD},
	{OCI "layer.nondistributable.v1.tar", MEDIA_LAYER, CODEC_PLAIN},
	{OCI "layer.nondistributable.v1.tar+gzip", MEDIA_LAYER, CODEC_GZIP},
	{OCI "layer.nondistributable.v1.tar+zstd", MEDIA_LAYER, CODEC_ZSTD},
	{DOCKER "image.rootfs.diff.tar", MEDIA_LAYER, -1},
	{DOCKER "image.rootfs.diff.tar.gzip", MEDIA_LAYER, CODEC_GZIP},
	{DOCKER "image.rootfs.diff.tar.zstd", MEDIA_LAYER, CODEC_ZSTD},
	{DOCKER "image.rootfs.foreign.diff.tar", MEDIA_LAYER, -1},
	{DOCKER "image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER, CODEC_GZIP},
	{OCI "config.v1+json", MEDIA_CONFIG, -1},
	{DOCKER "container.image.v1+json", MEDIA_CONFIG, -1},
	{"Application/vnd.OCI.image.manifest.v1+JSON; charset=utf-8", MEDIA_MANIFEST, -1},
	{OCI "layer.v1.tar+gzip+encrypted", MEDIA_UNKNOWN, -1},
	{OCI "layer.v1.ta", MEDIA_UNKNOWN, -1},
	{"application/vnd.erofs.layer.v1", MEDIA_UNKNOWN, -1},
	{"", MEDIA_UNKNOWN, -1},
	{NULL, MEDIA_UNKNOWN, -1},
};

static void knows_media_types(void)
{
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		CHECK_EQ(media_kind_of(media[i].name), media[i].kind);
		CHECK_EQ(media_layer_codec(media[i].name), media[i].codec);
	}
}

static const struct types {
	const char *config, *layer, *message; /* NULL: fine */
} types[] = {
	{OCI "config.v1+json", OCI "layer.v1.tar+gzip", NULL},
	{DOCKER "container.image.v1+json", DOCKER "image.rootfs.diff.tar.gzip", NULL},
	{"application/vnd.cncf.helm.config.v1+json", OCI "layer.v1.tar",
		"an artifact: its config is of the type "
		"\"application/vnd.cncf.helm.config.v1+json\""},
	{"application/vnd.oci.empty.v1+json", OCI "layer.v1.tar", "an artifact"},
	{OCI "config.v1+json", "application/vnd.in-toto+json",
		"layers[0] is of the type \"application/vnd.in-toto+json\""},
	{OCI "config.v1+json", OCI "layer.v1.tar+gzip+encrypted",
		"layers[0] is of the type"},
	{OCI "config.v1+json", OCI "config.v1+json", "layers[0] is of the type"},
};

static void checks_types(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct descriptor layer = {.media_type = types[i].layer};
		struct document m = {
			.config = {.media_type = types[i].config},
			.entries = &layer,
			.count = 1,
		};
		struct o2r_err err = {0};
		int r = manifest_check_types(&m, &err);

		CHECK_EQ(r, types[i].message ? -EOPNOTSUPP : 0);
		if (types[i].message) {
			CHECK_EQ(err.cls, ERR_FAIL);
			CHECK(strstr(err.text, types[i].message));
		}
	}
}

int main(void)
{
	tells_kinds();
	refuses();
	refuses_many();
	reads_descriptors();
	reads_urls();
	checks_inline_data();
	knows_media_types();
	checks_types();
	TEST_END;
}
