#include "sources/scratch.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/synthetic.h"

int scratch_open(struct image *image, const struct platform *platform,
	const struct ctx *ctx, struct o2r_err *err)
{
	AUTO_FREE struct digest *diff_ids = NULL;
	unsigned count = 0;
	int r = synthetic_make(image, platform, ctx, &diff_ids, &count, err);

	if (r < 0)
		return r;
	image->absolute = strdup("scratch");
	return image->absolute ? 0 : err_nomem(err);
}
