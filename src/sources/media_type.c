#include "sources/media_type.h"

#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "blob/codec.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static const struct media {
	const char *name;
	enum media_kind kind;
	int codec;
} table[] = {
	{OCI "index.v1+json", MEDIA_INDEX, -1},
	{DOCKER "distribution.manifest.list.v2+json", MEDIA_INDEX, -1},
	{OCI "manifest.v1+json", MEDIA_MANIFEST, -1},
	{DOCKER "distribution.manifest.v2+json", MEDIA_MANIFEST, -1},
	{DOCKER "distribution.manifest.v1+json", MEDIA_SCHEMA1, -1},
	{DOCKER "distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1, -1},
	{OCI "config.v1+json", MEDIA_CONFIG, -1},
	{DOCKER "container.image.v1+json", MEDIA_CONFIG, -1},
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
	{DOCKER "image.rootfs.foreign.diff.tar.zstd", MEDIA_LAYER, CODEC_ZSTD},
};

static const struct media *find(const char *media_type)
{
	size_t n = media_type ? strcspn(media_type, "; \t") : 0;

	for (size_t i = 0; n && i < ARRAY_LEN(table); i++)
		if (strlen(table[i].name) == n &&
			strncasecmp(table[i].name, media_type, n) == 0)
			return &table[i];
	return NULL;
}

enum media_kind media_kind_of(const char *media_type)
{
	const struct media *m = find(media_type);

	return m ? m->kind : MEDIA_UNKNOWN;
}

int media_layer_codec(const char *media_type)
{
	const struct media *m = find(media_type);

	return m ? m->codec : -1;
}
