/* A build without libcurl. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "sources/registry/docker_daemon.h"
#include "sources/registry/registry.h"

int registry_open(struct image *image, const struct name *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err)
{
	(void)options, (void)want, (void)ctx;

	AUTO_FREE char *full = name_format(name);

	if (!full)
		return err_nomem(err);
	return err_set(err, ERR_USAGE, EOPNOTSUPP,
		"\"%s\" names an image in a registry, and this o2r was built without "
		"registries: make a layout of it by `skopeo copy docker://%s "
		"oci:DIR:TAG`, then give oci:DIR:TAG",
		text_quote(image->reference, strlen(image->reference)).s,
		text_quote(full, strlen(full)).s);
}

int docker_daemon_open(struct image *image, const char *name,
	const struct image_options *options, const struct wanted *want,
	const struct ctx *ctx, struct o2r_err *err)
{
	(void)image, (void)options, (void)want, (void)ctx;
	return err_set(err, ERR_USAGE, EOPNOTSUPP,
		"this o2r was built without what asks engines: use `docker save %s | o2r "
		"... -`",
		text_quote(name, strlen(name)).s);
}
