/*
 * State of a view: what its server writes down so that later commands know what a mount
 * shows, and can open it again without reading through FUSE. One JSON document a view
 * (docs/view.md). This is the document only; the files are o2r_state_file.h's.
 *
 * What comes out of view_state_parse has been checked member by member, since a file is
 * not ours until that is proven. Owned by the caller; no thread safety needed.
 */
#ifndef O2R_STATE_H
#define O2R_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/limits.h"
#include "o2r_process.h"
#include "sources/image.h"

enum {
	STATE_FILE_MAX = 1 << 20,
	STATE_LAYERS_MAX = 4096,
};

struct view_state {
	/* opens the same source from anywhere; NULL when nothing can */
	char *reference;
	struct digest manifest;
	char *platform; /* of the image: "os/arch[/variant]" */
	/* bottom first: of the blob, or of one that has none the diff_id */
	struct digest *layers;
	unsigned layer_count;
	struct image_extra *extras; /* as image.h has them */
	size_t extra_count;

	struct limits limits; /* what it was opened with */
	char *cache_dir;      /* absolute, NULL: the default one */
	bool no_cache;

	char *mountpoint; /* absolute */
	struct process process;
	struct boot_id boot;
	int64_t since; /* seconds since 1970 */
};

int view_state_format(
	const struct view_state *s, struct buf *out, struct o2r_err *err) O2R_MUST_CHECK;
/* *out is to be finished whatever comes out. Errors are of class CORRUPT. */
int view_state_parse(const char *text, size_t n, struct view_state *out,
	struct o2r_err *err) O2R_MUST_CHECK;
void view_state_finish(struct view_state *s);
#define AUTO_STATE CLEANUP(view_state_finish)

#endif
