#include "cli/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/json_write.h"

int report_text(const struct report *r, struct buf *out)
{
	const struct o2r_ext4_info *i = r->info;
	const char *name = r->output ? r->output : "dry run";

	return buf_printf(out,
		"%s: %s (%" PRIu64 " bytes), %" PRIu64 " inodes (%" PRIu64
		" free), UUID %s, from %s, in %.2f s\n",
		strcmp(name, "-") == 0 ? "standard output"
				       : text_quote(name, strlen(name)).s,
		text_size(i->image_bytes).s, i->image_bytes, i->inodes,
		i->inodes - i->used_inodes, i->uuid, o2r_image_manifest_digest(r->image),
		r->seconds);
}

void report_layers(struct json *j, const struct o2r_image *image)
{
	struct o2r_layer_info l;

	json_open(j, "layers", '[');
	for (unsigned i = 0; o2r_image_layer(image, i, &l) == 0; i++) {
		json_open(j, NULL, '{');
		json_uint(j, "number", i + 1);
		json_string(j, "digest", l.digest);
		json_string(j, "diff_id", l.diff_id);
		json_string(j, "media_type", l.media_type);
		json_uint(j, "size", l.size);
		json_uint(j, "decoded_size", l.decoded_size);
		json_uint(j, "entries", l.entries);
		json_uint(j, "data_bytes", l.data_bytes);
		json_uint(j, "live_bytes", l.live_bytes);
		json_uint(j, "wasted_bytes", l.data_bytes - l.live_bytes);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void add_info(struct json *j, const struct o2r_ext4_info *i)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"image_bytes", i->image_bytes},
		{"min_bytes", i->min_bytes},
		{"block_size", i->block_size},
		{"blocks", i->blocks},
		{"free_blocks", i->free_blocks},
		{"inodes", i->inodes},
		{"free_inodes", i->inodes - i->used_inodes},
		{"groups", i->groups},
		{"data_blocks", i->data_blocks},
		{"dir_blocks", i->dir_blocks},
		{"extent_blocks", i->extent_blocks},
		{"xattr_blocks", i->xattr_blocks},
		{"metadata_bytes", i->metadata_bytes},
	};

	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
		json_uint(j, numbers[n].name, numbers[n].value);
	json_string(j, "uuid", i->uuid);
}

int report_json(const struct report *r, struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_open(&j, NULL, '{');
	json_string(&j, "reference", r->reference);
	json_string(&j, "manifest_digest", o2r_image_manifest_digest(r->image));
	json_string(&j, "config_digest", o2r_image_config_digest(r->image));
	json_string(&j, "platform", o2r_image_platform(r->image));
	json_string(&j, "output", r->output);
	json_bool(&j, "dry_run", !r->output);
	add_info(&j, r->info);
	json_seconds(&j, "seconds", r->seconds);
	report_layers(&j, r->image);
	json_close(&j, '}');
	return json_end(&j);
}
