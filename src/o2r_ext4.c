/* Options of the ext4 image, its identity, and planning it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/number.h"
#include "base/sha256.h"
#include "handle_ext4.h"

struct o2r_ext4_options *o2r_ext4_options_create(void)
{
	struct o2r_ext4_options *o = calloc(1, sizeof(*o));

	if (o)
		o->plan.block_size = 4096;
	return o;
}

void o2r_ext4_options_destroy(struct o2r_ext4_options *o)
{
	free(o);
}

int o2r_ext4_options_set_size(struct o2r_ext4_options *o, const char *size)
{
	uint64_t bytes = 0;

	if (strcmp(size, "min") == 0) {
		o->plan.size_mode = EXT4_SIZE_MIN;
		o->plan.bytes = 0;
		return 0;
	}
	if (!number_parse_size(size, &bytes) || !bytes)
		return -EINVAL;
	o->plan.size_mode = EXT4_SIZE_FIXED;
	o->plan.bytes = bytes;
	return 0;
}

int o2r_ext4_options_set_free(struct o2r_ext4_options *o, const char *size)
{
	size_t len = strlen(size);
	bool percent = len > 1 && size[len - 1] == '%';
	AUTO_FREE char *number = strndup(size, percent ? len - 1 : len);
	uint64_t v = 0;

	if (!number)
		return -ENOMEM;
	if (!(percent ? number_parse(number, &v) : number_parse_size(number, &v)) ||
		(percent && v > 1000000))
		return -EINVAL;
	o->plan.size_mode = percent ? EXT4_SIZE_FREE_PERCENT : EXT4_SIZE_FREE;
	o->plan.bytes = v;
	return 0;
}

int o2r_ext4_options_set_inodes(struct o2r_ext4_options *o, uint64_t free_inodes)
{
	o->plan.free_inodes_set = true;
	o->plan.free_inodes = free_inodes;
	return 0;
}

int o2r_ext4_options_set_label(struct o2r_ext4_options *o, const char *label)
{
	size_t len = strlen(label);

	if (len > sizeof(o->plan.label))
		return -EINVAL;
	memset(o->plan.label, 0, sizeof(o->plan.label));
	memcpy(o->plan.label, label, len);
	return 0;
}

int o2r_ext4_options_set_uuid(struct o2r_ext4_options *o, const char *uuid)
{
	uuid_t u;

	if (strcmp(uuid, "random") == 0)
		uuid_generate_random(u);
	else if (uuid_parse(uuid, u) < 0)
		return -EINVAL;
	memcpy(o->plan.uuid, u, sizeof(u));
	o->uuid_set = true;
	return 0;
}

void o2r_ext4_options_set_epoch(struct o2r_ext4_options *o, int64_t seconds)
{
	o->plan.clamp_set = true;
	o->plan.clamp = seconds;
}

void o2r_ext4_options_set_linear_dirs(struct o2r_ext4_options *o, bool on)
{
	o->plan.linear_dirs = on;
}

void o2r_ext4_options_set_force(struct o2r_ext4_options *o, bool on)
{
	o->force = on;
}

/* Everything that the bytes of the image follow from, as text. */
static int identity_text(
	const struct o2r_image *image, const struct ext4_options *o, struct buf *text)
{
	const struct tree_inode *root = tree_get(image->tree, TREE_ROOT);
	int r = buf_printf(text, "o2r ext4 1\n");

	for (unsigned i = 0; r == 0 && i < image->image->layer_count; i++)
		r = buf_printf(text, "layer %s\n",
			digest_format(stream_diff_id(image->streams[i])).s);
	if (r == 0)
		r = buf_printf(
			text, "root %" PRId64 ".%09u\n", root->mtime, root->mtime_nsec);
	if (r == 0)
		r = buf_printf(text,
			"size %d %" PRIu64 "\ninodes %d %" PRIu64 "\nepoch %d %" PRId64
			"\nblock %u linear %d\nlabel ",
			o->size_mode, o->bytes, o->free_inodes_set, o->free_inodes,
			o->clamp_set, o->clamp, o->block_size, o->linear_dirs);
	return r < 0 ? r : buf_append(text, o->label, sizeof(o->label));
}

int o2r_ext4_identity(struct o2r_image *image, struct ext4_options *o, bool uuid_set,
	struct o2r_err *err)
{
	struct buf text AUTO_BUF = {0};
	unsigned char hash[32];
	struct sha256 sha;

	if (identity_text(image, o, &text) < 0)
		return err_nomem(err);
	sha256_init(&sha);
	sha256_update(&sha, text.data, text.len);
	sha256_final(&sha, hash);
	if (!uuid_set) {
		memcpy(o->uuid, hash, sizeof(o->uuid));
		/* RFC 9562, section 5.8: version 8, made from a hash of one's own choice
		 */
		o->uuid[6] = (unsigned char)((o->uuid[6] & 0x0f) | 0x80);
		o->uuid[8] = (unsigned char)((o->uuid[8] & 0x3f) | 0x80);
	}
	memcpy(o->hash_seed, hash + 16, sizeof(o->hash_seed));
	return 0;
}

static void fill_info(const struct ext4_plan *plan, const struct ext4_options *o,
	struct o2r_ext4_info *info)
{
	struct ext4_summary s;

	ext4_plan_summary(plan, &s);
	*info = (struct o2r_ext4_info){
		.image_bytes = s.image_bytes,
		.min_bytes = s.min_bytes,
		.blocks = s.blocks,
		.free_blocks = s.free_blocks,
		.inodes = s.inodes,
		.used_inodes = s.used_inodes,
		.groups = s.groups,
		.data_blocks = s.data_blocks,
		.dir_blocks = s.dir_blocks,
		.extent_blocks = s.extent_blocks,
		.xattr_blocks = s.xattr_blocks,
		.metadata_bytes = s.metadata_bytes,
		.block_size = s.block_size,
	};
	uuid_unparse_lower(o->uuid, info->uuid);
}

int o2r_make_plan(struct o2r_image *image, const struct o2r_ext4_options *options,
	struct ext4_plan **plan, struct o2r_ext4_info *info, struct o2r_err *err)
{
	struct ext4_options o = {.block_size = 4096};
	int r = o2r_load_tree(image, err);

	if (r < 0)
		return r;
	if (options)
		o = options->plan;
	r = o2r_ext4_identity(image, &o, options && options->uuid_set, err);
	if (r == 0)
		r = ext4_plan_create(image->tree, &o, &image->ctx, plan, err);
	if (r == 0 && info)
		fill_info(*plan, &o, info);
	return r < 0 ? err_wrap(err, "%s", image->image->reference) : 0;
}

int o2r_ext4_plan(struct o2r_image *image, const struct o2r_ext4_options *options,
	struct o2r_ext4_info *info, int (*print)(void *arg, const char *line), void *arg,
	struct o2r_error *error)
{
	struct ext4_plan *plan CLEANUP(o2r_cleanup_plan) = NULL;
	struct o2r_err err = {0};
	int r = o2r_make_plan(image, options, &plan, info, &err);

	if (r < 0)
		return o2r_fail(error, &err);
	return print ? ext4_plan_print(plan, print, arg) : 0;
}
