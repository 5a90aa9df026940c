/* All blobs at hand: for use without the network, and for who copies them. */
#include "handle.h"
#include "o2r_index.h"

static int fetch(struct o2r_image *image, struct o2r_err *err)
{
	/* made when it is not there: to fill it is the point */
	o2r_image_store(image);
	return o2r_open_blobs(image, err);
}

int o2r_image_fetch(struct o2r_image *image, struct o2r_error *error)
{
	struct o2r_err err = {0};

	return fetch(image, &err) < 0 ? o2r_fail(error, &err) : 0;
}
