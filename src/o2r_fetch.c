/* All blobs at hand: for use without the network, and for who copies them. */
#include <string.h>

#include "handle.h"
#include "o2r_index.h"
#include "sources/store.h"

static int fetch(struct o2r_image *image, struct o2r_err *err)
{
	/* made when it is not there: to fill it is the point */
	o2r_image_store(image);
	return o2r_open_blobs(image, err);
}

bool o2r_image_is_remote(const struct o2r_image *image)
{
	static const char scheme[] = "docker://";

	return image->image->absolute &&
	       strncmp(image->image->absolute, scheme, sizeof(scheme) - 1) == 0;
}

const char *o2r_image_cache_dir(const struct o2r_image *image)
{
	return image->store ? store_dir(image->store) : NULL;
}

int o2r_image_fetch(struct o2r_image *image, struct o2r_error *error)
{
	struct o2r_err err = {0};

	return fetch(image, &err) < 0 ? o2r_fail(error, &err) : 0;
}
