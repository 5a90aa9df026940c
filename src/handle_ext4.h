/* What planning and writing share; private to the files that join the rooms. */
#ifndef O2R_HANDLE_EXT4_H
#define O2R_HANDLE_EXT4_H

#include "handle.h"

static inline void o2r_cleanup_plan(struct ext4_plan **p)
{
	ext4_plan_destroy(*p);
}

static inline void o2r_cleanup_writer(struct ext4_writer **w)
{
	ext4_writer_destroy(*w);
}

/* Load, settle UUID and hash seed, plan. options and info may be NULL. */
int o2r_make_plan(struct o2r_image *image, const struct o2r_ext4_options *options,
	struct ext4_plan **plan, struct o2r_ext4_info *info,
	struct o2r_err *err) O2R_MUST_CHECK;

#endif
