/* What a snapshot says when it is done, as a line for people or as JSON. */
#ifndef O2R_CLI_REPORT_H
#define O2R_CLI_REPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/json_write.h"
#include "o2r.h"

struct report {
	const char *reference;
	const char *output; /* NULL: a dry run */
	const struct o2r_image *image;
	const struct o2r_ext4_info *info;
	double seconds;
};

/* Each returns what buf_printf does. */
int report_text(const struct report *r, struct buf *out) O2R_MUST_CHECK;
int report_json(const struct report *r, struct buf *out) O2R_MUST_CHECK;

/* The member "layers": what o2r_image_layer tells of each, bottom first. */
void report_layers(struct json *j, const struct o2r_image *image);

#endif
