#include "sources/synthetic.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_write.h"
#include "sources/config.h"

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define CONFIG "application/vnd.oci.image.config.v1+json"

static int write_config(struct buf *out, const struct platform *p, struct o2r_err *err)
{
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_string(&j, "architecture", p->arch);
	json_string(&j, "os", p->os);
	json_open(&j, "config", '{');
	json_close(&j, '}');
	json_open(&j, "rootfs", '{');
	json_string(&j, "type", "layers");
	json_open(&j, "diff_ids", '[');
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : 0;
}

static int write_manifest(
	struct buf *out, const struct digest *config, uint64_t size, struct o2r_err *err)
{
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_uint(&j, "schemaVersion", 2);
	json_string(&j, "mediaType", MANIFEST);
	json_open(&j, "config", '{');
	json_string(&j, "mediaType", CONFIG);
	json_string(&j, "digest", digest_format(config).s);
	json_uint(&j, "size", size);
	json_close(&j, '}');
	json_open(&j, "layers", '[');
	json_close(&j, ']');
	json_close(&j, '}');
	return json_end(&j) < 0 ? err_nomem(err) : 0;
}

int synthetic_make(struct image *image, const struct platform *platform,
	const struct ctx *ctx, struct digest **diff_ids, unsigned *count,
	struct o2r_err *err)
{
	int r = image->config.len ? 0 : write_config(&image->config, platform, err);

	if (r == 0)
		r = digest_of(DIGEST_SHA256, image->config.data, image->config.len,
			&image->config_digest, err);
	if (r == 0)
		r = write_manifest(
			&image->manifest, &image->config_digest, image->config.len, err);
	if (r == 0)
		r = digest_of(DIGEST_SHA256, image->manifest.data, image->manifest.len,
			&image->manifest_digest, err);
	if (r == 0)
		r = config_parse(image->config.data, image->config.len, ctx,
			&image->parsed, diff_ids, count, err);
	if (r < 0)
		return r;
	image->manifest_type = strdup(MANIFEST);
	return image->manifest_type ? 0 : err_nomem(err);
}
