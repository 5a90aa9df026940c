/* All that 'o2r inspect' knows of an image, gathered once, shown as text or JSON. */
#ifndef O2R_CLI_FACTS_H
#define O2R_CLI_FACTS_H

#include "base/json_write.h"
#include "cli/seen.h"
#include "o2r.h"

enum {
	FACT_TYPES = 7,
};

struct facts {
	struct o2r_image *image;
	uint64_t paths, inodes;
	uint64_t types[FACT_TYPES]; /* inodes, in the order of fact_types */
	uint64_t size, decoded, entries, data, live; /* of all layers */
	uint64_t min_bytes;                          /* of a snapshot; 0: there is none */
	struct o2r_error no_snapshot;                /* why */
	struct seen seen;
};

/* Loads the image. 0 or a negative errno. */
int facts_gather(
	struct facts *f, struct o2r_image *image, struct o2r_error *error) O2R_MUST_CHECK;
void facts_finish(struct facts *f);

/* Each returns what buf_printf does. */
int facts_text(const struct facts *f, struct buf *out) O2R_MUST_CHECK;
int facts_json(const struct facts *f, struct buf *out) O2R_MUST_CHECK;

#endif
